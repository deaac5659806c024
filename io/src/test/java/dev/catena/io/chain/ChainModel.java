package dev.catena.io.chain;

import dev.catena.io.chain.ChainPlan.Kind;
import dev.catena.io.chain.ChainPlan.OnError;
import dev.catena.io.chain.ChainPlan.OnShort;
import dev.catena.io.chain.ChainPlan.PlannedStep;
import dev.catena.io.memory.Xxh64;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * What a chain does, told as simply as it can be: arrays for memory and files, requests carried out one after another in the order
 * in which they are issued. Written from docs/CHAINS.md, not from the interpreters.
 */
final class ChainModel {
    private static final int EIO = 5;
    private static final int EBADF = 9;
    private static final int EINVAL = 22;
    private static final int ENOSPC = 28;
    private static final int ELOOP = 40;
    private static final int ENODATA = 61;
    private static final int EBADMSG = 74;

    private enum State {
        IDLE,
        IN_FLIGHT,
        DONE,
        FAILED
    }

    private final ChainPlan plan;
    private final byte[] source;
    private final byte[] target;
    private int targetBytes;
    private final ByteBuffer memory;
    private final MemorySegment hashed;

    private final State[] states;
    private final int[] arrivals;
    private final int[] faulted;
    private final int[] lengths;
    private final ArrayDeque<Integer> inFlight = new ArrayDeque<>();
    /** The next step whose turn comes. */
    private int turn;

    private final Outcome outcome;

    /** What came of a chain. {@code hashes} are of steps that calculated one. */
    static final class Outcome {
        int result;
        int failedStep;
        long sum;
        long bytes;
        int completed;
        int shortIos;
        int retries;
        int issued;
        final boolean[] done;
        final boolean[] hashed;
        final int[] moved;
        final int[] results;
        final int[] retried;
        final long[] hashes;
        final byte[] memory;
        byte[] target = {};

        Outcome(int steps, byte[] memory) {
            done = new boolean[steps];
            hashed = new boolean[steps];
            moved = new int[steps];
            results = new int[steps];
            retried = new int[steps];
            hashes = new long[steps];
            this.memory = memory;
        }
    }

    private ChainModel(ChainPlan plan, byte[] source, byte[] target, MemorySegment scratch) {
        this.plan = plan;
        this.source = source;
        this.target = Arrays.copyOf(target, ChainPlan.TARGET_BYTES_MAX);
        targetBytes = target.length;
        int steps = plan.steps.size();
        outcome = new Outcome(steps, plan.memory.clone());
        memory = ByteBuffer.wrap(outcome.memory).order(ByteOrder.nativeOrder());
        hashed = scratch;
        states = new State[steps];
        Arrays.fill(states, State.IDLE);
        arrivals = new int[steps];
        faulted = new int[steps];
        lengths = new int[steps];
    }

    /** Carries a chain out; {@code scratch} is native memory for {@link ChainPlan#DATA_BYTES}. */
    static Outcome run(ChainPlan plan, byte[] source, byte[] target, MemorySegment scratch) {
        return new ChainModel(plan, source, target, scratch).run();
    }

    private Outcome run() {
        issueInOrder();
        while (!inFlight.isEmpty()) {
            complete(inFlight.remove());
            issueInOrder();
        }
        for (int i = 0; i < states.length; i++) {
            outcome.done[i] = states[i] == State.DONE;
        }
        outcome.target = Arrays.copyOf(target, targetBytes);
        return outcome;
    }

    private void issueInOrder() {
        while (outcome.result == 0 && turn < states.length && isAdded(turn)) {
            PlannedStep step = plan.steps.get(turn);
            boolean waits = arrivals[turn] < step.join;
            if (!waits && (inFlight.size() >= plan.window || (step.barrier && !inFlight.isEmpty()))) {
                return;
            }
            turn++;
            if (!waits) {
                begin(turn - 1);
            }
        }
    }

    /** A growing chain gets a step when the one that was in its place is done. */
    private boolean isAdded(int index) {
        int before = index - ChainPlan.GROWING_CAPACITY;
        return plan.shape != ChainPlan.Shape.GROWING || before < 0 || states[before] == State.DONE;
    }

    private void begin(int index) {
        PlannedStep step = plan.steps.get(index);
        if (plan.budget == 0 && (states[index] == State.DONE || states[index] == State.FAILED)) {
            fail(index, ELOOP);
            return;
        }
        arrivals[index] = 0;
        outcome.moved[index] = 0;
        outcome.retried[index] = 0;
        lengths[index] = step.length;
        if (step.lengthAt >= 0) {
            long length = memory.getLong(step.lengthAt);
            memory.putLong(step.lengthAt, -1);
            lengths[index] = length == (int) length && length >= 0 ? (int) length : -1;
        }
        issue(index);
    }

