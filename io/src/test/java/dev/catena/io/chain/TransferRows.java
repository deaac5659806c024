package dev.catena.io.chain;

import dev.catena.io.internal.Backend;
import dev.catena.io.internal.Errno;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/** Rows: chains of every length that move data, and what short, empty and dependent transfers come to. */
final class TransferRows {
    private static final int BLOCK = 512;
    private static final int BALLAST = 65_536;

    private TransferRows() {}

    static void addTo(Conformance.Table table) {
        table.row("linear-0", TransferRows::empty);
        for (int steps : new int[] {1, 2, 17, 1_000}) {
            table.row("linear-" + steps, on -> linear(on, steps));
        }
        table.row("linear-copy-with-sync", TransferRows::copy);
        table.row("direct-and-durable", TransferRows::direct);
        table.row("short-write-at-each-step-file-size-limit", TransferRows::fileSizeLimit);
        table.row("short-write-at-each-step-full-file-system", TransferRows::fullFileSystem);
        table.row("short-read-at-end-of-file", TransferRows::endOfFile);
        table.row("zero-byte-reads", TransferRows::zeroBytes);
        table.row("reserved-and-cut-off", TransferRows::reserved);
        table.row("reserved-more-than-there-is", TransferRows::reservedTooMuch);
        table.row("length-taken-when-issued", TransferRows::lengthTaken);
        table.row("offset-taken-below-zero", TransferRows::offsetBelowZero);
        for (int pairs : new int[] {1, 3}) {
            table.row("copy-by-a-loop-of-" + pairs, on -> loopCopy(on, pairs));
        }
        for (int depth = 1; depth <= 6; depth++) {
            int reads = depth;
            table.row("dependent-reads-" + depth, on -> dependentReads(on, reads));
        }
    }

    private static void empty(Fixture on) {
        on.chain.begin();
        ChainResult result = on.succeeds(0);
        Check.equal(0, Fixture.issued(result), "requests");
    }

    private static void offsetBelowZero(Fixture on) throws IOException {
        try (ChainFile target = on.target()) {
            for (long offset : new long[] {-1, -2, Long.MIN_VALUE}) {
                for (int opcode = 0; opcode < 4; opcode++) {
                    on.region.segment().set(ValueLayout.JAVA_LONG, 0, offset);
                    on.chain.begin();
                    Step step = switch (opcode) {
                        case 0 -> on.chain.read(target, on.region, 8, BLOCK, 0);
                        case 1 -> on.chain.write(target, on.region, 8, BLOCK, 0);
                        case 2 -> on.chain.reserve(target, BLOCK, 0);
                        default -> on.chain.truncate(target, 0);
                    };
                    step.positionAt(on.region, 0);
                    on.fails(Errno.EINVAL, 0, 0);
                }
            }
        }
    }

    /** Reads and writes in turn, block by block, every step summed. */
    private static void linear(Fixture on, int steps) throws IOException {
        byte[] content = Fixture.random((steps + 1) / 2 * BLOCK, steps);
        int capacity = Math.max(2, Integer.highestOneBit(steps) * 2);
        try (ChainFile source = on.source(content);
                ChainFile target = on.target();
                Chain chain = on.lane.chain(capacity)) {
            long sum = 0;
            for (int i = 0; i < steps; i++) {
                int at = i / 2 * BLOCK;
                if (i % 2 == 0) {
                    chain.read(source, on.region, at % Fixture.REGION_BYTES, BLOCK, at);
                } else {
                    chain.write(target, on.region, at % Fixture.REGION_BYTES, BLOCK, at)
                            .accumulate();
                    sum += Fixture.hash(content, at, BLOCK, at);
                }
            }
            ChainResult result = Fixture.succeeds(chain, steps);
            Check.equal(sum, result.sum(), "sum");
            Check.equal((long) steps * BLOCK, result.bytes(), "bytes");
            Check.equal(steps, Fixture.issued(result), "requests");
            if (on.isKernel()) {
                Check.equal(
                        on.placement == Placement.RESIDENT && on.backend.equals("kernel-loop") ? 0 : 1,
                        result.issuedByUser(),
                        "requests of Java");
            } else {
                Check.equal(0, result.issuedByProgram(), "requests of the program");
            }
        }
        Check.equal(Arrays.copyOf(content, steps / 2 * BLOCK), on.targetBytes(), "what was written");
    }

