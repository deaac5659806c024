package dev.catena.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the public methods promise, one by one. */
class StoreTest {
    @TempDir
    Path directory;

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private static byte[] number(long number) {
        return ByteBuffer.allocate(8).putLong(number).array();
    }

    private static Options small() {
        return Options.defaults()
                .withMemtableBytes(256 << 10)
                .withTableBytes(128 << 10)
                .withLevelOneBytes(512 << 10)
                .withCacheBytes(2 << 20);
    }

    @Test
    void keysAndValuesAboveLimitsAreRefused() {
        try (Db db = Db.open(directory, Options.defaults());
                Arena arena = Arena.ofConfined()) {
            byte[] longest = new byte[Limits.KEY_BYTES_MAX];
            db.put(longest, bytes("v"));
            assertArrayEquals(bytes("v"), db.get(longest));
            byte[] tooLong = new byte[Limits.KEY_BYTES_MAX + 1];
            for (Runnable refused : List.<Runnable>of(
                    () -> db.put(tooLong, bytes("v")),
                    () -> db.delete(tooLong),
                    () -> db.get(tooLong),
                    () -> new Batch().put(tooLong, bytes("v")),
                    () -> new Batch().delete(tooLong))) {
                IllegalArgumentException e = assertThrows(IllegalArgumentException.class, refused::run);
                assertEquals("key of 65537 bytes: at most 65536 are allowed", e.getMessage());
            }
            MemorySegment huge = arena.allocate((256L << 20) + 1);
            IllegalArgumentException e = assertThrows(
                    IllegalArgumentException.class, () -> db.put(arena.allocateFrom("k"), huge, Durability.BUFFERED));
            assertEquals("value of 268435457 bytes: at most 268435456 are allowed", e.getMessage());
        }
    }

