package dev.catena.io.chain;

import dev.catena.io.internal.ChainLayout;
import dev.catena.io.internal.Errno;
import dev.catena.io.internal.SharedMemory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows: descriptors that make no sense. Java refuses them before anything is issued. Written into the shared memory past
 * Java's checks they are refused by whoever steers: on kernel backends the program.
 */
final class MalformedRows {
    private static final int EBADF = 9;

    private MalformedRows() {}

    static void addTo(Conformance.Table table) {
        table.row("malformed-refused-by-java", MalformedRows::builder);
        table.row("malformed-edges-refused-by-java", MalformedRows::edges);
        table.row("malformed-steps-refused-by-the-steerer", MalformedRows::steps);
        table.row("malformed-chains-refused-by-the-steerer", MalformedRows::chains);
        table.row("cycles-without-budget-refused-by-the-steerer", MalformedRows::cycles);
    }

    /** What Java ought to have refused, but took. */
    private static final class Taken {
        private final List<String> all = new ArrayList<>();

        /** Does what is to be refused. */
        void unlessRefused(Runnable action, String what) {
            try {
                action.run();
                all.add(what);
            } catch (IllegalArgumentException e) {
                // as it should be
            }
        }

        void check() {
            Check.that(all.isEmpty(), "not refused: " + String.join("; ", all));
        }
    }

    private static void builder(Fixture on) throws IOException {
        Taken taken = new Taken();
        Chain chain = on.chain.begin();
        for (int capacity : new int[] {-1, 0, 3, 8_192}) {
            taken.unlessRefused(() -> on.lane.chain(capacity), "capacity " + capacity);
        }
        for (int window : new int[] {-1, 0, 65}) {
            taken.unlessRefused(() -> chain.window(window), "window " + window);
        }
        for (int budget : new int[] {Integer.MIN_VALUE, -1, 0}) {
            taken.unlessRefused(() -> chain.budget(budget), "budget " + budget);
        }
        for (int count : new int[] {-1, 0, 33, 65_537}) {
            taken.unlessRefused(() -> chain.begin().nop().next(0, count), count + " successors");
        }
        for (int times : new int[] {-1, 256}) {
            taken.unlessRefused(() -> chain.begin().nop().retryOnError(times), times + " retries");
        }
        for (int arrivals : new int[] {-1, 65_536}) {
            taken.unlessRefused(() -> chain.begin().nop().join(arrivals), arrivals + " arrivals");
        }
        int end = Fixture.REGION_BYTES;
        for (long offset : new long[] {-8, 4, end - 4, end, Long.MAX_VALUE - 7, Long.MIN_VALUE}) {
            taken.unlessRefused(() -> chain.begin().nop().verify(on.region, offset), "a value at " + offset);
            taken.unlessRefused(() -> chain.begin().nop().storeHash(on.region, offset), "a value at " + offset);
            taken.unlessRefused(() -> chain.begin().nop().storeSum(on.region, offset), "a value at " + offset);
            taken.unlessRefused(() -> chain.begin().nop().positionAt(on.region, offset), "an offset at " + offset);
            taken.unlessRefused(() -> chain.begin().nop().lengthAt(on.region, offset), "a length at " + offset);
        }
        try (ChainFile file = on.target()) {
            long[][] transfers = { // offset, length, position
                {-1, 100, 0},
                {0, 0, 0},
                {0, -1, 0},
                {0, end + 1, 0},
                {end, 1, 0},
                {1, end, 0},
                {0, 100, -1},
                {Long.MAX_VALUE, 100, 0},
                {Long.MIN_VALUE, 100, 0},
                {0, Integer.MIN_VALUE, 0}
            };
            for (long[] t : transfers) {
                String what = t[1] + " bytes at " + t[0] + ", position " + t[2];
                taken.unlessRefused(
                        () -> chain.begin().read(file, on.region, t[0], (int) t[1], t[2]), "a read of " + what);
                taken.unlessRefused(
                        () -> chain.begin().write(file, on.region, t[0], (int) t[1], t[2]), "a write of " + what);
                if (t[1] != 0 && t[2] == 0) {
                    taken.unlessRefused(() -> chain.begin().nop().over(on.region, t[0], (int) t[1]), "hashing " + what);
                }
            }
            for (int length : new int[] {Integer.MIN_VALUE, -1, 0}) {
                taken.unlessRefused(() -> chain.begin().reserve(file, length, 0), "room for " + length + " bytes");
            }
            for (long position : new long[] {Long.MIN_VALUE, -1}) {
                taken.unlessRefused(() -> chain.begin().reserve(file, 1, position), "room at " + position);
                taken.unlessRefused(() -> chain.begin().truncate(file, position), "a length of " + position);
            }
            Runnable run = () -> chain.run();
            chain.begin()
                    .write(file, on.region, 0, ChainLayout.MAX_HASHED + 1, 0)
                    .accumulate();
            taken.unlessRefused(run, "hashing more than a step may");
            for (long place : new long[] {64, 128, 160}) {
                chain.begin().write(file, on.region, 64, 100, 0).storeHash(on.region, place);
                taken.unlessRefused(run, "a hash stored into the step's own buffer, at " + place);
                chain.begin().nop().over(on.region, 64, 100).storeSum(on.region, place);
                taken.unlessRefused(run, "a sum stored into the step's own buffer, at " + place);
            }
            Check.equal(0, file.size(), "bytes written by what was refused");
        }
        chain.begin();
        for (int i = 0; i < Fixture.CAPACITY; i++) {
            chain.nop();
        }
        Check.refused(IllegalStateException.class, chain::nop, "a step more than the capacity");
        chain.begin();
        taken.check();
    }