    private static void copy(Fixture on) throws IOException {
        byte[] content = Fixture.random(300_000, 1);
        try (ChainFile source = on.source(content);
                ChainFile target = on.target()) {
            on.chain.begin();
            long sum = 0;
            for (int at = 0; at < content.length; at += 30_000) {
                on.chain.read(source, on.region, 0, 30_000, at).accumulate();
                on.chain.write(target, on.region, 0, 30_000, at).accumulate();
                sum += 2 * Fixture.hash(content, at, 30_000, at);
            }
            on.chain.sync(target);
            ChainResult result = on.succeeds(21);
            Check.equal(600_000, result.bytes(), "bytes");
            Check.equal(sum, result.sum(), "sum");
        }
        Check.equal(content, on.targetBytes(), "the copy");
    }

    private static void direct(Fixture on) throws IOException {
        byte[] content = Fixture.random(65_536, 2);
        on.put(0, content);
        try (ChainFile target = on.runtime.open(on.path("target"), ChainFile.Mode.CREATE, ChainFile.Access.DIRECT)) {
            on.chain.begin();
            on.chain.write(target, on.region, 0, 65_536, 0).durable();
            on.chain.read(target, on.region, 65_536, 65_536, 0);
            on.succeeds(2);
        }
        Check.equal(content, on.bytes(65_536, 65_536), "read back");
        Check.equal(content, on.targetBytes(), "written");
    }

    /** Five writes of 30,000 bytes; the limit lies in the middle of each of them in turn. */
    private static void fileSizeLimit(Fixture on) throws IOException {
        if (!FileSizeLimit.isSupported()) {
            throw new Skipped("setrlimit is not to be had here");
        }
        on.put(0, Fixture.random(150_000, 3));
        for (int at = 0; at < 5; at++) {
            int landing = at + 1;
            int limit = at * 30_000 + 10_000;
            ChainResult result = limited(on, at, Step::accumulate, Errno.EFBIG, at, at);
            Check.equal(1, result.shortIos(), "short, then nothing: the rest is refused");
            Check.equal(limit, result.bytes(), "bytes");
            result = limited(on, at, Step::stopOnShort, Errno.EIO, at, at);
            Check.equal(limit, result.bytes(), "bytes");
            Check.equal(at + 1, Fixture.issued(result), "requests");
            // Taken as it is, or jumped from: then the write after it finds no room at all.
            int errno = at == 4 ? 0 : Errno.EFBIG;
            limited(on, at, Step::acceptShort, errno, at + 2, at + 1);
            Check.equal(10_000, on.chain.stepBytes(at), "bytes of the short step");
            result = limited(on, at, step -> step.jumpOnShort(landing), errno, at + 2, at + 1);
            Check.equal(limit, result.bytes(), "bytes");
            Check.equal(1, result.shortIos(), "short: once, and there was no rest");
            limited(on, at, step -> step.jumpOnError(landing), errno, at + 2, at + 1);
            Check.equal(10_000, on.chain.stepBytes(at), "bytes of the step that jumped in the end");
        }
    }

    /** What is said of a step more. */
    private interface Said {
        Step of(Step step);
    }

    private static ChainResult limited(Fixture on, int at, Said said, int errno, int failed, int steps)
            throws IOException {
        int limit = at * 30_000 + 10_000;
        try (ChainFile target = on.target();
                FileSizeLimit _ = new FileSizeLimit(limit)) {
            on.chain.begin();
            for (int i = 0; i < 5; i++) {
                Step step = on.chain.write(target, on.region, i * 30_000L, 30_000, i * 30_000L);
                if (i == at) {
                    said.of(step);
                    on.chain.nop().join(1); // where jumps go
                }
            }
            ChainResult result = errno == 0 ? on.succeeds(steps) : on.fails(errno, failed, steps);
            Check.equal(on.bytes(0, limit), on.targetBytes(), "the file");
            return result;
        }
    }