    @Test
    void optionsOutOfRangeAreRefused() {
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class, () -> Options.defaults().withBlockBytes(100));
        assertEquals("blockBytes is 100: 512 to 1048576 are allowed", e.getMessage());
        assertThrows(IllegalArgumentException.class, () -> Options.defaults().withMemtables(1));
        assertThrows(IllegalArgumentException.class, () -> Options.defaults().withFilterBitsPerKey(-1));
    }

    @Test
    void missingStoreIsNotMadeUnlessWanted() {
        Path missing = directory.resolve("none");
        assertThrows(
                StoreIoException.class,
                () -> Db.open(missing, Options.defaults().withCreateIfMissing(false)));
        assertFalse(Files.exists(missing));
        assertThrows(
                StoreIoException.class,
                () -> Db.open(directory, Options.defaults().withCreateIfMissing(false)));
    }

    @Test
    void secondOpeningInTheProcessIsRefused() {
        try (Db db = Db.open(directory, Options.defaults())) {
            StoreLockedException e =
                    assertThrows(StoreLockedException.class, () -> Db.open(directory, Options.defaults()));
            assertTrue(e.getMessage().contains("by this process"), e.getMessage());
            db.put(bytes("a"), bytes("b"));
        }
        Db.open(directory, Options.defaults()).close();
    }

    /** Holds the store given open until its input ends. */
    static final class Holder {
        private Holder() {}

        public static void main(String[] arguments) throws Exception {
            try (Db db = Db.open(Path.of(arguments[0]), Options.defaults())) {
                db.put(bytes("a"), bytes("from the other process"));
                System.out.println("open");
                System.out.flush();
                int unused = System.in.read();
            }
        }
    }

    @Test
    void openingWhileAnotherProcessHoldsTheStoreIsRefused() throws Exception {
        Process holder = ChildJvm.start(List.of(), List.of(), Holder.class, directory.toString());
        try {
            assertEquals('o', holder.getInputStream().read());
            StoreLockedException e =
                    assertThrows(StoreLockedException.class, () -> Db.open(directory, Options.defaults()));
            assertTrue(e.getMessage().endsWith("by process " + holder.pid()), e.getMessage());
            holder.getOutputStream().close();
            assertEquals(0, holder.waitFor());
        } finally {
            holder.destroyForcibly();
        }
        try (Db db = Db.open(directory, Options.defaults())) {
            assertArrayEquals(bytes("from the other process"), db.get(bytes("a")));
        }
    }

    @Test
    void everyMethodThrowsAfterClose() {
        Db db = Db.open(directory, Options.defaults());
        db.put(bytes("a"), bytes("b"));
        DbIterator iterator = db.iterator();
        iterator.seekToFirst();
        MemorySegment value = iterator.valueSegment();
        db.close();
        db.close();
        for (Runnable use : List.<Runnable>of(
                () -> db.put(bytes("a"), bytes("b")),
                () -> db.put(bytes("a"), bytes("b"), Durability.SYNCED),
                () -> db.delete(bytes("a")),
                () -> db.write(new Batch(), Durability.SYNCED),
                () -> db.get(bytes("a")),
                db::iterator,
                db::flush,
                db::compact,
                db::stats,
                () -> db.verify(VerifyListener.NONE),
                iterator::seekToFirst,
                () -> iterator.seek(bytes("a")),
                iterator::next,
                iterator::isValid,
                iterator::key,
                iterator::value,
                iterator::keySegment,
                iterator::valueSegment)) {
            assertThrows(StoreClosedException.class, use::run);
        }
        iterator.close();
        assertEquals(1, value.byteSize()); // a view kept too long does no harm
        assertEquals('b', value.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0));
    }

    @Test
    void closingUnderUseEndsEveryThreadWithStoreClosed() throws Exception {
        for (int round = 0; round < 5; round++) {
            long before = NativeMemory.allocatedBytes();
            Db db = Db.open(directory.resolve("store" + round), small());
            for (long i = 0; i < 5000; i++) {
                db.put(number(i), new byte[100]);
            }
            Queue<Throwable> unexpected = new ConcurrentLinkedQueue<>();
            AtomicLong operations = new AtomicLong();
            List<Thread> threads = new ArrayList<>();
            for (int t = 0; t < 6; t++) {
                int kind = t;
                threads.add(new Thread(() -> {
                    Random random = new Random(kind);
                    try {
                        while (true) {
                            use(db, kind, random);
                            operations.incrementAndGet();
                        }
                    } catch (StoreClosedException e) {
                        return;
                    } catch (Throwable e) {
                        unexpected.add(e);
                    }
                }));
            }
            threads.forEach(Thread::start);
            Thread.sleep(50 + 40 * round);
            db.close();
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(List.of(), List.copyOf(unexpected));
            assertTrue(operations.get() > 6, "threads ran");
            assertEquals(before, NativeMemory.allocatedBytes(), () -> "leaked: " + NativeMemory.allocatedByOwner());
        }
    }

    private static void use(Db db, int kind, Random random) {
        switch (kind) {
            case 0 -> db.put(number(random.nextInt(5000)), new byte[100]);
            case 1 -> db.put(number(random.nextInt(5000)), new byte[100], Durability.SYNCED);
            case 2 -> assertNotNull(db.get(number(random.nextInt(5000))));
            case 3 -> {
                DbIterator iterator = db.iterator(); // left open now and then
                iterator.seekToFirst();
                for (int i = 0; i < 200 && iterator.isValid(); i++) {
                    assertEquals(8, iterator.keySegment().byteSize());
                    iterator.next();
                }
                if (random.nextInt(10) > 0) {
                    iterator.close();
                }
            }
            case 4 -> db.flush();
            default -> assertTrue(db.stats().lastSequence() > 0);
        }
    }

    @Test
    void batchesAreSeenWholeByReaders() throws Exception {
        try (Db db = Db.open(directory, small())) {
            int keys = 50;
            Thread writer = new Thread(() -> {
                Batch batch = new Batch();
                for (long i = 0; i < 3000; i++) {
                    batch.clear();
                    for (int k = 0; k < keys; k++) {
                        batch.put(number(k), number(i));
                    }
                    db.write(batch, Durability.BUFFERED);
                }
            });
            writer.start();
            long last = -1;
            while (writer.isAlive()) {
                try (DbIterator iterator = db.iterator()) {
                    iterator.seekToFirst();
                    if (!iterator.isValid()) {
                        continue;
                    }
                    long value = ByteBuffer.wrap(iterator.value()).getLong();
                    int seen = 0;
                    for (; iterator.isValid(); iterator.next()) {
                        assertEquals(value, ByteBuffer.wrap(iterator.value()).getLong());
                        seen++;
                    }
                    assertEquals(keys, seen);
                    assertTrue(value >= last);
                    last = value;
                }
            }
            writer.join();
        }
    }

    @Test
    void iteratorShowsTheStoreAsItWas() {
        try (Db db = Db.open(directory, small())) {
            for (long i = 0; i < 1000; i++) {
                db.put(number(i), bytes("old"));
            }
            try (DbIterator iterator = db.iterator()) {
                for (long i = 0; i < 1000; i++) {
                    if (i % 2 == 0) {
                        db.delete(number(i));
                    } else {
                        db.put(number(i), bytes("new"));
                    }
                    db.put(number(10_000 + i), new byte[1000]);
                }
                db.compact();
                long count = 0;
                for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                    assertArrayEquals(number(count++), iterator.key());
                    assertArrayEquals(bytes("old"), iterator.value());
                }
                assertEquals(1000, count);
                assertThrows(IllegalStateException.class, iterator::next);
                assertThrows(IllegalStateException.class, iterator::key);
            }
            assertNull(db.get(number(2)));
            assertArrayEquals(bytes("new"), db.get(number(3)));
        }
    }

    @Test
    void sixteenThreadsOfSyncedPutsShareFlushes() throws Exception {
        int threads = 16;
        int each = 300;
        try (Db db = Db.open(directory, Options.defaults())) {
            CountDownLatch ready = new CountDownLatch(threads);
            Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
            List<Thread> writers = new ArrayList<>();
            for (int t = 0; t < threads; t++) {
                long base = t * 1000L;
                writers.add(new Thread(() -> {
                    try {
                        ready.countDown();
                        ready.await();
                        for (int i = 0; i < each; i++) {
                            db.put(number(base + i), number(base - i), Durability.SYNCED);
                        }
                    } catch (Throwable e) {
                        failures.add(e);
                    }
                }));
            }
            writers.forEach(Thread::start);
            for (Thread writer : writers) {
                writer.join();
            }
            assertEquals(List.of(), List.copyOf(failures));
            long flushes = db.stats().log().durableFlushes();
            assertTrue(flushes < threads * each / 2, flushes + " flushes for " + threads * each + " puts");
        }
        try (Db db = Db.open(directory, Options.defaults())) {
            for (int t = 0; t < threads; t++) {
                for (int i = 0; i < each; i++) {
                    assertArrayEquals(number(t * 1000L - i), db.get(number(t * 1000L + i)));
                }
            }
        }
    }

    @Test
    void recordsBiggerThanTheLogRingSurviveReopening() {
        Random random = new Random(7);
        byte[][] values = new byte[6][];
        try (Db db = Db.open(directory, Options.defaults())) {
            for (int i = 0; i < values.length; i++) {
                values[i] = new byte[i % 2 == 0 ? 20_000_000 + i : 3_000_001 + i];
                random.nextBytes(values[i]);
                db.put(number(i), values[i], i == 2 ? Durability.SYNCED : Durability.BUFFERED);
                db.put(number(100 + i), number(i));
            }
            Batch batch = new Batch();
            batch.put(number(200), values[0]).put(number(201), values[1]).delete(number(100));
            db.write(batch, Durability.SYNCED);
        }
        for (int opening = 0; opening < 2; opening++) {
            try (Db db = Db.open(directory, Options.defaults())) {
                for (int i = 0; i < values.length; i++) {
                    assertArrayEquals(values[i], db.get(number(i)));
                }
                assertArrayEquals(values[0], db.get(number(200)));
                assertArrayEquals(values[1], db.get(number(201)));
                assertNull(db.get(number(100)));
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
                db.flush();
            }
        }
    }

    @Test
    void manyLogsAreReplayedWithoutTables() {
        try (Db db = Db.open(directory, Options.defaults().withMemtableBytes(64 << 10))) {
            for (long i = 0; i < 3000; i++) {
                db.put(number(i), new byte[200]);
            }
        }
        for (int opening = 0; opening < 5; opening++) {
            try (Db db = Db.open(directory, Options.defaults().withMemtableBytes(100 << 10))) {
                for (long i = 0; i < 3000 + opening; i++) {
                    assertNotNull(db.get(number(i)), "key " + i + " in opening " + opening);
                }
                db.put(number(3000 + opening), new byte[1], Durability.SYNCED);
            }
        }
    }

    @Test
    void filesThatNothingNeedsAreRemoved() throws Exception {
        try (Db db = Db.open(directory, small())) {
            for (long i = 0; i < 20_000; i++) {
                db.put(number(i % 3000), new byte[100]);
            }
            db.compact();
        }
        Files.write(directory.resolve("999999.table"), new byte[100]);
        Files.write(directory.resolve("MANIFEST.tmp"), new byte[100]);
        try (Db db = Db.open(directory, small())) {
            long tables =
                    db.stats().levels().stream().mapToLong(Stats.Level::tables).sum();
            try (Stream<Path> files = Files.list(directory)) {
                assertEquals(
                        tables,
                        files.filter(file -> file.toString().endsWith(".table")).count());
            }
            assertFalse(Files.exists(directory.resolve("MANIFEST.tmp")));
            db.put(bytes("a"), bytes("b"), Durability.SYNCED); // numbers go on after the stray's
        }
        try (Stream<Path> files = Files.list(directory)) {
            List<String> logs = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".log"))
                    .toList();
            assertEquals(1, logs.size(), logs::toString);
            assertTrue(
                    logs.getFirst().compareTo("999999") > 0 || logs.getFirst().length() > 10, logs::toString);
        }
    }

    @Test
    void storesOfOneProcessDoNotDisturbEachOther() throws Exception {
        List<Thread> threads = new ArrayList<>();
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        for (int s = 0; s < 3; s++) {
            Path path = directory.resolve("store" + s);
            byte mark = (byte) s;
            threads.add(new Thread(() -> {
                try {
                    for (int opening = 0; opening < 3; opening++) {
                        try (Db db = Db.open(path, small())) {
                            for (long i = 0; i < 4000; i++) {
                                db.put(
                                        number(i),
                                        new byte[] {mark},
                                        i % 50 == 0 ? Durability.SYNCED : Durability.BUFFERED);
                            }
                            db.compact();
                            for (long i = 0; i < 4000; i++) {
                                assertArrayEquals(new byte[] {mark}, db.get(number(i)));
                            }
                            assertEquals(
                                    List.of(), db.verify(VerifyListener.NONE).damages());
                        }
                    }
                } catch (Throwable e) {
                    failures.add(e);
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(List.of(), List.copyOf(failures));
    }

    @Test
    void userMemoryThatIsClosedLeavesTheStoreAsItWas() {
        try (Db db = Db.open(directory, Options.defaults())) {
            db.put(bytes("a"), bytes("1"));
            MemorySegment closed;
            try (Arena arena = Arena.ofConfined()) {
                closed = arena.allocate(8);
            }
            assertThrows(
                    IllegalStateException.class,
                    () -> db.put(MemorySegment.ofArray(bytes("b")), closed, Durability.SYNCED));
            assertThrows(IllegalStateException.class, () -> db.get(MemorySegment.ofArray(bytes("a")), closed));
            assertNull(db.get(bytes("b")));
            db.put(bytes("c"), bytes("3"), Durability.SYNCED);
        }
        try (Db db = Db.open(directory, Options.defaults())) {
            assertArrayEquals(bytes("1"), db.get(bytes("a")));
            assertNull(db.get(bytes("b")));
            assertArrayEquals(bytes("3"), db.get(bytes("c")));
        }
    }

    @Test
    void interruptedWritersGoOn() {
        Options options = small().withMemtableBytes(64 << 10);
        try (Db db = Db.open(directory, options)) {
            for (int i = 0; i < 4000; i++) {
                Thread.currentThread().interrupt();
                db.put(number(i), new byte[200], i % 50 == 0 ? Durability.SYNCED : Durability.BUFFERED);
            }
            db.flush();
        } finally {
            assertTrue(Thread.interrupted(), "the interrupt is the caller's still");
        }
        try (Db db = Db.open(directory, options)) {
            for (int i = 0; i < 4000; i++) {
                assertArrayEquals(new byte[200], db.get(number(i)));
            }
        }
    }
}
