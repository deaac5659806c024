package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.io.IOException;
import java.util.Arrays;

/** Rows: every error and every short transfer at every step, by requests that the kernel completes as we like. */
final class FaultRows {
    private static final int BYTES = 1_000;
    private static final int STEPS = 7;

    private FaultRows() {}

    static void addTo(Conformance.Table table) {
        String[] names = {"EIO", "ENOSPC", "EBADF", "EINTR", "EAGAIN", "ECANCELED"};
        int[] numbers = {5, 28, 9, 4, 11, 125};
        for (int i = 0; i < names.length; i++) {
            int errno = numbers[i];
            table.row(names[i] + "-at-each-step", on -> errors(on, errno));
        }
        table.row("errors-of-many-steps-at-once", FaultRows::manyErrors);
        table.row("failed-chain-issues-nothing-more", FaultRows::failedChain);
        for (int bytes : new int[] {0, 1, 500, 999, 1_000}) {
            table.row("cut-to-" + bytes + "-bytes-at-each-step", on -> cuts(on, bytes));
        }
    }

    /** What is said of the step that meets the fault. */
    private interface Said {
        Step of(Step step);
    }

    /** A read, a write, a no-op, a write, a sync, room for a third write, which is cut off again; behind step {@code at} a step for jumps. */
    private static void build(Fixture on, ChainFile source, ChainFile target, int at, Said said) {
        on.chain.begin();
        for (int i = 0; i < STEPS; i++) {
            Step step = switch (i) {
                case 0 -> on.chain.read(source, on.region, 0, BYTES, 0);
                case 1 -> on.chain.write(target, on.region, 0, BYTES, 0);
                case 2 -> on.chain.nop().over(on.region, 0, BYTES).accumulate();
                case 3 -> on.chain.write(target, on.region, 0, BYTES, BYTES);
                case 4 -> on.chain.sync(target);
                case 5 -> on.chain.reserve(target, BYTES, 2 * BYTES);
                default -> on.chain.truncate(target, 2 * BYTES);
            };
            if (i == at) {
                said.of(step);
                on.chain.nop().join(1);
            }
        }
    }

    private static void errors(Fixture on, int errno) throws IOException {
        byte[] content = Fixture.random(BYTES, 80);
        for (int at = 0; at < STEPS; at++) {
            int step = at;
            int landing = at + 1;
            try (ChainFile source = on.source(content);
                    ChainFile target = on.target()) {
                on.region.segment().fill((byte) 0);
                build(on, source, target, at, s -> s.fault(errno, 1));
                ChainResult result = on.fails(errno, step, at);
                Check.equal(at + 1, Fixture.issued(result), "requests");
                Check.equal(0, result.retries(), "retries");
                int size = at > 5 ? 3 * BYTES : at > 3 ? 2 * BYTES : at > 1 ? BYTES : 0;
                Check.equal(size, target.size(), "bytes of the file");

                build(on, source, target, at, s -> s.fault(errno, 2).retryOnError(3));
                result = on.succeeds(STEPS);
                Check.equal(2, result.retries(), "retries");
                Check.equal(STEPS + 2, Fixture.issued(result), "requests");
                Check.equal(3 * BYTES, result.bytes(), "bytes");
                Check.equal(Fixture.hash(content, 0, BYTES, 0), result.sum(), "sum");

                build(on, source, target, at, s -> s.fault(errno, 3).retryOnError(2));
                result = on.fails(errno, step, at);
                Check.equal(2, result.retries(), "retries");
                Check.equal(at + 3, Fixture.issued(result), "requests");

                build(on, source, target, at, s -> s.fault(errno, 1).jumpOnError(landing));
                result = on.succeeds(STEPS);
                Check.equal(STEPS + 1, Fixture.issued(result), "requests");
                int moved = at == 0 || at == 1 || at == 3 ? 2 * BYTES : 3 * BYTES;
                Check.equal(moved, result.bytes(), "bytes");

                build(on, source, target, at, s -> s.fault(errno, 1).acceptError());
                result = on.succeeds(STEPS);
                Check.equal(STEPS, Fixture.issued(result), "requests");
                Check.equal(moved, result.bytes(), "bytes");
                Check.equal(0, on.chain.stepBytes(at), "bytes of the step");
            }
            byte[] written = Arrays.copyOf(twice(content), at == 6 ? 3 * BYTES : 2 * BYTES);
            Check.equal(written, on.targetBytes(), "the file");
        }
    }

    /** The first failure is the chain's; what is in flight comes back and counts. */
    private static void manyErrors(Fixture on) throws IOException {
        try (ChainFile source = on.source(Fixture.random(BYTES, 81))) {
            for (int window : new int[] {1, 4, 16}) {
                on.chain.begin().window(window);
                for (int i = 0; i < 16; i++) {
                    on.chain.read(source, on.region, i * 1_024L, BYTES, 0).fault(5 + i, 1);
                }
                ChainResult result = on.chain.run();
                Check.equal(-5, result.result(), "result: the first error");
                Check.equal(0, result.failedStep(), "failed step");
                Check.equal(0, result.completedSteps(), "steps done");
                Check.equal(0, result.bytes(), "bytes");
                Check.that(
                        Fixture.issued(result) >= 1 && Fixture.issued(result) <= window,
                        Fixture.issued(result) + " requests in a window of " + window);

                on.chain.begin().window(window);
                for (int i = 0; i < 16; i++) {
                    on.chain
                            .read(source, on.region, i * 1_024L, BYTES, 0)
                            .fault(11, 2)
                            .retryOnError(2);
                }
                result = on.succeeds(16);
                Check.equal(32, result.retries(), "retries");
                Check.equal(48, Fixture.issued(result), "requests");
            }
        }
    }