    /** Fills a file system by chains of eight writes, the room having been made to end in each of the eight. */
    private static void fullFileSystem(Fixture on) throws IOException {
        byte[] content = Fixture.random(1 << 20, 4);
        on.put(0, content);
        try (SmallFileSystem small = SmallFileSystem.mount(on.directory)) {
            for (int at = 0; at < 8; at++) {
                try (ChainFile ballast = on.open(small.path().resolve("ballast"), ChainFile.Mode.CREATE)) {
                    fillBut(on, ballast, at * 131_072L + 65_536);
                }
                long written;
                try (ChainFile target = on.open(small.path().resolve("target"), ChainFile.Mode.CREATE)) {
                    on.chain.begin();
                    for (int i = 0; i < 8; i++) {
                        on.chain.write(target, on.region, i * 131_072L, 131_072, i * 131_072L);
                    }
                    on.chain.sync(target);
                    ChainResult result = on.chain.run();
                    Check.equal(-Errno.ENOSPC, result.result(), "result with room for " + at + " steps and a half");
                    written = result.bytes();
                    Check.equal(result.failedStep(), result.completedSteps(), "steps done before the failed one");
                    Check.equal(written / 131_072, result.completedSteps(), "steps done, by bytes");
                    // File systems need room of their own, so which step it was is theirs to say, roughly.
                    Check.that(
                            Math.abs(result.failedStep() - at) <= 1,
                            "room for " + at + " steps and a half, but step " + result.failedStep() + " failed");
                }
                byte[] found = Files.readAllBytes(small.path().resolve("target"));
                Check.equal(Arrays.copyOf(content, (int) written), found, "what was written before");
                Files.delete(small.path().resolve("target"));
                Files.delete(small.path().resolve("ballast"));
            }
        }
    }

    /** Takes all the room there is, then gives {@code room} bytes back. */
    private static void fillBut(Fixture on, ChainFile ballast, long room) {
        long at = 0;
        try {
            for (; ; at += BALLAST) {
                ballast.write(on.region.segment(), 0, BALLAST, at);
            }
        } catch (ChainIoException e) {
            Check.equal(Errno.ENOSPC, e.errno(), "end of the filling");
        }
        ballast.truncate(at - room);
        ballast.sync();
    }

    private static void endOfFile(Fixture on) throws IOException {
        byte[] content = Fixture.random(1_000, 5);
        Chain chain = on.chain;
        try (ChainFile source = on.source(content)) {
            chain.begin();
            chain.read(source, on.region, 0, 4_096, 0);
            chain.nop();
            Check.equal(2, on.fails(Errno.ENODATA, 0, 0).shortIos(), "short: once, and once empty");

            chain.begin();
            chain.read(source, on.region, 0, 4_096, 0).stopOnShort();
            Check.equal(1, Fixture.issued(on.fails(Errno.ENODATA, 0, 0)), "requests");
            Check.equal(1_000, chain.stepBytes(0), "bytes read");

            chain.begin();
            chain.read(source, on.region, 0, 4_096, 0).acceptShort().accumulate();
            chain.nop();
            Check.equal(Fixture.hash(content, 0, 1_000, 0), on.succeeds(2).sum(), "sum of what is there");

            chain.begin();
            chain.read(source, on.region, 0, 4_096, 0).jumpOnShort(2).next(1);
            chain.nop().join(1).storeSum(on.region, 65_536);
            chain.nop().join(1).storeHash(on.region, 8_192).over(on.region, 0, 1_000);
            on.putLong(65_536, 4711);
            on.succeeds(1);
            Check.equal(4711, on.getLong(65_536), "the successor was not run");
            Check.equal(Fixture.hash(content, 0, 1_000, 0), on.getLong(8_192), "the jump's target was");
        }
    }

