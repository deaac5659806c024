package dev.catena.io.chain;

import static org.junit.jupiter.api.Assertions.*;

import dev.catena.io.internal.Errno;
import dev.catena.io.memory.Xxh64;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One contract for every backend and both placements: the same chains give the same results, the same files and the
 * same accumulated values. A backend that does not work on this machine is skipped, with its reason.
 */
class ChainContractTest {
    @Nested
    class KernelLoopResident extends Contract {
        KernelLoopResident() {
            super("kernel-loop", Placement.RESIDENT);
        }
    }

    @Nested
    class KernelLoopInContext extends Contract {
        KernelLoopInContext() {
            super("kernel-loop", Placement.IN_CONTEXT);
        }
    }

    @Nested
    class KernelHookResident extends Contract {
        KernelHookResident() {
            super("kernel-hook", Placement.RESIDENT);
        }
    }

    @Nested
    class KernelHookInContext extends Contract {
        KernelHookInContext() {
            super("kernel-hook", Placement.IN_CONTEXT);
        }
    }

    @Nested
    class User extends Contract {
        User() {
            super("user", Placement.IN_CONTEXT);
        }
    }

    @Nested
    class Portable extends Contract {
        Portable() {
            super("portable", Placement.IN_CONTEXT);
        }
    }

    abstract static class Contract {
        private static final long SEED = Long.getLong("catena.seed", 20_26);

        private final String backend;
        private final Placement placement;
        private ChainRuntime runtime;
        private Lane lane;
        private Chain chain;
        private Region region;

        @TempDir
        Path directory;

        Contract(String backend, Placement placement) {
            this.backend = backend;
            this.placement = placement;
        }

        @BeforeEach
        void open() {
            try {
                runtime = ChainRuntime.acquire(backend);
            } catch (UnsupportedOperationException e) {
                Assumptions.abort(backend + " is not available: " + e.getMessage());
            }
            lane = runtime.lane(placement);
            chain = lane.chain(64);
            region = runtime.allocate(1 << 20, "test");
        }

        @AfterEach
        void close() {
            if (runtime != null) {
                chain.close();
                lane.close();
                region.close();
                assertEquals(null, runtime.memoryInUse().get("test"), "a region leaked");
                runtime.close();
            }
        }

        private Path file(String name, byte[] content) throws IOException {
            return Files.write(directory.resolve(name), content);
        }

        private byte[] random(int length, long salt) {
            byte[] bytes = new byte[length];
            new Random(SEED + salt).nextBytes(bytes);
            return bytes;
        }

        private ChainFile open(Path path, ChainFile.Mode mode) {
            return runtime.open(path, mode, ChainFile.Access.BUFFERED);
        }

        private void put(int offset, byte[] bytes) {
            MemorySegment.copy(bytes, 0, region.segment(), ValueLayout.JAVA_BYTE, offset, bytes.length);
        }

        private byte[] get(int offset, int length) {
            return region.segment().asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
        }

        private static long hash(byte[] bytes, int offset, int length, long seed) {
            MemorySegment copy = java.lang.foreign.Arena.ofAuto().allocate(Math.max(1, length));
            MemorySegment.copy(bytes, offset, copy, ValueLayout.JAVA_BYTE, 0, length);
            return Xxh64.hash(copy, 0, length, seed);
        }

        @Test
        void emptyChainEndsAtOnce() {
            ChainResult result = chain.begin().run();
            assertEquals(0, result.result());
            assertEquals(0, result.completedSteps());
        }

        @Test
        void linearChainCopiesAndAccumulates() throws IOException {
            byte[] content = random(300_000, 1);
            Path from = file("from", content);
            try (ChainFile source = open(from, ChainFile.Mode.READ);
                    ChainFile target = open(directory.resolve("to"), ChainFile.Mode.CREATE)) {
                chain.begin();
                long sum = 0;
                for (int at = 0; at < content.length; at += 30_000) {
                    chain.read(source, region, 0, 30_000, at).accumulate();
                    chain.write(target, region, 0, 30_000, at).accumulate();
                    sum += 2 * hash(content, at, 30_000, at);
                }
                chain.sync(target);
                ChainResult result = chain.run().throwIfFailed();
                assertEquals(21, result.completedSteps());
                assertEquals(600_000, result.bytes());
                assertEquals(sum, result.sum());
                assertEquals(21, result.issuedByProgram() + result.issuedByUser());
                if (backend.startsWith("kernel")) {
                    assertEquals(placement == Placement.RESIDENT ? 0 : 1, result.issuedByUser());
                } else {
                    assertEquals(0, result.issuedByProgram());
                }
            }
            assertArrayEquals(content, Files.readAllBytes(directory.resolve("to")));
        }