    /** A step fails; what is in flight besides comes back short, or failed, and is not taken up again; nobody follows on it. */
    private static void failedChain(Fixture on) throws IOException {
        try (ChainFile source = on.source(Fixture.random(BYTES, 83))) {
            for (int kind = 0; kind < 3; kind++) {
                on.chain.begin().window(2);
                on.chain.nop().fault(5, 1);
                Step second = on.chain.read(source, on.region, 0, BYTES, 0).next(2, 2);
                switch (kind) {
                    case 0 -> second.cut(100, 1);
                    case 1 -> second.fault(11, 1).retryOnError(3);
                    default -> {}
                }
                on.chain.nop().join(1);
                on.chain.nop().join(1);
                on.chain.nop();
                ChainResult result = on.fails(5, 0, kind == 2 ? 1 : 0);
                Check.equal(2, Fixture.issued(result), "requests");
                Check.equal(0, result.retries(), "retries");
                Check.equal(kind == 0 ? 100 : kind == 1 ? 0 : BYTES, result.bytes(), "bytes");
            }
        }
    }

    /** Four transfers of 1,000 bytes; the first or the first three requests of one of them move {@code bytes} at most. */
    private static void cuts(Fixture on, int bytes) throws IOException {
        byte[] content = Fixture.random(BYTES, 82);
        boolean whole = bytes == BYTES;
        for (int at = 0; at < 4; at++) {
            boolean read = at % 2 == 0;
            for (int times : new int[] {1, 3}) {
                int done = 0;
                int requests = 0;
                int shorts = 0;
                int errno = 0;
                while (done < BYTES && errno == 0) {
                    int moved = requests < times ? Math.min(bytes, BYTES - done) : BYTES - done;
                    requests++;
                    done += moved;
                    shorts += done < BYTES ? 1 : 0;
                    errno = moved > 0 ? 0 : read ? Errno.ENODATA : Errno.ENOSPC;
                }
                ChainResult result = cut(on, content, at, step -> step.cut(bytes, times), errno, errno == 0 ? 4 : at);
                Check.equal((errno == 0 ? 3 : at) + requests, Fixture.issued(result), "requests");
                Check.equal(shorts, result.shortIos(), "short transfers");
                Check.equal(done, on.chain.stepBytes(at), "bytes of the step");
                if (errno == 0) {
                    Check.equal(twice(content), on.targetBytes(), "the file: parts are where they belong");
                }
            }
            errno(on, content, at, bytes, read, whole);
            ChainResult result = cut(
                    on, content, at, step -> step.cut(bytes, 1).acceptShort().accumulate(), 0, 4);
            Check.equal(4, Fixture.issued(result), "requests");
            Check.equal(bytes, on.chain.stepBytes(at), "bytes of the step");
            long position = at / 2 * (long) BYTES;
            Check.equal(Fixture.hash(content, 0, bytes, position), result.sum(), "sum of what was moved");

            int landing = at + 1;
            result = cut(on, content, at, step -> step.cut(bytes, 1).jumpOnShort(landing), 0, 4);
            Check.equal(whole ? 4 : 5, Fixture.issued(result), "requests");
        }
    }

    private static void errno(Fixture on, byte[] content, int at, int bytes, boolean read, boolean whole)
            throws IOException {
        int errno = whole ? 0 : read ? Errno.ENODATA : bytes == 0 ? Errno.ENOSPC : Errno.EIO;
        ChainResult result = cut(on, content, at, step -> step.cut(bytes, 1).stopOnShort(), errno, whole ? 4 : at);
        Check.equal(whole ? 4 : at + 1, Fixture.issued(result), "requests");
    }

    private static byte[] twice(byte[] content) {
        byte[] twice = Arrays.copyOf(content, 2 * BYTES);
        System.arraycopy(content, 0, twice, BYTES, BYTES);
        return twice;
    }

    private static ChainResult cut(Fixture on, byte[] content, int at, Said said, int errno, int steps)
            throws IOException {
        try (ChainFile source = on.source(twice(content));
                ChainFile target = on.target()) {
            on.region.segment().fill((byte) 0);
            on.chain.begin();
            for (int i = 0; i < 4; i++) {
                long position = i / 2 * (long) BYTES;
                Step step = i % 2 == 0
                        ? on.chain.read(source, on.region, 0, BYTES, position)
                        : on.chain.write(target, on.region, 0, BYTES, position);
                if (i == at) {
                    said.of(step);
                    on.chain.nop().join(1);
                }
            }
            return errno == 0 ? on.succeeds(steps) : on.fails(errno, at, steps);
        }
    }
}