    private static void edges(Fixture on) throws IOException {
        Taken taken = new Taken();
        Chain chain = on.chain;
        Runnable run = () -> chain.run();
        try (ChainFile file = on.target()) {
            for (int target :
                    new int[] {0, 1, 3, 64, Integer.MAX_VALUE}) { // of step 1 of 3; without a budget only 2 makes sense
                for (int way = 0; way < 4; way++) {
                    chain.begin();
                    chain.write(file, on.region, 0, 100, 0);
                    Step step = chain.write(file, on.region, 0, 100, 100);
                    switch (way) {
                        case 0 -> step.next(target);
                        case 1 -> step.next(Math.max(0, target - 3), 4);
                        case 2 -> step.jumpOnError(target);
                        default -> step.jumpOnShort(target);
                    }
                    chain.nop().join(1);
                    taken.unlessRefused(run, "step 1 names step " + target + ", way " + way);
                    Check.equal(0, file.size(), "bytes written by a chain that was refused");
                }
            }
            chain.begin().budget(100);
            chain.write(file, on.region, 0, 100, 0).next(3);
            taken.unlessRefused(run, "a step that is not there, with a budget");
            taken.unlessRefused(() -> chain.begin().nop().next(-1), "a negative successor");
            chain.begin().budget(100);
            chain.write(file, on.region, 0, 100, 0).jumpOnError(-1);
            taken.unlessRefused(run, "a negative jump, with a budget");
        }
        chain.begin();
        taken.check();
    }