        @Test
        void windowKeepsManyInFlightAndBarrierWaits() throws IOException {
            byte[] content = random(64 * 4096, 2);
            Path from = file("from", content);
            try (ChainFile source = open(from, ChainFile.Mode.READ)) {
                chain.begin().window(16);
                for (int i = 0; i < 62; i++) {
                    chain.read(source, region, i * 4096L, 4096, i * 4096L).accumulate();
                }
                chain.nop().barrier().storeSum(region, 1 << 19);
                ChainResult result = chain.run().throwIfFailed();
                assertEquals(63, result.completedSteps());
                assertArrayEquals(Arrays.copyOf(content, 62 * 4096), get(0, 62 * 4096));
                assertEquals(result.sum(), region.segment().get(ValueLayout.JAVA_LONG, 1 << 19));
            }
        }

        @Test
        void fanOutAndJoin() throws IOException {
            for (int width : new int[] {2, 7, 32}) {
                byte[] content = random(width * 512, width);
                try (ChainFile source = open(file("from", content), ChainFile.Mode.READ);
                        ChainFile target = open(directory.resolve("to" + width), ChainFile.Mode.CREATE)) {
                    chain.begin();
                    chain.nop().next(1, width);
                    for (int i = 0; i < width; i++) {
                        chain.read(source, region, i * 512L, 512, i * 512L)
                                .accumulate()
                                .join(1)
                                .next(width + 1);
                    }
                    chain.write(target, region, 0, width * 512, 0).join(width);
                    ChainResult result = chain.run().throwIfFailed();
                    assertEquals(width + 2, result.completedSteps());
                    long sum = 0;
                    for (int i = 0; i < width; i++) {
                        sum += hash(content, i * 512, 512, i * 512L);
                    }
                    assertEquals(sum, result.sum());
                }
                assertArrayEquals(content, Files.readAllBytes(directory.resolve("to" + width)));
            }
        }

        @Test
        void dependentReadsFollowOffsetsFoundInBlocks() throws IOException {
            for (int depth = 1; depth <= 6; depth++) {
                byte[] content = random(64 * 512, depth);
                int[] blocks = new Random(SEED + depth)
                        .ints(0, 64)
                        .distinct()
                        .limit(depth)
                        .toArray();
                for (int i = 0; i + 1 < depth; i++) {
                    MemorySegment.ofArray(content)
                            .set(ValueLayout.JAVA_LONG_UNALIGNED, blocks[i] * 512L + 8, blocks[i + 1] * 512L);
                }
                try (ChainFile source = open(file("from", content), ChainFile.Mode.READ)) {
                    chain.begin();
                    chain.read(source, region, 0, 512, blocks[0] * 512L);
                    for (int i = 1; i < depth; i++) {
                        chain.read(source, region, i * 512L, 512, 0).positionAt(region, (i - 1) * 512L + 8);
                    }
                    chain.run().throwIfFailed();
                }
                assertArrayEquals(
                        Arrays.copyOfRange(content, blocks[depth - 1] * 512, blocks[depth - 1] * 512 + 512),
                        get((depth - 1) * 512, 512));
            }
        }

        @Test
        void verifyAcceptsTheRightChecksumAndEndsTheChainOnAWrongOne() throws IOException {
            byte[] content = random(10_000, 3);
            try (ChainFile source = open(file("from", content), ChainFile.Mode.READ);
                    ChainFile target = open(directory.resolve("to"), ChainFile.Mode.CREATE)) {
                for (boolean damaged : new boolean[] {false, true}) {
                    long expected = hash(content, 0, 10_000, 0) ^ (damaged ? 1 : 0);
                    region.segment().set(ValueLayout.JAVA_LONG, 65536, expected);
                    chain.begin();
                    chain.read(source, region, 0, 10_000, 0).verify(region, 65536);
                    chain.write(target, region, 0, 10_000, 0);
                    ChainResult result = chain.run();
                    assertEquals(damaged ? -Errno.EBADMSG : 0, result.result());
                    assertEquals(damaged ? 0 : 2, result.completedSteps());
                    assertEquals(damaged ? 10_000 : 20_000, result.bytes(), "a dropped step is never issued");
                    assertEquals(expected ^ (damaged ? 1 : 0), chain.stepHash(0));
                }
            }
        }

