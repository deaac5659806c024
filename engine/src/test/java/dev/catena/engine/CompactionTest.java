package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
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
            assertTrue(atRest <= 1.26 * live, atRest + " bytes at rest, of which live " + live + ": " + stats.levels());
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

    private static Options small() {
        return Options.defaults()
                .withMemtableBytes(256 << 10)
                .withTableBytes(256 << 10)
                .withLevelOneBytes(1 << 20);
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