    private static void steps(Fixture on) throws IOException {
        RawChain raw = new RawChain(on);
        SharedMemory memory = raw.memory;
        int region = (int) on.region.offset();
        // Header, tables, the chain itself, its steps, the page before the region's memory begins, beyond the end.
        long[] control = {0, ChainLayout.HEADER_OFFSET, raw.chain, raw.step(1), memory.account(0)};
        on.put(0, Fixture.random(1_000, 90));
        try (ChainFile target = on.target()) {
            for (int opcode : new int[] {6, 0x7f, 0x80, 0xff}) {
                steps(raw, target, 0, ChainLayout.Step.OPCODE, 1, opcode);
            }
            for (int action : new int[] {4, 0x80, 0xff}) {
                steps(raw, target, 0, ChainLayout.Step.ON_SHORT, 1, action);
            }
            for (int action : new int[] {4, 0x80, 0xff}) {
                steps(raw, target, 0, ChainLayout.Step.ON_ERROR, 1, action);
            }
            for (int data : new int[] {0x80, 0x8000, 0xffff}) {
                steps(raw, target, 0, ChainLayout.Step.DATA, 2, data);
            }
            for (int fanout : new int[] {33, 0x7fff, 0xffff}) {
                steps(raw, target, 0, ChainLayout.Step.FANOUT, 2, fanout);
            }
            for (int file : new int[] {ChainLayout.MAX_FILES, Integer.MAX_VALUE, -1}) {
                steps(raw, target, 0, ChainLayout.Step.FILE, 4, file);
            }
            for (int flags : new int[] {1, 0x10, 0x40, 0x100, 0x8000, 0xffff}) {
                steps(raw, target, 0, ChainLayout.Step.RW_FLAGS, 2, flags);
            }
            for (long offset : control) {
                steps(raw, target, 0, ChainLayout.Step.BUFFER, 4, offset);
                steps(raw, target, ChainLayout.STORE_HASH, ChainLayout.Step.VALUE, 4, offset & ~7);
                steps(raw, target, ChainLayout.VERIFY, ChainLayout.Step.VALUE, 4, offset & ~7);
                steps(raw, target, ChainLayout.STORE_SUM, ChainLayout.Step.VALUE, 4, offset & ~7);
                steps(raw, target, ChainLayout.OFFSET_INDIRECT, ChainLayout.Step.OFFSET_AT, 4, offset & ~7);
                steps(raw, target, ChainLayout.LENGTH_INDIRECT, ChainLayout.Step.LENGTH_AT, 4, offset & ~7);
            }
            for (int length : new int[] {-1, -4096}) {
                steps(raw, target, 0, ChainLayout.Step.LENGTH, 4, length);
            }
            steps(raw, target, ChainLayout.ACCUMULATE, ChainLayout.Step.LENGTH, 4, ChainLayout.MAX_HASHED + 1);
            for (int odd = 1; odd < 8; odd++) {
                int place = region + 65_536 + odd;
                steps(raw, target, ChainLayout.STORE_HASH, ChainLayout.Step.VALUE, 4, place);
                steps(raw, target, ChainLayout.VERIFY, ChainLayout.Step.VALUE, 4, place);
                steps(raw, target, ChainLayout.OFFSET_INDIRECT, ChainLayout.Step.OFFSET_AT, 4, place);
                steps(raw, target, ChainLayout.LENGTH_INDIRECT, ChainLayout.Step.LENGTH_AT, 4, place);
            }
            for (int inside : new int[] {0, 48, 96}) { // of the buffer's 100 bytes; the last word overlaps its end
                steps(raw, target, ChainLayout.STORE_HASH, ChainLayout.Step.VALUE, 4, region + inside);
                steps(raw, target, ChainLayout.STORE_SUM, ChainLayout.Step.VALUE, 4, region + inside);
            }
            for (int opcode : new int[] {ChainLayout.RESERVE, ChainLayout.TRUNCATE}) {
                int at = ChainLayout.Step.OPCODE;
                steps(raw, target, 0, ChainLayout.Step.FILE, 4, -1, () -> raw.poke(raw.step(1) + at, 1, opcode));
            }
            for (int length : new int[] {0, -1, Integer.MIN_VALUE}) {
                int at = ChainLayout.Step.OPCODE;
                steps(
                        raw,
                        target,
                        0,
                        ChainLayout.Step.LENGTH,
                        4,
                        length,
                        () -> raw.poke(raw.step(1) + at, 1, ChainLayout.RESERVE));
            }
            // A slot of the file table that stands for no file: whoever issues it, it is no file's descriptor.
            build(raw, target, 0);
            raw.poke(raw.step(1) + ChainLayout.Step.FILE, 4, ChainLayout.MAX_FILES - 1);
            ChainResult result = raw.run(() -> {});
            Check.that(
                    result.result() == -EBADF || result.result() == -Errno.EINVAL,
                    "a file slot not in use: result " + result.result());
            Check.equal(0, target.size(), "bytes written");
        }
        on.chain.begin();
    }

    private static void build(RawChain raw, ChainFile target, int data) {
        raw.on.chain.begin();
        raw.on.chain.nop();
        raw.on.chain.write(target, raw.on.region, 0, 100, 0);
        raw.on.chain.nop();
        raw.poke(raw.step(1) + ChainLayout.Step.DATA, 2, data);
    }