        @Test
        void storedHashGoesOutWithALaterWrite() throws IOException {
            byte[] content = random(5_000, 4);
            put(0, content);
            try (ChainFile target = open(directory.resolve("to"), ChainFile.Mode.CREATE)) {
                chain.begin();
                chain.write(target, region, 0, 5_000, 0).seed(77).accumulate().storeHash(region, 8192);
                chain.nop().storeSum(region, 8200);
                chain.write(target, region, 8192, 16, 5_000);
                chain.run().throwIfFailed();
            }
            MemorySegment written = MemorySegment.ofArray(Files.readAllBytes(directory.resolve("to")));
            assertEquals(hash(content, 0, 5_000, 77), written.get(ValueLayout.JAVA_LONG_UNALIGNED, 5_000));
            assertEquals(hash(content, 0, 5_000, 77), written.get(ValueLayout.JAVA_LONG_UNALIGNED, 5_008));
        }

        @Test
        void hashesOfEveryLengthAreThoseOfJava() {
            byte[] content = random(131_072, 5);
            put(0, content);
            for (int length :
                    new int[] {0, 1, 3, 4, 7, 8, 15, 31, 32, 33, 63, 64, 65, 100, 4095, 4096, 65_536, 131_072}) {
                chain.begin();
                chain.nop().over(region, 0, length).seed(length * 31L).accumulate();
                assertEquals(hash(content, 0, length, length * 31L), chain.run().sum(), "length " + length);
            }
            chain.begin();
            chain.nop().over(region, 0, 131_073).accumulate();
            assertThrows(IllegalArgumentException.class, chain::run, "more than a step may hash");
        }

        @Test
        void shortReadsAtEndOfFile() throws IOException {
            byte[] content = random(1_000, 6);
            try (ChainFile source = open(file("from", content), ChainFile.Mode.READ)) {
                chain.begin();
                chain.read(source, region, 0, 4_096, 0);
                chain.nop();
                ChainResult result = chain.run();
                assertEquals(-Errno.ENODATA, result.result(), "continued, then at the end");
                assertEquals(2, result.shortIos());
                assertEquals(0, result.failedStep());

                chain.begin();
                chain.read(source, region, 0, 4_096, 0).stopOnShort();
                assertEquals(-Errno.ENODATA, chain.run().result());
                assertEquals(1_000, chain.stepBytes(0));

                chain.begin();
                chain.read(source, region, 0, 4_096, 0).acceptShort().accumulate();
                chain.nop();
                result = chain.run().throwIfFailed();
                assertEquals(hash(content, 0, 1_000, 0), result.sum());
                assertEquals(2, result.completedSteps());

                chain.begin();
                chain.read(source, region, 0, 4_096, 0).jumpOnShort(2).next(1);
                chain.nop().join(1).storeSum(region, 65_536);
                chain.nop().join(1).storeHash(region, 8_192).over(region, 0, 1_000);
                region.segment().set(ValueLayout.JAVA_LONG, 65_536, 4711);
                result = chain.run().throwIfFailed();
                assertEquals(1, result.completedSteps(), "the jump's target alone");
                assertEquals(4711, region.segment().get(ValueLayout.JAVA_LONG, 65_536), "the successor was not run");
                assertEquals(hash(content, 0, 1_000, 0), region.segment().get(ValueLayout.JAVA_LONG, 8_192));
            }
        }

