package dev.catena.io.chain;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A random chain, as data: what {@link ChainModel} carries out and what is built for a backend. Its outcome does not depend on the
 * order in which requests complete. There are three shapes.
 *
 * <ul>
 *   <li>{@code ONE_BY_ONE}: anything goes, loops and failures too, but one request is in flight at a time.
 *   <li>{@code AT_ONCE}: windows, fan-out, joins and barriers; each step has its own bytes, and none fails for good.
 *   <li>{@code GROWING}: more steps than the chain has room for, added while it runs; at most one of them fails.
 * </ul>
 *
 * <p>Memory is {@link #DATA_BYTES} of data, which steps read, write and hash, then {@link #WORDS} words: values (which may also be
 * stored in the data), file offsets, and lengths, each in a part of its own.
 */
final class ChainPlan {
    static final int SOURCE_BYTES = 5_000;
    static final int TARGET_BYTES = 4_096;
    /** Writes may make the target longer, up to this. */
    static final int TARGET_BYTES_MAX = 8_192;

    static final int DATA_BYTES = 8_192;
    static final int WORDS = 64;
    static final int MEMORY_BYTES = DATA_BYTES + 8 * WORDS;
    static final int GROWING_CAPACITY = 8;

    private static final int LENGTH_MAX = 1_500;
    private static final int FIRST_POSITION = 32;
    private static final int FIRST_LENGTH = 48;
    private static final int SLICE_BYTES = 256;
    private static final int[] ERRORS = {4, 5, 9, 11, 28, 125};

    enum Shape {
        ONE_BY_ONE,
        AT_ONCE,
        GROWING
    }

    enum Kind {
        READ,
        WRITE,
        NOP,
        RESERVE,
        TRUNCATE,
        SYNC
    }

    enum OnShort {
        CONTINUE,
        ACCEPT,
        STOP,
        JUMP
    }

    enum OnError {
        STOP,
        RETRY,
        JUMP,
        ACCEPT
    }

    /** A step; places are offsets in memory, -1 says that there is none. */
    static final class PlannedStep {
        Kind kind = Kind.NOP;
        boolean ofSource;
        int buffer;
        int length;
        long position;
        boolean durable;
        OnShort onShort = OnShort.CONTINUE;
        OnError onError = OnError.STOP;
        int retries;
        int jump;
        int join;
        int next;
        int fanout;
        boolean barrier;
        boolean accumulates;
        boolean verifies;
        boolean storesHash;
        boolean storesSum;
        int value = -1;
        boolean isSeeded;
        long seed;
        int positionAt = -1;
        int lengthAt = -1;
        /** A negative error number, or how many bytes a request moves at most. */
        int fault;

        int faults;

        boolean hashes() {
            return accumulates || verifies || storesHash;
        }

        boolean moves() {
            return kind == Kind.READ || kind == Kind.WRITE;
        }
    }

    final Shape shape;
    final List<PlannedStep> steps = new ArrayList<>();
    final byte[] memory = new byte[MEMORY_BYTES];
    int window = 1;
    /** 0: none is stated. */
    int budget;
    /** The chain is started with so many steps, the others follow. */
    int startedWith;

    private final SplittableRandom random;

    /** The chain of a seed. */
    ChainPlan(long seed) {
        random = new SplittableRandom(seed);
        random.nextBytes(memory);
        ByteBuffer words = ByteBuffer.wrap(memory).order(ByteOrder.nativeOrder());
        for (int word = FIRST_POSITION; word < FIRST_LENGTH; word++) {
            words.putLong(place(word), word == FIRST_POSITION ? -1 : random.nextInt(TARGET_BYTES));
        }
        for (int word = FIRST_LENGTH; word < WORDS; word++) {
            boolean tooLong = word == FIRST_LENGTH;
            words.putLong(place(word), tooLong ? random.nextLong() | 1L << 40 : random.nextInt(SLICE_BYTES));
        }
        int kind = random.nextInt(10);
        shape = kind < 7 ? Shape.ONE_BY_ONE : kind < 9 ? Shape.AT_ONCE : Shape.GROWING;
        switch (shape) {
            case ONE_BY_ONE -> planOneByOne();
            case AT_ONCE -> planAtOnce();
            case GROWING -> planGrowing();
        }
    }