    private static void zeroBytes(Fixture on) throws IOException {
        Chain chain = on.chain;
        for (int size : new int[] {0, 1_000}) {
            try (ChainFile source = on.source(Fixture.random(size, 6))) {
                for (long position : new long[] {size, size + 1, 1L << 40}) {
                    chain.begin();
                    chain.read(source, on.region, 0, 512, position);
                    Check.equal(
                            1, Fixture.issued(on.fails(Errno.ENODATA, 0, 0)), "requests: there is no rest to wait for");

                    chain.begin();
                    chain.read(source, on.region, 0, 512, position).stopOnShort();
                    on.fails(Errno.ENODATA, 0, 0);

                    chain.begin();
                    chain.read(source, on.region, 0, 512, position)
                            .acceptShort()
                            .accumulate();
                    ChainResult result = on.succeeds(1);
                    Check.equal(Fixture.hash(new byte[0], 0, 0, position), result.sum(), "sum of nothing");
                    Check.equal(0, result.bytes(), "bytes");

                    chain.begin();
                    chain.read(source, on.region, 0, 512, position).jumpOnShort(1);
                    chain.nop().join(1);
                    chain.nop().storeSum(on.region, 8_192);
                    Check.equal(1, on.succeeds(2).shortIos(), "short");
                }
            }
        }
    }

    /** Room is made and cut off, between writes and after them; what nobody wrote is zeros. */
    private static void reserved(Fixture on) throws IOException {
        byte[] content = Fixture.random(BLOCK, 9);
        on.put(0, content);
        try (ChainFile target = on.target()) {
            on.chain.begin();
            on.chain.reserve(target, 100_000, 0);
            on.succeeds(1);
            Check.equal(100_000, target.size(), "bytes of the file");

            on.chain.begin();
            on.chain.reserve(target, 1_000, 0); // which are there
            on.chain.write(target, on.region, 0, BLOCK, 10_000);
            on.chain.reserve(target, 50_000, 100_000).barrier();
            on.chain.truncate(target, 20_000).barrier();
            on.chain.sync(target);
            on.succeeds(5);
            Check.equal(20_000, target.size(), "bytes of the file");

            on.chain.begin();
            on.chain.truncate(target, 30_000);
            on.chain.write(target, on.region, 0, BLOCK, 30_000);
            on.succeeds(2);
            on.putLong(65_536, 40_000);
            on.chain.begin();
            on.chain.truncate(target, 0).positionAt(on.region, 65_536);
            on.succeeds(1);
        }
        byte[] expected = new byte[40_000];
        System.arraycopy(content, 0, expected, 10_000, BLOCK);
        System.arraycopy(content, 0, expected, 30_000, BLOCK);
        Check.equal(expected, on.targetBytes(), "the file");
    }

    /** More than the file system has; where nothing is reserved, the file becomes as long. */
    private static void reservedTooMuch(Fixture on) throws IOException {
        byte[] content = Fixture.random(BLOCK, 10);
        on.put(0, content);
        try (SmallFileSystem small = SmallFileSystem.mount(on.directory)) {
            Path path = small.path().resolve("target");
            try (ChainFile target = on.open(path, ChainFile.Mode.CREATE)) {
                if (!on.backend.equals(Backend.PORTABLE)) {
                    on.chain.begin();
                    on.chain.reserve(target, 1 << 30, 0);
                    on.chain.write(target, on.region, 0, BLOCK, 0);
                    on.fails(Errno.ENOSPC, 0, 0);
                }
                on.chain.begin();
                on.chain.reserve(target, 1 << 30, 0).acceptError();
                on.chain.write(target, on.region, 0, BLOCK, 0);
                on.chain.truncate(target, BLOCK);
                on.succeeds(3);
            }
            Check.equal(content, Files.readAllBytes(path), "the file");
        }
    }

