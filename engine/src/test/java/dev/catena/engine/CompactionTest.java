package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What compaction does to the tables of a store. */
class CompactionTest {
    @TempDir
    Path directory;

    /** Text of hexadecimal digits: LZ4 finds nothing in it, ZSTD halves it. */
    @Test
    void theLastLevelHasACompressionOfItsOwn() {
        Random random = new Random(1);
        Options options = Options.defaults().withLastLevelCompression(Compression.ZSTD);
        long raw = 0;
        try (Db db = Db.open(directory, options)) {
            for (int i = 0; i < 10_000; i++) {
                byte[] value = "%016x%016x%016x"
                        .formatted(random.nextLong(), random.nextLong(), random.nextLong())
                        .getBytes(StandardCharsets.US_ASCII);
                db.put(key(i), value);
                raw += value.length;
            }
            db.flush();
            long levelZero = bytesInTables(db);
            assertTrue(levelZero > raw, levelZero + " bytes in level 0");
            db.compact();
            long last = bytesInTables(db);
            assertTrue(last < raw * 0.75, last + " bytes in the last level, " + levelZero + " in level 0");
            assertNotNull(db.get(key(77)));
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
    }

    /** Three times as much is overwritten as there is, and random; then level 0 has less than a compaction asks for. */
    @Test
    void aStoreAtRestHasLittleThatNobodyNeeds() {
        Random random = random();
        byte[] value = new byte[100];
        Options options = small().withCompression(Compression.NONE).withLevelZeroTrigger(12);
        try (Db db = Db.open(directory, options)) {
            for (int i = 0; i < 216_000; i++) {
                random.nextBytes(value);
                db.put(key(i < 50_000 ? i : random.nextInt(50_000)), value);
                if (i >= 200_000 && i % 1600 == 0) {
                    db.flush();
                }
            }
            awaitRest(db);
            Stats stats = db.stats();
            long atRest = bytesInTables(db);
            db.compact();
            long live = bytesInTables(db);
            assertTrue(atRest <= 1.09 * live, atRest + " bytes at rest, of which live " + live + ": " + stats.levels());
            assertEquals(50_000, count(db));
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
    }

    /** Each level a tenth of the one below it, and none that is not worth it. */
    @Test
    void levelsComeIntoUseFromTheLastUp() {
        Random random = random();
        byte[] value = new byte[100];
        try (Db db = Db.open(directory, small().withCompression(Compression.NONE))) {
            db.put(key(0), value);
            db.compact();
            assertEquals(List.of(0L, 0L, 0L, 0L, 0L), limits(db));
            for (int i = 0; i < 100_000; i++) {
                random.nextBytes(value);
                db.put(key(i), value);
            }
            db.compact(); // 12 MiB; a tenth is more than levelOneBytes
            long last = db.stats().levels().get(6).bytes();
            assertEquals(List.of(0L, 0L, 0L, 0L, last / 10), limits(db));
            assertEquals(bytesInTables(db), last);
        }
        Options smaller = small().withLevelOneBytes(128 << 10);
        try (Db db = Db.open(directory, smaller)) {
            long last = db.stats().levels().get(6).bytes();
            assertEquals(List.of(0L, 0L, 0L, 128L << 10, last / 10), limits(db));
        }
    }

    /** So a table goes down with those that share keys with it, and its neighbour not with the same once more; {@code compact} takes several at a time. */
    @Test
    void tablesEndWhereThoseBelowEnd() {
        Random random = random();
        LongAdder asked = new LongAdder();
        Options options = small().withCompression(Compression.NONE)
                .withMaxSubcompactions(1)
                .withListener(new StoreListener() {
                    @Override
                    public void ended(StoreEvent event) {
                        asked.add(event.reason().equals("compact asked for") ? 1 : 0);
                    }
                });
        try (Db db = Db.open(directory, options)) {
            fill(db, random, 100_000);
            db.compact();
            overwrite(db, random, 12);
            awaitNothingUrgent(db);
            Version version = db.family.versions.retainCurrent();
            try {
                List<TableFile> tables = version.level(5);
                assertTrue(tables.size() > 3, tables.size() + " tables");
                for (int i = 1; i < tables.size(); i++) {
                    byte[] end = tables.get(i - 1).meta().largest();
                    byte[] begin = tables.get(i).meta().smallest();
                    assertTrue(version.level(6).stream()
                            .map(table -> table.meta().largest())
                            .anyMatch(each ->
                                    Arrays.compareUnsigned(each, end) >= 0 && Arrays.compareUnsigned(each, begin) < 0));
                    long bytes = tables.get(i - 1).meta().bytes();
                    assertTrue(bytes > 120 << 10 && bytes < 280 << 10, bytes + " bytes");
                }
            } finally {
                version.release();
            }
            asked.reset();
            db.compact();
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            assertEquals(100_000, count(db));
        }
        assertTrue(asked.sum() <= 3, asked + " compactions, each of 25 tables at most, of some 50");
    }

    /** Tables between those that have to be compacted stay as they are, and no other comes to lie over them. */
    @Test
    void compactPassesOverWhatItNeedNotTouch() {
        Options options = small().withCompression(Compression.NONE).withMaxSubcompactions(1);
        byte[] changed = new byte[100];
        try (Db db = Db.open(directory, options)) {
            fill(db, random(), 100_000);
            db.compact();
            List<Integer> ends = List.of(0, 99_000);
            for (int end : ends) {
                for (int i = end; i < end + 1000; i++) {
                    db.put(key(i), changed);
                }
                db.flush();
            }
            db.compact();
            assertEquals(0, db.stats().levels().getFirst().tables());
            assertEquals(100_000, count(db));
            for (int i = 0; i < 100_000; i++) {
                assertEquals(i < 1000 || i >= 99_000, Arrays.equals(changed, db.get(key(i))), "key " + i);
            }
        }
    }

    /** More tables of level 0 make its compaction cheaper, and a fuller level below it dearer. */
    @Test
    void aLevelThatIsTooFullGoesDownBeforeLevelZeroGoesIntoIt() {
        Random random = random();
        Options patient = small().withCompression(Compression.NONE).withLevelZeroTrigger(16);
        try (Db db = Db.open(directory, patient.withLevelOneBytes(5 << 19))) {
            fill(db, random, 100_000);
            db.compact();
            for (int i = 0; i < 2; i++) {
                overwrite(db, random, 16);
                awaitNothingUrgent(db);
            }
            overwrite(db, random, 14);
            assertEquals(14, db.stats().levels().getFirst().tables());
        }
        List<StoreEvent.Compaction> begun = new CopyOnWriteArrayList<>();
        Options eager = patient.withLevelZeroTrigger(4).withListener(new StoreListener() {
            @Override
            public void began(StoreEvent event) {
                if (event instanceof StoreEvent.Compaction compaction) {
                    begun.add(compaction);
                }
            }
        });
        try (Db db = Db.open(directory, eager)) {
            awaitNothingUrgent(db);
        }
        assertEquals(5, begun.getFirst().level(), begun.getFirst().reason());
        assertTrue(begun.stream().anyMatch(compaction -> compaction.level() == 0));
    }

    /** As many tables of level 0. */
    private static void overwrite(Db db, Random random, int tables) {
        byte[] value = new byte[100];
        for (int table = 0; table < tables; table++) {
            for (int i = 0; i < 900; i++) {
                random.nextBytes(value);
                db.put(key(random.nextInt(100_000)), value);
            }
            db.flush();
        }
    }

    private static void awaitNothingUrgent(Db db) {
        while (db.stats().levels().stream().anyMatch(level -> level.level() < 6 && level.fill() >= 1)) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static List<Long> limits(Db db) {
        return db.stats().levels().subList(1, 6).stream()
                .map(Stats.Level::limit)
                .toList();
    }

    private static Random random() {
        long seed = Long.getLong("catena.seed", System.nanoTime());
        System.out.println("CompactionTest seed " + seed);
        return new Random(seed);
    }

    /** Deletions take little room themselves, and are compacted for the room of what they delete. */
    @Test
    void deletedDataGoesWithoutBeingAskedFor() {
        try (Db db = Db.open(directory, small().withCompression(Compression.NONE))) {
            fill(db, random(), 50_000);
            db.compact();
            long full = bytesInTables(db);
            for (int i = 0; i < 50_000; i++) {
                if (i % 10 != 0) {
                    db.delete(key(i));
                }
            }
            db.flush();
            awaitRest(db);
            long left = bytesInTables(db);
            assertTrue(
                    left < full / 8,
                    left + " bytes of " + full + " are left: " + db.stats().levels());
            assertEquals(5000, count(db));
        }
    }

    @Test
    void whatASnapshotHeldGoesWhenItIsClosed() {
        try (Db db = Db.open(directory, small().withCompression(Compression.NONE))) {
            Random random = random();
            fill(db, random, 20_000);
            long held;
            try (Snapshot snapshot = db.snapshot()) {
                fill(db, random, 20_000);
                db.compact();
                awaitRest(db);
                held = bytesInTables(db);
                assertNotNull(db.get(key(7), snapshot));
            }
            awaitRest(db);
            long left = bytesInTables(db);
            assertTrue(left < 0.6 * held, left + " bytes are left of " + held);
            assertEquals(20_000, count(db));
        }
    }

    @Test
    void aRangeIsCompactedAlone() {
        Kept kept = new Kept();
        try (Db db =
                Db.open(directory, small().withCompression(Compression.NONE).withListener(kept))) {
            fill(db, random(), 50_000);
            db.compact(null, null).join();
            long full = bytesInTables(db);
            for (int i = 10_000; i < 20_000; i++) {
                db.delete(key(i));
            }
            db.compact(key(10_000), key(20_000)).join();
            long left = bytesInTables(db);
            assertTrue(left < 0.82 * full && left > 0.75 * full, left + " bytes are left of " + full);
            assertEquals(40_000, count(db));
        }
        List<StoreEvent.Compaction> parts = kept.ended.stream()
                .filter(event -> event.reason().equals("compact of a range asked for"))
                .map(StoreEvent.Compaction.class::cast)
                .toList();
        assertTrue(!parts.isEmpty(), "no compaction of the range: " + kept.ended);
        for (StoreEvent.Compaction part : parts) {
            assertTrue(part.inputBytes() < 3 << 20, "more than the range was read: " + part);
        }
    }

    private static final class Kept implements StoreListener {
        final List<StoreEvent> ended = new CopyOnWriteArrayList<>();

        @Override
        public void ended(StoreEvent event) {
            ended.add(event);
        }
    }

    /** 12 MiB at 1 MiB a second, ended long before; then closed in the midst of another. */
    @Test
    void aCompactionThatWasAskedForCanBeCancelled() throws IOException {
        Options options = small().withCompression(Compression.NONE).withLevelZeroTrigger(16);
        Random random = random();
        try (Db db = Db.open(directory, options)) {
            fill(db, random, 100_000);
            db.compact();
            db.put(key(5), key(6));
            db.put(key(99_999), key(6)); // one table that shares keys with all
        }
        CompletableFuture<?> second;
        try (Db db = Db.open(directory, options.withBackgroundBytesPerSecond(1 << 20))) {
            long before = db.stats().compaction().compactions();
            CompletableFuture<?> first = db.compact(null, null);
            awaitNewTable(db);
            long began = System.nanoTime();
            assertTrue(first.cancel(true));
            while (tableFiles() != tables(db)) {
                LockSupport.parkNanos(1_000_000); // until what it had written is deleted
            }
            assertTrue(System.nanoTime() - began < 5_000_000_000L, "it went on");
            assertEquals(before, db.stats().compaction().compactions());
            assertArrayEquals(key(6), db.get(key(5)));
            second = db.compact(key(0), null);
            awaitNewTable(db);
        }
        CompletionException closed = assertThrows(CompletionException.class, second::join);
        assertInstanceOf(StoreClosedException.class, closed.getCause());
        try (Db db = Db.open(directory, options)) {
            Thread.currentThread().interrupt();
            db.compact();
            assertTrue(Thread.interrupted(), "the interrupt is gone");
            assertEquals(tableFiles(), db.stats().levels().get(6).tables());
            assertEquals(100_000, count(db));
        }
    }

    private void awaitNewTable(Db db) throws IOException {
        while (tableFiles() == tables(db)) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static int tables(Db db) {
        return db.stats().levels().stream().mapToInt(Stats.Level::tables).sum();
    }

    private int tableFiles() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return (int)
                    files.filter(file -> file.toString().endsWith(".table")).count();
        }
    }

    @Test
    void backgroundWritesKeepToTheirRate() {
        Options options = small().withCompression(Compression.NONE)
                .withLevelZeroTrigger(16)
                .withBackgroundBytesPerSecond(256 << 10);
        try (Db db = Db.open(directory, options)) {
            long began = System.nanoTime();
            fill(db, random(), 5000);
            db.compact();
            double seconds = (System.nanoTime() - began) / 1e9;
            Stats.Compaction done = db.stats().compaction();
            double rate = (done.flushedBytes() + done.writtenBytes()) / seconds;
            assertTrue(rate < 2 * (256 << 10), rate + " bytes a second");
            assertTrue(rate > 20 << 10, rate + " bytes a second");
        }
    }

    private static void fill(Db db, Random random, int keys) {
        byte[] value = new byte[100];
        for (int i = 0; i < keys; i++) {
            random.nextBytes(value);
            db.put(key(i), value);
        }
    }

    private static Options small() {
        return Options.defaults()
                .withMemtableBytes(256 << 10)
                .withTableBytes(256 << 10)
                .withLevelOneBytes(1 << 20)
                .withMaxSubcompactions(3);
    }

    /** Until no compaction is due and none has been begun for longer than a store waits until it rests. */
    private static void awaitRest(Db db) {
        long seen = -1;
        long since = System.nanoTime();
        while (System.nanoTime() - since < 3_000_000_000L) {
            Stats.Compaction now = db.stats().compaction();
            long done = now.compactions() + now.moves();
            if (done != seen || db.stats().levels().stream().anyMatch(level -> level.fill() >= 1)) {
                seen = done;
                since = System.nanoTime();
            }
            LockSupport.parkNanos(10_000_000);
        }
    }

    private static int count(Db db) {
        int count = 0;
        try (DbIterator each = db.iterator()) {
            for (each.seekToFirst(); each.isValid(); each.next()) {
                count++;
            }
        }
        return count;
    }

    private static byte[] key(int number) {
        return "key%09d".formatted(number).getBytes(StandardCharsets.US_ASCII);
    }

    private static long bytesInTables(Db db) {
        return db.stats().levels().stream().mapToLong(Stats.Level::bytes).sum();
    }
}