        @Test
        void shortWriteAtAFileSizeLimitContinuesThenFails() throws IOException {
            Assumptions.assumeTrue(FileSizeLimit.isSupported(), "setrlimit is not to be had here");
            byte[] content = random(100_000, 7);
            put(0, content);
            Path to = directory.resolve("to");
            try (ChainFile target = open(to, ChainFile.Mode.CREATE)) {
                ChainResult result;
                try (FileSizeLimit _ = new FileSizeLimit(40_000)) {
                    chain.begin();
                    chain.write(target, region, 0, 30_000, 0).accumulate();
                    chain.write(target, region, 30_000, 30_000, 30_000).accumulate();
                    chain.write(target, region, 60_000, 30_000, 60_000).accumulate();
                    result = chain.run();
                }
                assertEquals(-Errno.EFBIG, result.result());
                assertEquals(1, result.failedStep());
                assertEquals(1, result.shortIos());
                assertEquals(1, result.completedSteps());
                assertEquals(40_000, result.bytes());
                assertEquals(hash(content, 0, 30_000, 0), result.sum());
                assertArrayEquals(Arrays.copyOf(content, 40_000), Files.readAllBytes(to));

                try (FileSizeLimit _ = new FileSizeLimit(50_000)) {
                    chain.begin();
                    chain.write(target, region, 40_000, 30_000, 40_000).acceptShort();
                    chain.nop();
                    chain.run().throwIfFailed();
                }
                assertEquals(10_000, chain.stepBytes(0));
                assertArrayEquals(Arrays.copyOf(content, 50_000), Files.readAllBytes(to));

                try (FileSizeLimit _ = new FileSizeLimit(60_000)) {
                    chain.begin();
                    chain.write(target, region, 50_000, 30_000, 50_000).jumpOnError(1);
                    chain.nop().join(1).storeSum(region, 1 << 19);
                    result = chain.run().throwIfFailed();
                }
                assertEquals(1, result.completedSteps());
                assertEquals(10_000, chain.stepBytes(0));
            }
        }

        @Test
        void aFileIsWrittenWhereLessRoomThanIsReservedIsLeft() throws Exception {
            try (SmallFileSystem small = SmallFileSystem.mount(directory)) {
                Files.write(small.path().resolve("ballast"), new byte[12 << 20]);
                try (ChainFile target = open(small.path().resolve("to"), ChainFile.Mode.CREATE);
                        ChunkWriter writer = new ChunkWriter(runtime, target)) {
                    writer.write(MemorySegment.ofArray(random(300_000, 9)), 0, 300_000);
                    MemorySegment footer = MemorySegment.ofArray(new byte[128]);
                    footer.set(ValueLayout.JAVA_LONG_UNALIGNED, ChunkTail.BODY_BYTES_AT, writer.bodyBytes());
                    assertEquals(
                            writer.finish(footer).fileBytes(),
                            Files.size(small.path().resolve("to")));
                }
            }
        }

        @Test
        void aFullFileSystemEndsTheChainAndWhatWasWrittenStays() throws Exception {
            try (SmallFileSystem small = SmallFileSystem.mount(directory)) {
                put(0, random(1 << 20, 8));
                try (ChainFile target = open(small.path().resolve("to"), ChainFile.Mode.CREATE)) {
                    ChainResult result = null;
                    long written = 0;
                    for (int round = 0; round < 64; round++) {
                        chain.begin().window(4);
                        for (int i = 0; i < 8; i++) {
                            chain.write(target, region, i * 131_072L, 131_072, written + i * 131_072L)
                                    .accumulate();
                        }
                        chain.sync(target).barrier();
                        result = chain.run();
                        if (result.result() != 0) {
                            break;
                        }
                        written += 1 << 20;
                    }
                    assertEquals(-Errno.ENOSPC, result.result());
                    assertTrue(written > 0);
                    byte[] content = new byte[1 << 20];
                    byte[] expected = random(1 << 20, 8);
                    try (var stream = Files.newInputStream(small.path().resolve("to"))) {
                        for (long at = 0; at < written; at += 1 << 20) {
                            assertEquals(1 << 20, stream.readNBytes(content, 0, 1 << 20));
                            assertArrayEquals(expected, content);
                        }
                    }
                }
            }
        }

        @Test
        void retriesAreCountedAndLimited() throws IOException {
            try (ChainFile source = open(file("from", new byte[100]), ChainFile.Mode.READ)) {
                chain.begin();
                chain.write(source, region, 0, 100, 0).retryOnError(3);
                ChainResult result = chain.run();
                assertEquals(-9, result.result(), "EBADF: the file is open for reading");
                assertEquals(3, result.retries());
                assertEquals(4, result.issuedByProgram() + result.issuedByUser());
            }
        }