    private static int place(int word) {
        return DATA_BYTES + 8 * word;
    }

    /** Seldom what takes long. */
    private Kind anyKind() {
        int number = random.nextInt(54);
        return number < 48 ? Kind.values()[number / 16] : Kind.values()[3 + (number - 48) / 2];
    }

    private boolean oneIn(int times) {
        return random.nextInt(times) == 0;
    }

    // ---- One request at a time.

    private void planOneByOne() {
        if (oneIn(3)) {
            budget = random.nextInt(1, 40);
        }
        int count = random.nextInt(1, 25);
        startedWith = oneIn(4) ? random.nextInt(count + 1) : count;
        for (int i = 0; i < count; i++) {
            PlannedStep step = anyStep();
            // What a jump may name must be published when it is taken; without a budget it must be a later step.
            int published = i < startedWith ? startedWith : count;
            int first = budget > 0 && oneIn(2) ? 0 : i + 1;
            if (first < published) {
                step.jump = random.nextInt(first, published);
                if (oneIn(5)) {
                    step.onShort = OnShort.JUMP;
                }
                if (oneIn(5)) {
                    step.onError = OnError.JUMP;
                }
            }
            first = budget > 0 && oneIn(4) ? 0 : i + 1;
            if (first < count && oneIn(3)) {
                step.next = random.nextInt(first, count);
                step.fanout = 1;
            }
            if (oneIn(4)) {
                step.join = random.nextInt(1, 3);
            }
            step.barrier = oneIn(10);
            steps.add(step);
        }
    }

    private PlannedStep anyStep() {
        PlannedStep step = new PlannedStep();
        step.kind = anyKind();
        step.length = oneIn(4) ? random.nextInt(1, 40) : random.nextInt(1, LENGTH_MAX);
        step.buffer = random.nextInt(DATA_BYTES - LENGTH_MAX);
        if (step.kind == Kind.READ) {
            step.ofSource = !oneIn(3);
            step.position = random.nextInt(step.ofSource ? SOURCE_BYTES + 200 : TARGET_BYTES + 200);
        } else if (step.kind == Kind.WRITE) {
            step.ofSource = oneIn(25); // which is open for reading only
            step.position = random.nextInt(oneIn(8) ? TARGET_BYTES_MAX - LENGTH_MAX : TARGET_BYTES - LENGTH_MAX);
            step.durable = oneIn(10);
        } else if (step.kind == Kind.RESERVE) {
            step.buffer = 0;
            step.position = random.nextInt(TARGET_BYTES_MAX - LENGTH_MAX);
        } else if (step.kind == Kind.TRUNCATE) {
            step.buffer = 0;
            step.length = 0;
            step.position = random.nextInt(TARGET_BYTES_MAX);
        }
        if (step.kind != Kind.NOP && step.kind != Kind.SYNC) {
            if (oneIn(10)) {
                step.positionAt = place(random.nextInt(FIRST_POSITION, FIRST_LENGTH));
            }
            if (step.kind != Kind.TRUNCATE && oneIn(10)) {
                step.lengthAt = place(random.nextInt(FIRST_LENGTH, WORDS));
            }
        } else if (step.kind == Kind.SYNC) {
            step.buffer = 0;
            step.length = 0;
        }
        switch (random.nextInt(4)) {
            case 0 -> step.onShort = OnShort.ACCEPT;
            case 1 -> step.onShort = OnShort.STOP;
            default -> {}
        }
        if (oneIn(3)) {
            step.onError = OnError.RETRY;
            step.retries = random.nextInt(5);
        } else if (oneIn(6)) {
            step.onError = OnError.ACCEPT;
        }
        if (oneIn(5)) {
            step.faults = random.nextInt(1, 4);
            step.fault = oneIn(2) ? -ERRORS[random.nextInt(ERRORS.length)] : random.nextInt(step.length + 1);
        }
        calculate(step);
        return step;
    }