    /** A no-op, a write of which one field is wrong, a no-op: the first is done, the others are not issued. */
    private static void steps(RawChain raw, ChainFile target, int data, int field, int width, long value) {
        steps(raw, target, data, field, width, value, () -> {});
    }

    private static void steps(
            RawChain raw, ChainFile target, int data, int field, int width, long value, Runnable other) {
        build(raw, target, data);
        other.run();
        raw.poke(raw.step(1) + field, width, value);
        ChainResult result = raw.run(() -> {});
        String which = "field at " + field + " = " + value + ", data " + data;
        Check.equal(-Errno.EINVAL, result.result(), "result, " + which);
        Check.equal(1, result.failedStep(), "failed step, " + which);
        Check.equal(1, result.completedSteps(), "steps done, " + which);
        Check.equal(1, Fixture.issued(result), "requests, " + which);
        Check.equal(0, target.size(), "bytes written, " + which);
    }

    /** Fields of the chain: on kernel backends they become wrong when the first step is issued, so that the program meets them. */
    private static void chains(Fixture on) throws IOException {
        RawChain raw = new RawChain(on);
        try (ChainFile target = on.target()) {
            for (int window : new int[] {0, 65, Integer.MIN_VALUE, -1}) {
                chains(raw, target, ChainLayout.Chain.WINDOW, window);
            }
            for (int capacity : new int[] {0, 3, 63, 8_192, Integer.MIN_VALUE, -1}) {
                chains(raw, target, ChainLayout.Chain.CAPACITY, capacity);
            }
        }
        on.chain.begin();
    }

    private static void chains(RawChain raw, ChainFile target, int field, int value) {
        build(raw, target, 0);
        ChainResult result = raw.run(() -> raw.poke(raw.chain + field, 4, value));
        String which = "field at " + field + " = " + value;
        Check.equal(-Errno.EINVAL, result.result(), "result, " + which);
        Check.that(Fixture.issued(result) <= 1, "requests, " + which + ": " + Fixture.issued(result));
        Check.equal(0, target.size(), "bytes written, " + which);
    }

    /** Back to the first step, by an arrival and by a jump, in a chain that has no budget. */
    private static void cycles(Fixture on) throws IOException {
        RawChain raw = new RawChain(on);
        for (int way = 0; way < 2; way++) {
            on.chain.begin();
            on.chain.nop();
            Step second = on.chain.nop();
            if (way == 0) {
                second.next(0);
            } else {
                second.fault(5, 1).jumpOnError(0);
            }
            ChainResult result = raw.run(() -> {});
            Check.equal(-Errno.ELOOP, result.result(), "result");
            Check.equal(2, Fixture.issued(result), "requests");
        }
        try (ChainFile file = on.target()) {
            for (int target : new int[] {2, 63, 4_000, Integer.MAX_VALUE, -1}) { // jumps to where nothing is
                on.chain.begin();
                on.chain.nop();
                on.chain.write(file, on.region, 0, 100, 0).fault(5, 1).jumpOnError(0);
                raw.poke(raw.step(1) + ChainLayout.Step.JUMP, 4, target);
                ChainResult result = raw.run(() -> {});
                Check.equal(-Errno.EINVAL, result.result(), "result of a jump to step " + target);
                Check.equal(1, result.failedStep(), "failed step");
                Check.equal(2, Fixture.issued(result), "requests");
            }
            for (int target : new int[] {2, 3, 60, 4_000, Integer.MAX_VALUE, -1}) { // arrivals at where nothing is
                on.chain.begin();
                on.chain.nop();
                on.chain.nop().next(0);
                raw.poke(raw.step(1) + ChainLayout.Step.NEXT, 4, target);
                raw.poke(raw.step(1) + ChainLayout.Step.FANOUT, 2, 32);
                ChainResult result = raw.run(() -> {});
                // An index before the first or behind the last is nobody's; wrapped around, it may be a step that was
                // done.
                Check.that(
                        result.result() == 0 || result.result() == -Errno.ELOOP || result.result() == -Errno.EINVAL,
                        "result of arrivals from step " + target + " on: " + result.result());
                Check.equal(2, Fixture.issued(result), "requests");
            }
        }
        on.chain.begin();
    }
}