        @Test
        void errorJumpsWhereItIsTold() throws IOException {
            try (ChainFile source = open(file("from", new byte[100]), ChainFile.Mode.READ)) {
                chain.begin();
                chain.write(source, region, 0, 100, 0).jumpOnError(1);
                chain.read(source, region, 512, 100, 0).join(1);
                ChainResult result = chain.run().throwIfFailed();
                assertEquals(1, result.completedSteps());
                assertEquals(100, result.bytes());
            }
        }

        @Test
        void aLoopEndsWithItsBudget() {
            chain.begin().budget(1_000);
            chain.nop().next(0);
            ChainResult result = chain.run();
            assertEquals(-Errno.ELOOP, result.result());
            assertEquals(1_000, result.completedSteps());
        }

        @Test
        void chainsGrowWhileTheyRun() throws IOException {
            byte[] content = random(1 << 20, 9);
            Random random = new Random(SEED);
            Path to = directory.resolve("to");
            long sum = 0;
            try (ChainFile target = open(to, ChainFile.Mode.CREATE)) {
                put(0, content);
                chain.begin().window(8);
                chain.start();
                for (int i = 0; i < 1_024; i++) {
                    if (i >= 64) {
                        chain.awaitStep(i - 64);
                    }
                    chain.write(target, region, i * 1024L, 1024, i * 1024L).accumulate();
                    sum += hash(content, i * 1024, 1024, i * 1024L);
                    if (random.nextInt(8) == 0) {
                        chain.publish();
                    }
                    if (i % 32 == 31) {
                        chain.publish();
                    }
                }
                chain.awaitStep(1_024 - 64);
                chain.sync(target).barrier();
                chain.seal();
                ChainResult result = chain.await().throwIfFailed();
                assertEquals(1_025, result.completedSteps());
                assertEquals(sum, result.sum());
            }
            assertArrayEquals(content, Files.readAllBytes(to));
        }

        @Test
        void closingARunningChainWaitsForIt() throws IOException {
            Chain other = lane.chain(16);
            try (ChainFile target = open(directory.resolve("to"), ChainFile.Mode.CREATE)) {
                other.window(8);
                for (int i = 0; i < 16; i++) {
                    other.write(target, region, i * 65536L, 65536, i * 65536L);
                }
                other.start();
                other.close();
                assertEquals(1 << 20, target.size());
            }
        }

        @Test
        void manyLanesAtOnce() throws Exception {
            byte[] content = random(1 << 20, 10);
            Path from = file("from", content);
            try (ChainFile source = open(from, ChainFile.Mode.READ)) {
                Thread[] threads = new Thread[8];
                Throwable[] failures = new Throwable[threads.length];
                for (int t = 0; t < threads.length; t++) {
                    int number = t;
                    threads[t] = Thread.ofPlatform().start(() -> {
                        try (Lane own = runtime.lane(placement);
                                Region memory = runtime.allocate(65536, "test lane");
                                Chain mine = own.chain(32)) {
                            for (int round = 0; round < 20; round++) {
                                mine.begin();
                                long sum = 0;
                                for (int i = 0; i < 16; i++) {
                                    int at = (number * 16 + i) * 8192;
                                    mine.read(source, memory, 0, 8192, at).accumulate();
                                    sum += hash(content, at, 8192, at);
                                }
                                assertEquals(sum, mine.run().throwIfFailed().sum());
                            }
                        } catch (Throwable e) {
                            failures[number] = e;
                        }
                    });
                }
                for (int t = 0; t < threads.length; t++) {
                    threads[t].join();
                    assertNull(failures[t]);
                }
            }
        }

        @Test
        void chunksAreWrittenAndReadBackVerified() throws IOException {
            for (int length : new int[] {0, 1, 4096, 65_536, 65_537, 1 << 20, (20 << 20) + 12_345}) {
                for (ChainFile.Access access : ChainFile.Access.values()) {
                    byte[] content = random(length, length);
                    Path path = directory.resolve("chunks" + length + access);
                    MemorySegment bytes = MemorySegment.ofArray(content);
                    ChunkSummary summary;
                    try (ChainFile file = runtime.open(path, ChainFile.Mode.CREATE, access);
                            ChunkWriter writer = new ChunkWriter(runtime, file)) {
                        writer.write(bytes, 0, length / 3);
                        writer.write(bytes, length / 3, length - length / 3);
                        MemorySegment footer = MemorySegment.ofArray(new byte[128]);
                        footer.set(ValueLayout.JAVA_LONG_UNALIGNED, ChunkTail.BODY_BYTES_AT, writer.bodyBytes());
                        summary = writer.finish(footer);
                    }
                    assertEquals(Files.size(path), summary.fileBytes());
                    long sum = 0;
                    byte[] body = Arrays.copyOf(content, (int) summary.bodyBytes());
                    for (int at = 0; at < body.length; at += ChunkWriter.CHUNK) {
                        sum += hash(body, at, Math.min(ChunkWriter.CHUNK, body.length - at), at);
                    }
                    assertEquals(sum, summary.fileChecksum());
                    readBack(path, body, summary, -1);
                    if (length > 0) {
                        int damaged = new Random(SEED + length).nextInt(length);
                        byte[] file = Files.readAllBytes(path);
                        file[damaged] ^= 4;
                        Files.write(path, file);
                        readBack(path, body, summary, damaged);
                    }
                }
            }
        }