    private void calculate(PlannedStep step) {
        boolean hasData = step.kind != Kind.RESERVE;
        step.accumulates = hasData && oneIn(3);
        step.storesHash = hasData && oneIn(5);
        step.storesSum = oneIn(8);
        if (oneIn(4)) {
            step.isSeeded = true;
            step.seed = random.nextLong();
        }
        int value = oneIn(4) ? 8 * random.nextInt(DATA_BYTES / 8) : place(random.nextInt(FIRST_POSITION));
        // A value in the step's own data is refused by Java; where only the length taken late makes it so, by whoever
        // steers.
        if (step.lengthAt >= 0) {
            step.length = 1;
        }
        if (value + 8 > step.buffer && value < step.buffer + step.length) {
            value = place(0);
        }
        step.value = value;
        PlannedStep before = steps.isEmpty() ? step : steps.get(random.nextInt(steps.size()));
        if (before.storesHash && before.lengthAt < 0 && oneIn(3)) { // the same data, if nothing came between
            step.verifies = true;
            step.kind = Kind.NOP;
            step.position = 0;
            step.buffer = before.buffer;
            step.length = before.length;
            step.lengthAt = -1;
            step.positionAt = -1;
            step.isSeeded = true;
            step.seed = before.isSeeded ? before.seed : before.position;
            step.value = before.value;
        } else {
            step.verifies = hasData && oneIn(60);
        }
    }

    // ---- Many at once.

    private void planAtOnce() {
        window = random.nextInt(1, 9);
        int count = random.nextInt(2, 25);
        startedWith = oneIn(4) ? random.nextInt(count + 1) : count;
        for (int i = 0; i < count; i++) {
            steps.add(ownStep(i, i));
        }
        for (int i = 0; i < count - 1; i++) {
            if (oneIn(2)) {
                PlannedStep step = steps.get(i);
                step.next = random.nextInt(i + 1, count);
                step.fanout = random.nextInt(1, Math.min(8, count - step.next) + 1);
                for (int to = step.next; to < step.next + step.fanout; to++) {
                    steps.get(to).join++; // all of them: whichever comes last
                }
            }
        }
        for (int i = 0; i < count; i++) {
            PlannedStep step = steps.get(i);
            if (step.barrier && step.join == 0 && step.kind == Kind.NOP) { // hashes the values of all steps before it
                step.buffer = place(0);
                step.length = 8 * i;
                step.accumulates = true;
                step.storesHash = false;
            }
        }
    }

    /** A step that succeeds whatever else is done meanwhile: with a slice of the data, a value and a range of the target of its own. */
    private PlannedStep ownStep(int number, int slice) {
        PlannedStep step = new PlannedStep();
        step.kind = anyKind();
        step.buffer = slice * SLICE_BYTES;
        step.length = random.nextInt(1, SLICE_BYTES + 1);
        if (step.kind == Kind.READ) {
            step.ofSource = true;
            step.position = random.nextInt(SOURCE_BYTES - SLICE_BYTES);
            if (oneIn(8)) {
                step.position = (long) SOURCE_BYTES - step.length / 2;
                step.onShort = OnShort.ACCEPT;
            }
            if (oneIn(6) && number < WORDS - FIRST_LENGTH - 1) {
                step.lengthAt = place(FIRST_LENGTH + 1 + number);
            }
        } else if (step.kind == Kind.WRITE) {
            step.length = Math.min(step.length, 80);
            step.position = number * 80L;
            step.durable = oneIn(10);
        } else if (step.kind == Kind.SYNC || step.kind == Kind.TRUNCATE) { // which would not do at any time
            step.kind = Kind.SYNC;
            step.length = 0;
        } else if (step.kind == Kind.RESERVE) {
            step.buffer = 0;
            step.position = number * 80L;
        }
        if (step.lengthAt < 0 && oneIn(4)) {
            if (step.moves() && oneIn(2)) {
                step.faults = random.nextInt(1, 4);
                step.fault = random.nextInt(1, step.length + 1);
            } else {
                step.faults = random.nextInt(1, 4);
                step.fault = -ERRORS[random.nextInt(ERRORS.length)];
                step.onError = OnError.RETRY;
                step.retries = random.nextInt(step.faults, 6);
            }
        }
        step.barrier = oneIn(8);
        step.accumulates = step.kind != Kind.RESERVE && oneIn(2);
        step.storesHash = step.kind != Kind.RESERVE && oneIn(3);
        step.value = place(slice);
        return step;
    }

    // ---- Growing.

