package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A column family is dropped, or made, while somebody else is in the midst of something: held where a merge operator, a comparator or a
 * listener is called, or where there is no room.
 */
@Timeout(120)
class DropTest {
    private static final Options SMALL = Options.defaults()
            .withMemtableBytes(64 << 10)
            .withTableBytes(64 << 10)
            .withLevelOneBytes(64 << 10)
            .withCacheBytes(1 << 20);

    private static final int LARGE = 40_000;

    @TempDir
    Path root;

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i).array();
    }

    private static byte[] noise(int seed, int bytes) {
        byte[] noise = new byte[bytes];
        new Random(seed).nextBytes(noise);
        return noise;
    }

    private Path directory() {
        return root.resolve("store");
    }

    private long tables() throws IOException {
        try (Stream<Path> files = Files.list(directory())) {
            return files.filter(file -> file.toString().endsWith(".table")).count();
        }
    }

    private static long memtableBytes(Db db) {
        return db.stats().memory().byOwner().get("memtables");
    }

    /** A thread that does something, and what came of it. */
    private static final class Doing {
        final CompletableFuture<@Nullable Void> done = new CompletableFuture<>();
        final Thread thread;

        Doing(Runnable what) {
            thread = Thread.ofPlatform().start(() -> {
                try {
                    what.run();
                    done.complete(null);
                } catch (Throwable e) {
                    done.completeExceptionally(e);
                }
            });
        }

        /** Returns when it has been in a method of a class for some milliseconds: it waits there. */
        void awaitIn(Class<?> type, String method) {
            Predicate<StackTraceElement> place = frame -> frame.getClassName().equals(type.getName())
                    && frame.getMethodName().equals(method);
            for (int seen = 0; seen < 10; ) {
                assertFalse(done.isDone(), () -> "it did not wait in " + method);
                seen = Arrays.stream(thread.getStackTrace()).anyMatch(place) ? seen + 1 : 0;
                LockSupport.parkNanos(1_000_000);
            }
        }

        void assertDropped() {
            CompletionException failed = assertThrows(CompletionException.class, done::join);
            assertInstanceOf(ColumnFamilyDroppedException.class, failed.getCause());
        }
    }

    /** Compares bytes, and holds a thread that does. */
    private static final class HeldOrder implements KeyComparator, AutoCloseable {
        private final CountDownLatch comparing = new CountDownLatch(1);
        private final CountDownLatch go = new CountDownLatch(1);
        private volatile @Nullable Thread held;

        @Override
        public String name() {
            return "held";
        }

        @Override
        public int compare(MemorySegment a, MemorySegment b) {
            if (Thread.currentThread() == held) {
                held = null;
                comparing.countDown();
                HeldMerge.await(go);
            }
            return KeyComparators.unsignedBytes().compare(a, b);
        }

        /** Holds the calling thread when it compares. */
        void holdMe() {
            held = Thread.currentThread();
        }

        void awaitComparing() {
            HeldMerge.await(comparing);
        }

        @Override
        public void close() {
            go.countDown();
        }
    }

    private void checkReopened(String... names) {
        HeldMerge let = new HeldMerge();
        let.close();
        try (Db db = Db.open(directory(), SMALL.withMergeOperator(let))) {
            assertEquals(
                    List.of(names),
                    db.columnFamilies().stream().map(ColumnFamily::name).toList());
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
    }

    /** With the operand first the flush asks soon whether it is still wanted; else it ends, and its table goes. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whileItIsFlushed(int operand) throws IOException {
        HeldMerge merge = new HeldMerge();
        try (Db db = Db.open(directory(), SMALL);
                merge) {
            long before = memtableBytes(db);
            ColumnFamily cats =
                    db.createColumnFamily("cats", SMALL.withMergeOperator(merge).withMemtableBytes(1 << 20));
            cats.put(key(0), key(0));
            cats.put(key(1), noise(1, LARGE));
            cats.merge(key(operand), key(7));
            if (operand == 0) {
                for (int i = 2; i < 2000; i++) {
                    cats.put(key(i), key(i));
                }
                cats.merge(key(1999), key(7));
            }
            Doing flush = new Doing(cats::flush);
            merge.awaitMerging();
            db.dropColumnFamily(cats);
            flush.assertDropped();
            assertTrue(memtableBytes(db) > LARGE, "the flush has lost its memtable");
            merge.close();
            db.put(key(5), key(5));
            db.flush(); // by the same thread, after that
            assertEquals(1, tables());
            assertEquals(1, merge.merges());
            assertTrue(memtableBytes(db) - before < LARGE, "a memtable is left");
        }
        checkReopened("default");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void whileItIsCompacted(int operand) throws IOException {
        HeldMerge merge = new HeldMerge();
        try (Db db = Db.open(directory(), SMALL);
                merge) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL.withMergeOperator(merge));
            cats.put(key(0), key(0));
            cats.put(key(1), key(1));
            cats.flush();
            cats.merge(key(operand), key(7));
            Doing compaction = new Doing(cats::compact);
            merge.awaitMerging();
            CompletableFuture<?> next = cats.compact(key(0), null);
            db.dropColumnFamily(cats);
            compaction.assertDropped();
            CompletionException failed = assertThrows(CompletionException.class, next::join);
            assertInstanceOf(ColumnFamilyDroppedException.class, failed.getCause());
            db.put(key(5), key(5));
            db.flush();
            merge.close();
            db.compact(); // by the same thread, after that
            assertEquals(1, tables());
        }
        checkReopened("default");
    }

    @Test
    void whileWritersAndFlushesWaitForRoom() {
        HeldMerge merge = new HeldMerge();
        try (Db db = Db.open(directory(), SMALL);
                merge) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL.withMergeOperator(merge));
            cats.put(key(0), key(0));
            cats.merge(key(0), key(7));
            Doing flush = new Doing(cats::flush);
            merge.awaitMerging();
            cats.put(key(1), key(1));
            Doing secondFlush = new Doing(cats::flush);
            secondFlush.awaitIn(Store.class, "awaitWork");
            Doing writer = new Doing(() -> {
                for (int i = 0; ; i++) {
                    cats.put(key(i), noise(i, 1000));
                }
            });
            awaitNoRoom(db, writer);
            db.dropColumnFamily(cats);
            flush.assertDropped();
            secondFlush.assertDropped();
            writer.assertDropped();
        }
        checkReopened("default");
    }

    /** Until a writer waits for good, not for some milliseconds. */
    private static void awaitNoRoom(Db db, Doing writer) {
        long before = -1;
        for (long now = 0; now != before; now = db.stats().lastSequence()) {
            before = now;
            for (int seen = 0; seen < 20; seen++) {
                writer.awaitIn(Family.class, "makeRoom");
            }
        }
    }

    /** A batch that had room in the family before there was none in another one. */
    @Test
    void whileABatchWaitsForRoomInAnother() {
        HeldMerge merge = new HeldMerge();
        try (Db db = Db.open(directory(), SMALL);
                merge) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL.withMemtableBytes(16 << 20));
            ColumnFamily dogs = db.createColumnFamily("dogs", SMALL.withMergeOperator(merge));
            dogs.put(key(0), key(0));
            dogs.merge(key(0), key(7));
            Doing flush = new Doing(dogs::flush);
            merge.awaitMerging();
            long[] last = new long[1];
            Doing writer = new Doing(() -> {
                for (int i = 1; ; i++) {
                    last[0] = i;
                    db.write(
                            new Batch().put(cats, key(i), key(i)).put(dogs, key(i), noise(i, 1000)),
                            Durability.BUFFERED);
                }
            });
            awaitNoRoom(db, writer);
            db.dropColumnFamily(cats);
            merge.close();
            writer.assertDropped();
            flush.done.join();
            assertNull(dogs.get(key(last[0])), "half of a batch");
            assertNotNull(dogs.get(key(last[0] - 1)));
        }
        checkReopened("default", "dogs");
    }

    @Test
    void whileItIsReadFrom() {
        HeldOrder order = new HeldOrder();
        try (Db db = Db.open(directory(), SMALL);
                order) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL.withKeyComparator(order));
            for (int i = 0; i < 10; i++) {
                cats.put(key(i), noise(i, 100));
            }
            cats.flush();
            Doing reader = new Doing(() -> {
                order.holdMe();
                assertArrayEquals(noise(3, 100), cats.get(key(3)));
            });
            order.awaitComparing();
            Doing drop = new Doing(() -> db.dropColumnFamily(cats));
            drop.awaitIn(Family.class, "close");
            order.close();
            reader.done.join();
            drop.done.join();
        }
        checkReopened("default");
    }

    @Test
    void whileAnIteratorSeeks() throws IOException {
        HeldOrder order = new HeldOrder();
        try (Db db = Db.open(directory(), SMALL);
                order) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL.withKeyComparator(order));
            for (int i = 0; i < 10; i++) {
                cats.put(key(i), noise(i, 100));
            }
            cats.flush();
            DbIterator iterator = cats.iterator();
            Doing reader = new Doing(() -> {
                order.holdMe();
                iterator.seek(key(3));
            });
            order.awaitComparing();
            Doing drop = new Doing(() -> db.dropColumnFamily(cats));
            drop.awaitIn(Family.class, "close");
            order.close();
            try {
                reader.done.join();
            } catch (CompletionException e) {
                assertInstanceOf(ColumnFamilyDroppedException.class, e.getCause());
            }
            drop.done.join();
            assertThrows(ColumnFamilyDroppedException.class, iterator::next);
            assertEquals(0, tables());
        }
        checkReopened("default");
    }

    @Test
    void whileAnIteratorIsMade() throws IOException {
        HeldOrder order = new HeldOrder();
        try (Db db = Db.open(directory(), SMALL);
                order) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL.withKeyComparator(order));
            for (int i = 0; i < 10; i++) {
                cats.put(key(i), noise(i, 100));
            }
            cats.flush();
            Doing reader = new Doing(() -> {
                order.holdMe();
                cats.iterator(IteratorOptions.defaults().withLowerBound(key(3)));
            });
            order.awaitComparing();
            Doing drop = new Doing(() -> db.dropColumnFamily(cats));
            drop.awaitIn(Family.class, "close");
            order.close();
            reader.assertDropped();
            drop.done.join();
            assertEquals(0, tables());
        }
        checkReopened("default");
    }

    @Test
    void whileTheStoreIsVerified() throws IOException {
        try (Db db = Db.open(directory(), SMALL)) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL);
            cats.put(key(1), noise(1, LARGE));
            cats.flush();
            db.put(key(5), key(5));
            VerifyReport report = db.verify((file, done, total) -> {
                if (!cats.family.isDropped()) {
                    db.dropColumnFamily(cats);
                }
            });
            assertEquals(List.of(), report.damages());
            db.flush();
            assertEquals(1, tables());
        }
        checkReopened("default");
    }

    /** A checkpoint is of a moment before. */
    @Test
    void whileACheckpointIsMade() {
        HeldMerge merge = new HeldMerge();
        try (Db db = Db.open(directory(), SMALL);
                merge) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL.withMergeOperator(merge));
            cats.put(key(0), key(0));
            cats.merge(key(0), key(7));
            Doing checkpoint = new Doing(() -> db.checkpoint(root.resolve("copy")));
            merge.awaitMerging();
            Doing drop = new Doing(() -> db.dropColumnFamily(cats));
            drop.awaitIn(Store.class, "dropFamily");
            merge.close();
            checkpoint.done.join();
            drop.done.join();
        }
        checkReopened("default");
        try (Db db = Db.openReadOnly(root.resolve("copy"), SMALL.withMergeOperator(merge))) {
            ColumnFamily cats = db.columnFamily("cats");
            assertNotNull(cats);
            assertArrayEquals(key(7), cats.get(key(0)));
        }
    }

    /** What a crash leaves at any time has the families that there were, and no operation's number is given out twice. */
    @Test
    void familiesAreInTheManifestAtOnce() throws IOException {
        HeldMerge merge = new HeldMerge();
        Options options = SMALL.withMergeOperator(merge);
        try (Db db = Db.open(directory(), options);
                merge) {
            db.put(key(0), key(0));
            db.merge(key(0), key(7));
            Doing flush = new Doing(db::flush);
            merge.awaitMerging();
            ColumnFamily cats = db.createColumnFamily("cats", options.withBlockBytes(777));
            cats.put(key(1), key(1), Durability.SYNCED);
            Path held = copy("held");
            merge.close();
            flush.done.join();
            Path flushed = copy("flushed");
            db.put(key(3), key(3));
            cats.flush(); // which begins another log
            cats.put(key(2), key(2), Durability.SYNCED);
            long sequence = db.stats().lastSequence();
            db.dropColumnFamily(cats);
            Path dropped = copy("dropped");
            for (Path copy : List.of(held, flushed)) {
                assertEquals(777, Options.stored(copy).ofFamily("cats").blockBytes());
                try (Db found = Db.open(copy, options)) {
                    ColumnFamily there = found.columnFamily("cats");
                    assertNotNull(there, copy.toString());
                    assertArrayEquals(key(1), there.get(key(1)));
                    assertArrayEquals(key(7), found.get(key(0)));
                }
            }
            for (int opening = 0; opening < 2; opening++) {
                try (Db found = Db.open(dropped, options)) {
                    assertNull(found.columnFamily("cats"));
                    assertArrayEquals(key(7), found.get(key(0)));
                    assertArrayEquals(key(3), found.get(key(3)), "a log that is needed was given up");
                    assertTrue(found.stats().lastSequence() >= sequence);
                    assertNull(found.createColumnFamily("cats", options).get(key(1)));
                    found.dropColumnFamily(assertPresent(found.columnFamily("cats")));
                }
            }
        }
    }

    private static ColumnFamily assertPresent(@Nullable ColumnFamily family) {
        assertNotNull(family);
        return family;
    }

    /** The store's files as they are. */
    private Path copy(String name) throws IOException {
        Path copy = Files.createDirectory(root.resolve(name));
        try (Stream<Path> files = Files.list(directory())) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        return copy;
    }
}