        private void readBack(Path path, byte[] body, ChunkSummary summary, int damaged) {
            try (ChainFile file = runtime.open(path, ChainFile.Mode.READ, ChainFile.Access.BUFFERED);
                    ChunkTail tail = ChunkTail.read(file);
                    ChunkReader reader = new ChunkReader(runtime, file, tail.checksums(), tail.bodyBytes(), 0, 16)) {
                assertEquals(summary.bodyBytes(), tail.bodyBytes());
                assertEquals(summary.fileChecksum(), tail.fileChecksum());
                int at = 0;
                for (MemorySegment chunk = reader.next(); chunk != null; chunk = reader.next()) {
                    assertEquals(at, reader.chunkOffset());
                    assertEquals(-1, chunk.mismatch(MemorySegment.ofArray(body).asSlice(at, chunk.byteSize())));
                    at += (int) chunk.byteSize();
                }
                assertEquals(body.length, at);
                assertEquals(-1, damaged);
            } catch (ChunkMismatchException e) {
                assertEquals(damaged / ChunkWriter.CHUNK * (long) ChunkWriter.CHUNK, e.offset());
                assertTrue(damaged >= 0, e.getMessage());
                assertTrue(e.getMessage().contains(path.toString()));
            }
        }

        @Test
        void aChainThatLosesItsProgramIsCarriedOnOnce() throws IOException {
            byte[] content = random(4 << 20, 11);
            Path to = directory.resolve("to");
            try (ChainFile source = open(file("from", content), ChainFile.Mode.READ);
                    ChainFile target = open(to, ChainFile.Mode.CREATE);
                    Chain copy = lane.chain(2_048)) {
                long sum = 0;
                for (int at = 0; at < content.length; at += 4096) {
                    copy.read(source, region, at % (1 << 20), 4096, at).accumulate();
                    copy.write(target, region, at % (1 << 20), 4096, at);
                    sum += hash(content, at, 4096, at);
                }
                Thread detach = Thread.ofPlatform().start(() -> {
                    java.util.concurrent.locks.LockSupport.parkNanos(2_000_000);
                    runtime.detachProgram();
                });
                ChainResult result = copy.run().throwIfFailed();
                detach.join();
                assertEquals(2_048, result.completedSteps());
                assertEquals(2L * content.length, result.bytes());
                assertEquals(sum, result.sum());
                assertEquals(2_048, result.issuedByProgram() + result.issuedByUser());
                if (backend.startsWith("kernel")) {
                    assertEquals(1, runtime.counters().get("hand-overs"), "the program was there to the end");
                }
                // and the ring still serves
                chain.begin();
                chain.read(source, region, 0, 4096, 0).accumulate();
                assertEquals(
                        hash(content, 0, 4096, 0), chain.run().throwIfFailed().sum());
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            assertArrayEquals(content, Files.readAllBytes(to));
        }

        @Test
        void malformedStepsAreRefused() {
            assertThrows(IllegalArgumentException.class, () -> lane.chain(3));
            assertThrows(IllegalArgumentException.class, () -> chain.begin().window(0));
            assertThrows(IllegalArgumentException.class, () -> chain.nop().next(0, 33));
            assertThrows(IllegalArgumentException.class, () -> chain.nop().verify(region, (1 << 20) - 4));
            chain.begin();
            for (int i = 0; i < 64; i++) {
                chain.nop();
            }
            assertThrows(IllegalStateException.class, () -> chain.nop());
        }
    }
}
