package dev.catena.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Column families: one log and one manifest for maps that are otherwise on their own. */
@Timeout(120)
class ColumnFamilyTest {
    private static final Options SMALL = Options.defaults()
            .withMemtableBytes(64 << 10)
            .withTableBytes(64 << 10)
            .withLevelOneBytes(64 << 10)
            .withCacheBytes(1 << 20);

    @TempDir
    Path root;

    private Path directory() {
        return root.resolve("store");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i).array();
    }

    private static byte[] noise(int seed, int bytes) {
        byte[] noise = new byte[bytes];
        new Random(seed).nextBytes(noise);
        return noise;
    }

    private long files(String ending) throws IOException {
        try (Stream<Path> files = Files.list(directory())) {
            return files.filter(file -> file.toString().endsWith(ending)).count();
        }
    }

    private static ColumnFamily family(Db db, String name) {
        ColumnFamily found = db.columnFamily(name);
        assertNotNull(found);
        return found;
    }

    private static List<String> names(Db db) {
        return db.columnFamilies().stream().map(ColumnFamily::name).toList();
    }

    @Test
    void keysOfFamiliesAreApartAndStay() {
        try (Db db = Db.open(directory(), SMALL)) {
            assertEquals(List.of("default"), names(db));
            ColumnFamily cats = db.createColumnFamily("cats", SMALL.withFilterBitsPerKey(3));
            ColumnFamily dogs = db.createColumnFamily("dogs", SMALL);
            db.put(bytes("k"), bytes("default"));
            cats.put(bytes("k"), bytes("cats"));
            dogs.put(bytes("d"), bytes("dogs"));
            cats.flush();
            cats.put(bytes("l"), bytes("later"));
            assertArrayEquals(bytes("default"), db.get(bytes("k")));
            assertArrayEquals(bytes("cats"), cats.get(bytes("k")));
            assertNull(dogs.get(bytes("k")));
            assertThrows(IllegalArgumentException.class, () -> db.createColumnFamily("cats", SMALL));
            assertThrows(IllegalArgumentException.class, () -> db.createColumnFamily("default", SMALL));
            assertThrows(IllegalArgumentException.class, () -> db.createColumnFamily("", SMALL));
            assertThrows(IllegalArgumentException.class, () -> db.createColumnFamily("a]\nb", SMALL));
            assertThrows(IllegalArgumentException.class, () -> db.dropColumnFamily(db));
            assertSame(db, db.columnFamily("default"));
        }
        assertEquals(3, Options.stored(directory()).ofFamily("cats").filterBitsPerKey());
        for (boolean reading : new boolean[] {true, false}) {
            Options options = SMALL.withColumnFamily("cats", SMALL.withBlockBytes(777));
            try (Db db = reading ? Db.openReadOnly(directory(), options) : Db.open(directory(), options)) {
                assertEquals(List.of("default", "cats", "dogs"), names(db));
                ColumnFamily cats = family(db, "cats");
                assertEquals(777, cats.options().blockBytes());
                assertArrayEquals(bytes("default"), db.get(bytes("k")));
                assertArrayEquals(bytes("cats"), cats.get(bytes("k")));
                assertArrayEquals(bytes("later"), cats.get(bytes("l")));
                assertArrayEquals(bytes("dogs"), family(db, "dogs").get(bytes("d")));
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
                if (reading) {
                    assertThrows(StoreReadOnlyException.class, () -> db.createColumnFamily("more", SMALL));
                    assertThrows(StoreReadOnlyException.class, () -> db.dropColumnFamily(cats));
                }
            }
        }
        Db.destroy(directory());
        assertFalse(Files.exists(directory()));
    }

    @Test
    void whatWasDroppedIsRefusedAndItsSpaceGivenBack() throws IOException {
        try (Db db = Db.open(directory(), SMALL)) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL);
            for (int i = 0; i < 300; i++) {
                cats.put(key(i), noise(i, 1000));
            }
            cats.flush();
            cats.put(key(1), bytes("in memory"));
            db.put(bytes("k"), bytes("v"));
            DbIterator iterator = cats.iterator();
            iterator.seekToFirst();
            DbIterator other = db.iterator();
            Snapshot snapshot = db.snapshot();
            assertTrue(files(".table") > 0);
            db.dropColumnFamily(cats);
            assertEquals(0, files(".table"));
            assertThrows(ColumnFamilyDroppedException.class, iterator::next);
            assertThrows(ColumnFamilyDroppedException.class, iterator::isValid);
            assertThrows(ColumnFamilyDroppedException.class, () -> cats.get(key(1)));
            assertThrows(ColumnFamilyDroppedException.class, () -> cats.get(key(1), snapshot));
            assertThrows(ColumnFamilyDroppedException.class, () -> cats.multiGet(List.of(key(1))));
            assertThrows(ColumnFamilyDroppedException.class, () -> cats.put(key(1), key(1)));
            assertThrows(ColumnFamilyDroppedException.class, cats::iterator);
            assertThrows(ColumnFamilyDroppedException.class, cats::flush);
            assertThrows(ColumnFamilyDroppedException.class, cats::compact);
            assertThrows(ColumnFamilyDroppedException.class, () -> db.dropColumnFamily(cats));
            Batch batch = new Batch().put(bytes("k"), bytes("w")).put(cats, key(1), key(1));
            assertThrows(ColumnFamilyDroppedException.class, () -> db.write(batch, Durability.SYNCED));
            assertArrayEquals(bytes("v"), db.get(bytes("k")));
            other.seekToFirst();
            assertTrue(other.isValid());
            iterator.close();

            ColumnFamily again = db.createColumnFamily("cats", SMALL);
            assertNull(again.get(key(1)));
            again.put(key(2), key(2));
            assertThrows(ColumnFamilyDroppedException.class, () -> cats.get(key(2)));
        }
        try (Db db = Db.open(directory(), SMALL)) {
            ColumnFamily cats = family(db, "cats");
            assertNull(cats.get(key(1)));
            assertArrayEquals(key(2), cats.get(key(2)));
            assertArrayEquals(bytes("v"), db.get(bytes("k")));
        }
    }

    @Test
    void familiesOfAnotherStoreAreRefused() {
        try (Db db = Db.open(directory(), SMALL);
                Db other = Db.open(root.resolve("other"), SMALL)) {
            ColumnFamily cats = other.createColumnFamily("cats", SMALL);
            Batch batch = new Batch().put(cats, key(1), key(1));
            assertThrows(IllegalArgumentException.class, () -> db.write(batch, Durability.BUFFERED));
            assertThrows(IllegalArgumentException.class, () -> db.dropColumnFamily(cats));
            other.write(batch, Durability.BUFFERED);
            assertArrayEquals(key(1), cats.get(key(1)));
        }
    }

    @Test
    void snapshotsSpanFamilies() {
        try (Db db = Db.open(directory(), SMALL)) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL);
            db.write(new Batch().put(key(1), key(10)).put(cats, key(1), key(10)), Durability.BUFFERED);
            try (Snapshot snapshot = db.snapshot()) {
                db.write(new Batch().put(db, key(1), key(20)).delete(cats, key(1)), Durability.BUFFERED);
                cats.compact();
                db.compact();
                assertArrayEquals(key(10), db.get(key(1), snapshot));
                assertArrayEquals(key(10), cats.get(key(1), snapshot));
                assertArrayEquals(key(20), db.get(key(1)));
                assertNull(cats.get(key(1)));
            }
        }
    }

    @Test
    void logsGoWhenNoFamilyNeedsThem() {
        Options options = SMALL.withWriteBufferBytes(1 << 20);
        try (Db db = Db.open(directory(), options)) {
            ColumnFamily idle = db.createColumnFamily("idle", options.withMemtableBytes(16 << 20));
            idle.put(key(0), key(7));
            idle.flush();
            for (int i = 0; i < 1000; i++) {
                db.put(key(i), noise(i, 1000)); // fills some 15 memtables
            }
            db.flush();
            assertTrue(db.stats().log().files() <= 2, db.stats().log().toString());
            idle.put(key(1), key(8)); // holds up logs from here on, until they are too many
            int most = 0;
            for (int i = 0; i < 4000; i++) {
                db.put(key(i % 1000), noise(i, 1000));
                most = Math.max(most, db.stats().log().files());
            }
            db.flush();
            assertTrue(most > 5, most + " log files");
            assertTrue(most < 40, most + " log files");
            idle.flush();
            db.put(key(0), key(0));
            db.flush();
            assertTrue(db.stats().log().files() <= 2, db.stats().log().toString());
            assertArrayEquals(key(8), idle.get(key(1)));
        }
    }

    @Test
    void allMemtablesTogetherAreBounded() {
        Options options =
                SMALL.withMemtableBytes(1 << 20).withWriteBufferBytes(1 << 20).withLevelZeroTrigger(16);
        try (Db db = Db.open(directory(), options)) {
            List<ColumnFamily> families = new ArrayList<>(List.of(db));
            for (int i = 0; i < 7; i++) {
                families.add(db.createColumnFamily("family " + i, options));
            }
            Random random = new Random(1);
            long most = 0;
            for (int i = 0; i < 4000; i++) {
                families.get(random.nextInt(8)).put(key(i), noise(i, 1000));
                if (i % 10 == 0) {
                    Stats.Memory memory = db.stats().memory();
                    most = Math.max(most, memory.memtableBytes() + memory.immutableBytes());
                }
            }
            // Each memtable is looked at when it has grown by a sixteenth.
            assertTrue(most <= (1 << 20) + 8 * (1 << 16) + 10_000, "memtables took " + most + " bytes");
            assertTrue(most > 300_000, "memtables took " + most + " bytes");
        }
    }

    /** Writes batches over families, makes and drops families, and dies with most in memory. */
    static final class Victim {
        private Victim() {}

        public static void main(String[] arguments) {
            Db db = Db.open(Path.of(arguments[0]), SMALL.withMemtableBytes(1 << 20));
            ColumnFamily cats = db.createColumnFamily("cats", SMALL);
            ColumnFamily gone = db.createColumnFamily("gone", SMALL.withMemtableBytes(1 << 20));
            Batch batch = new Batch();
            for (int i = 0; i < 2000; i++) {
                batch.clear();
                batch.put(key(i), noise(i, 100))
                        .put(cats, key(i), noise(-i, 100))
                        .put(gone, key(i), key(i));
                batch.delete(cats, key(i - 1000));
                db.write(batch, Durability.BUFFERED);
            }
            db.createColumnFamily("late", SMALL).put(key(1), key(2));
            db.dropColumnFamily(gone);
            db.put(key(-1), key(-1), Durability.SYNCED);
            Runtime.getRuntime().halt(0);
        }
    }

    @Test
    void afterACrashAllFamiliesHaveWhatWasDurable() throws Exception {
        Process process = ChildJvm.start(
                List.of(), List.of("-Xmx128m"), Victim.class, directory().toString());
        process.inputReader().transferTo(java.io.Writer.nullWriter());
        assertEquals(0, process.waitFor());
        for (int opening = 0; opening < 3; opening++) {
            try (Db db = opening == 0 ? Db.openReadOnly(directory(), SMALL) : Db.open(directory(), SMALL)) {
                assertEquals(List.of("default", "cats", "late"), names(db));
                ColumnFamily cats = family(db, "cats");
                for (int i = 0; i < 2000; i++) {
                    assertArrayEquals(noise(i, 100), db.get(key(i)));
                    assertArrayEquals(i < 1000 ? null : noise(-i, 100), cats.get(key(i)));
                }
                assertArrayEquals(key(2), family(db, "late").get(key(1)));
                assertArrayEquals(key(-1), db.get(key(-1)));
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            }
        }
    }

    @Test
    void checkpointsAreOfOneMomentInAllFamilies() throws Exception {
        try (Db db = Db.open(directory(), SMALL)) {
            ColumnFamily cats = db.createColumnFamily("cats", SMALL);
            AtomicReference<Throwable> failure = new AtomicReference<>();
            AtomicReference<Boolean> stop = new AtomicReference<>(false);
            Thread writer = new Thread(() -> {
                try {
                    for (long i = 1; !stop.get(); i++) {
                        byte[] value = ByteBuffer.allocate(300).putLong(i).array();
                        db.write(
                                new Batch().put(key(i % 100), value).put(cats, key(i % 100), value),
                                Durability.BUFFERED);
                    }
                } catch (Throwable e) {
                    failure.set(e);
                }
            });
            writer.start();
            while (failure.get() == null && db.get(key(99)) == null) {
                Thread.onSpinWait();
            }
            for (int i = 0; i < 3; i++) {
                Path copy = root.resolve("copy" + i);
                db.checkpoint(copy);
                try (Db store = Db.open(copy, SMALL)) {
                    List<byte[]> keys = Stream.iterate(0, k -> k < 100, k -> k + 1)
                            .map(k -> key(k))
                            .toList();
                    List<byte[]> one = store.multiGet(keys);
                    List<byte[]> two = family(store, "cats").multiGet(keys);
                    for (int k = 0; k < 100; k++) {
                        assertNotNull(one.get(k));
                        assertArrayEquals(one.get(k), two.get(k));
                    }
                }
            }
            stop.set(true);
            writer.join();
            assertNull(failure.get());
        }
    }

    /**
     * A memtable that is sealed after a checkpoint's moment must not be flushed before the checkpoint knows its tables. Whoever makes the
     * checkpoint gets no processor in between here: a virtual thread, while others take all carriers.
     */
    @Test
    void flushesThatFollowDoNotGetIntoACheckpoint() throws Exception {
        HeldMerge flush = new HeldMerge();
        CountDownLatch checkpointed = new CountDownLatch(1);
        CountDownLatch flushed = new CountDownLatch(2);
        CountDownLatch flushedLater = new CountDownLatch(3);
        AtomicBoolean spin = new AtomicBoolean(true);
        Options options = SMALL.withMemtables(4);
        Path copy = root.resolve("copy");
        try (Db db = Db.open(directory(), options.withMergeOperator(flush).withListener(new StoreListener() {
            @Override
            public void ended(StoreEvent event) {
                if (event instanceof StoreEvent.Flush) {
                    flushed.countDown();
                    flushedLater.countDown();
                }
            }
        }))) {
            ColumnFamily cats = db.createColumnFamily("cats", options);
            db.write(new Batch().put(key(1), key(1)).put(cats, key(1), key(1)), Durability.BUFFERED);
            db.merge(key(1), key(2));
            Thread checkpoint = Thread.ofVirtual().start(() -> {
                db.checkpoint(copy);
                checkpointed.countDown();
            });
            flush.awaitMerging();
            db.write(new Batch().put(key(3), key(3)).put(cats, key(3), key(3)), Durability.BUFFERED);
            for (int i = 0; i < 100; i++) {
                db.put(key(1000 + i), noise(i, 1000)); // so that the memtable is sealed
            }
            int carriers = Runtime.getRuntime().availableProcessors();
            CountDownLatch spinning = new CountDownLatch(carriers);
            List<Thread> spinners = new ArrayList<>();
            for (int i = 0; i < carriers; i++) {
                spinners.add(Thread.ofVirtual().start(() -> {
                    spinning.countDown();
                    while (spin.get()) {
                        Thread.onSpinWait();
                    }
                }));
            }
            HeldMerge.await(spinning);
            flush.close();
            HeldMerge.await(flushed);
            boolean early = flushedLater.await(1, TimeUnit.SECONDS);
            boolean starved = checkpointed.getCount() == 1;
            spin.set(false);
            assertFalse(early, "a flush that follows");
            assertTrue(starved);
            HeldMerge.await(checkpointed);
            HeldMerge.await(flushedLater); // now it may
            checkpoint.join();
            for (Thread spinner : spinners) {
                spinner.join();
            }
        }
        try (Db db = Db.openReadOnly(copy, options.withMergeOperator(flush))) {
            assertArrayEquals(key(2), db.get(key(1)));
            assertNull(db.get(key(3)));
            assertNull(family(db, "cats").get(key(3)));
        }
    }

    @Test
    void droppingUnderUseHarmsNobody() throws Exception {
        try (Db db = Db.open(directory(), SMALL)) {
            AtomicReference<Throwable> failure = new AtomicReference<>();
            for (int round = 0; round < 6; round++) {
                ColumnFamily cats = db.createColumnFamily("cats", SMALL);
                List<Thread> users = new ArrayList<>();
                for (Runnable use : List.<Runnable>of(
                        () -> cats.put(key(System.nanoTime() % 5000), noise(1, 500)),
                        () -> db.write(new Batch().put(key(1), key(1)).put(cats, key(2), key(2)), Durability.BUFFERED),
                        () -> cats.get(key(2)),
                        cats::compact,
                        () -> {
                            try (DbIterator iterator = cats.iterator()) {
                                for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                                    iterator.value();
                                }
                            }
                        })) {
                    users.add(Thread.ofPlatform().start(() -> {
                        try {
                            while (true) {
                                use.run();
                            }
                        } catch (ColumnFamilyDroppedException e) {
                            // as it should be
                        } catch (Throwable e) {
                            failure.set(e);
                        }
                    }));
                }
                while (failure.get() == null && cats.get(key(2)) == null) {
                    Thread.onSpinWait();
                }
                long until = System.nanoTime() + (20L << 20) * round / 4;
                while (System.nanoTime() < until) {
                    Thread.onSpinWait();
                }
                db.dropColumnFamily(cats);
                for (Thread user : users) {
                    user.join();
                }
                assertNull(failure.get(), () -> "" + failure.get());
            }
            db.compact();
            assertArrayEquals(key(1), db.get(key(1)));
        }
        try (Db db = Db.open(directory(), SMALL)) {
            assertEquals(List.of("default"), names(db));
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            db.compact();
            assertTrue(files(".table") <= 1);
        }
    }
}