    private void planGrowing() {
        window = random.nextInt(1, 5);
        int count = random.nextInt(1, 45);
        startedWith = random.nextInt(Math.min(count, GROWING_CAPACITY) + 1);
        for (int i = 0; i < count; i++) {
            steps.add(ownStep(i, i % GROWING_CAPACITY));
        }
        if (window == 1 && oneIn(3)) {
            PlannedStep failing = steps.get(random.nextInt(count));
            failing.faults = 9;
            failing.fault = -ERRORS[random.nextInt(ERRORS.length)];
        }
    }

    /** Adds step {@code index} to a chain that is to do what the plan says. */
    void add(int index, Chain chain, ChainFile source, ChainFile target, Region region) {
        PlannedStep planned = steps.get(index);
        ChainFile file = planned.ofSource ? source : target;
        Step step = switch (planned.kind) {
            case READ -> chain.read(file, region, planned.buffer, planned.length, planned.position);
            case WRITE -> chain.write(file, region, planned.buffer, planned.length, planned.position);
            case SYNC -> chain.sync(file);
            case RESERVE -> chain.reserve(file, planned.length, planned.position);
            case TRUNCATE -> chain.truncate(file, planned.position);
            case NOP -> chain.nop().over(region, planned.buffer, planned.length);
        };
        if (planned.durable) {
            step.durable();
        }
        switch (planned.onShort) {
            case CONTINUE -> {}
            case ACCEPT -> step.acceptShort();
            case STOP -> step.stopOnShort();
            case JUMP -> step.jumpOnShort(planned.jump);
        }
        switch (planned.onError) {
            case STOP -> {}
            case RETRY -> step.retryOnError(planned.retries);
            case JUMP -> step.jumpOnError(planned.jump);
            case ACCEPT -> step.acceptError();
        }
        if (planned.fanout > 0) {
            step.next(planned.next, planned.fanout);
        }
        if (planned.barrier) {
            step.barrier();
        }
        if (planned.accumulates) {
            step.accumulate();
        }
        if (planned.verifies) {
            step.verify(region, planned.value);
        }
        if (planned.storesHash) {
            step.storeHash(region, planned.value);
        }
        if (planned.storesSum) {
            step.storeSum(region, planned.value);
        }
        if (planned.isSeeded) {
            step.seed(planned.seed);
        }
        if (planned.positionAt >= 0) {
            step.positionAt(region, planned.positionAt);
        }
        if (planned.lengthAt >= 0) {
            step.lengthAt(region, planned.lengthAt);
        }
        if (planned.faults > 0 && planned.fault < 0) {
            step.fault(-planned.fault, planned.faults);
        } else if (planned.faults > 0) {
            step.cut(planned.fault, planned.faults);
        }
        step.join(planned.join);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("%s, window %d, budget %d, %d of %d steps at the start"
                .formatted(shape, window, budget, startedWith, steps.size()));
        for (int i = 0; i < steps.size(); i++) {
            PlannedStep s = steps.get(i);
            text.append("\n%3d %s%s %d+%d @%d"
                            .formatted(i, s.kind, s.ofSource ? " source" : "", s.buffer, s.length, s.position))
                    .append(s.durable ? " durable" : "")
                    .append(" short " + s.onShort + " error " + s.onError + (s.retries > 0 ? " " + s.retries : ""))
                    .append(s.onShort == OnShort.JUMP || s.onError == OnError.JUMP ? " jump " + s.jump : "")
                    .append(s.join > 0 ? " join " + s.join : "")
                    .append(s.fanout > 0 ? " next " + s.next + "+" + s.fanout : "")
                    .append(s.barrier ? " barrier" : "")
                    .append(s.accumulates ? " accumulate" : "")
                    .append(s.verifies ? " verify" : "")
                    .append(s.storesHash ? " hash" : "")
                    .append(s.storesSum ? " sum" : "")
                    .append(s.verifies || s.storesHash || s.storesSum ? " at " + s.value : "")
                    .append(s.isSeeded ? " seeded" : "")
                    .append(s.positionAt >= 0 ? " position at " + s.positionAt : "")
                    .append(s.lengthAt >= 0 ? " length at " + s.lengthAt : "")
                    .append(s.faults > 0 ? " fault " + s.fault + " x" + s.faults : "");
        }
        return text.toString();
    }
}