    /** The length grows until the step is issued; then -1 says so. */
    private static void lengthTaken(Fixture on) throws IOException {
        byte[] content = Fixture.random(10_000, 8);
        on.put(0, content);
        try (ChainFile target = on.target()) {
            on.putLong(65_536, 3_000);
            on.chain.begin().start();
            on.chain.nop();
            on.chain
                    .write(target, on.region, 0, 10_000, 0)
                    .lengthAt(on.region, 65_536)
                    .accumulate();
            on.putLong(65_536, 7_000);
            on.chain.seal();
            ChainResult result = on.chain.await().throwIfFailed();
            Check.equal(7_000, result.bytes(), "bytes");
            Check.equal(Fixture.hash(content, 0, 7_000, 0), result.sum(), "sum");
            Check.equal(-1, on.getLong(65_536), "the word that held the length");

            on.chain.begin(); // the length is taken by now
            on.chain.write(target, on.region, 0, 10_000, 0).lengthAt(on.region, 65_536);
            on.fails(Errno.EINVAL, 0, 0);
        }
        Check.equal(Arrays.copyOf(content, 7_000), on.targetBytes(), "the file");
    }

    /** Pairs of a read and a write take turns with the blocks, until each finds the end of the file; then comes what is left of it. */
    private static void loopCopy(Fixture on, int pairs) throws IOException {
        int blocks = 200;
        byte[] content = Fixture.random(blocks * BLOCK + 100, pairs);
        try (ChainFile source = on.source(content);
                ChainFile target = on.target()) {
            int end = 1 + 2 * pairs;
            on.chain.begin().budget(3 * blocks);
            on.chain.nop().next(1, pairs);
            for (int i = 0; i < pairs; i++) {
                on.chain
                        .read(source, on.region, (long) i * BLOCK, BLOCK, (long) i * BLOCK)
                        .stride(pairs)
                        .accumulate()
                        .join(1)
                        .next(1 + pairs + i)
                        .jumpOnShort(end + i);
            }
            for (int i = 0; i < pairs; i++) {
                on.chain
                        .write(target, on.region, (long) i * BLOCK, BLOCK, (long) i * BLOCK)
                        .stride(pairs)
                        .join(1)
                        .next(1 + i);
            }
            for (int i = 0; i < pairs; i++) {
                on.chain.nop().join(1).next(end + pairs);
            }
            long rest = (long) blocks * BLOCK;
            on.chain
                    .read(source, on.region, 0, 100, rest)
                    .join(pairs)
                    .next(end + pairs + 1)
                    .accumulate();
            on.chain.write(target, on.region, 0, 100, rest).join(1);
            ChainResult result = on.succeeds(1 + 2 * blocks + pairs + 2);
            long sum = Fixture.hash(content, blocks * BLOCK, 100, rest);
            for (int at = 0; at < blocks * BLOCK; at += BLOCK) {
                sum += Fixture.hash(content, at, BLOCK, at);
            }
            Check.equal(sum, result.sum(), "sum");
        }
        Check.equal(content, on.targetBytes(), "the file");
    }

    /** Each block holds the offset of the next. */
    private static void dependentReads(Fixture on, int depth) throws IOException {
        byte[] content = Fixture.random(64 * BLOCK, 7 + depth);
        int[] blocks = new Random(Fixture.SEED + depth)
                .ints(0, 64)
                .distinct()
                .limit(depth)
                .toArray();
        for (int i = 0; i + 1 < depth; i++) {
            MemorySegment.ofArray(content)
                    .set(ValueLayout.JAVA_LONG_UNALIGNED, (long) blocks[i] * BLOCK + 8, (long) blocks[i + 1] * BLOCK);
        }
        try (ChainFile source = on.source(content)) {
            on.chain.begin();
            on.chain.read(source, on.region, 0, BLOCK, (long) blocks[0] * BLOCK);
            for (int i = 1; i < depth; i++) {
                on.chain
                        .read(source, on.region, (long) i * BLOCK, BLOCK, 0)
                        .positionAt(on.region, (i - 1L) * BLOCK + 8);
            }
            on.succeeds(depth);
        }
        for (int i = 0; i < depth; i++) {
            byte[] expected = Arrays.copyOfRange(content, blocks[i] * BLOCK, (blocks[i] + 1) * BLOCK);
            Check.equal(expected, on.bytes(i * BLOCK, BLOCK), "block " + i);
        }
    }
}