    private void issue(int index) {
        PlannedStep step = plan.steps.get(index);
        boolean stores = step.storesHash || step.storesSum;
        boolean intoItself =
                lengths[index] > 0 && step.value + 8 > step.buffer && step.value < step.buffer + lengths[index];
        boolean ofNothing = step.kind == Kind.RESERVE && lengths[index] == 0;
        if (lengths[index] < 0 || ofNothing || (stores && intoItself)) {
            states[index] = State.FAILED;
            fail(index, EINVAL);
        } else if (plan.budget > 0 && outcome.issued == plan.budget) {
            states[index] = State.FAILED;
            fail(index, ELOOP);
        } else {
            states[index] = State.IN_FLIGHT;
            outcome.issued++;
            inFlight.add(index);
        }
    }

    private void complete(int index) {
        PlannedStep step = plan.steps.get(index);
        int moved = request(index, step);
        if (moved < 0) {
            outcome.results[index] = moved;
            if (step.onError == OnError.RETRY && outcome.retried[index] < step.retries) {
                outcome.retried[index]++;
                outcome.retries++;
                issue(index);
                return;
            }
            if (step.onError == OnError.ACCEPT) {
                succeed(index, step);
                return;
            }
            states[index] = State.FAILED;
            if (step.onError == OnError.JUMP) {
                jump(index, step.jump);
            } else {
                fail(index, -moved);
            }
            return;
        }
        outcome.moved[index] += moved;
        outcome.bytes += moved;
        outcome.results[index] = outcome.moved[index];
        boolean isShort = step.moves() && outcome.moved[index] < lengths[index];
        if (isShort) {
            outcome.shortIos++;
        }
        if (isShort && step.onShort == OnShort.CONTINUE && moved > 0) {
            issue(index);
        } else if (isShort && step.onShort == OnShort.JUMP) {
            states[index] = State.FAILED;
            jump(index, step.jump);
        } else if (isShort && step.onShort != OnShort.ACCEPT) {
            states[index] = State.FAILED;
            fail(index, step.kind == Kind.READ ? ENODATA : moved == 0 ? ENOSPC : EIO);
        } else {
            succeed(index, step);
        }
    }

    private void succeed(int index, PlannedStep step) {
        if (!calculate(index, step)) {
            states[index] = State.FAILED;
            fail(index, EBADMSG);
        } else {
            states[index] = State.DONE;
            outcome.completed++;
            for (int to = step.next; to < step.next + step.fanout && outcome.result == 0; to++) {
                arrivals[to]++;
                if (to < turn && states[to] != State.IN_FLIGHT && arrivals[to] >= plan.steps.get(to).join) {
                    begin(to);
                }
            }
        }
    }

    /** Carries the request out; bytes moved, or a negative error number. */
    private int request(int index, PlannedStep step) {
        int from = outcome.moved[index];
        int length = lengths[index] - from;
        if (faulted[index] < step.faults) {
            faulted[index]++;
            if (step.fault < 0) {
                return step.fault;
            }
            length = Math.min(length, step.fault);
        }
        if (step.kind == Kind.NOP || step.kind == Kind.SYNC) {
            return 0;
        }
        int position = (int) (step.positionAt >= 0 ? memory.getLong(step.positionAt) : step.position) + from;
        if (position < 0) {
            return -EINVAL;
        }
        if (step.kind == Kind.RESERVE) {
            targetBytes = length == 0 ? targetBytes : Math.max(targetBytes, position + length);
            return length == 0 ? -EINVAL : 0;
        }
        if (step.kind == Kind.TRUNCATE) {
            targetBytes = position;
            Arrays.fill(target, position, target.length, (byte) 0);
            return 0;
        }
        if (step.kind == Kind.READ) {
            byte[] file = step.ofSource ? source : target;
            int end = step.ofSource ? source.length : targetBytes;
            int moved = Math.max(0, Math.min(length, end - position));
            memory.put(step.buffer + from, file, Math.min(position, end), moved);
            return moved;
        }
        if (step.ofSource) {
            return -EBADF;
        }
        memory.get(step.buffer + from, target, position, length);
        targetBytes = length == 0 ? targetBytes : Math.max(targetBytes, position + length);
        return length;
    }

    /** Hashes, compares, stores; whether the hash was the expected one. */
    private boolean calculate(int index, PlannedStep step) {
        if (step.hashes()) {
            int length = step.moves() ? outcome.moved[index] : lengths[index];
            MemorySegment.copy(MemorySegment.ofBuffer(memory), step.buffer, hashed, 0, length);
            long hash = Xxh64.hash(hashed, 0, length, step.isSeeded ? step.seed : step.position);
            outcome.hashed[index] = true;
            outcome.hashes[index] = hash;
            if (step.verifies && hash != memory.getLong(step.value)) {
                return false;
            }
            outcome.sum += step.accumulates ? hash : 0;
            if (step.storesHash) {
                memory.putLong(step.value, hash);
            }
        }
        if (step.storesSum) {
            memory.putLong(step.value, outcome.sum);
        }
        return true;
    }

    private void jump(int from, int to) {
        if (states[to] == State.IN_FLIGHT) {
            fail(from, EINVAL);
            return;
        }
        turn = Math.max(turn, to + 1);
        begin(to);
    }

    private void fail(int index, int error) {
        if (outcome.result == 0) {
            outcome.result = -error;
            outcome.failedStep = index;
        }
    }
}
