package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Some 300 MB of random puts, more than memtables and level 1 hold, then a compaction of everything. */
class LoadTest {
    private static final int PUTS = Boolean.getBoolean("catena.long") ? 5_000_000 : 2_500_000;
    private static final int KEYS = PUTS / 5 * 3;

    @TempDir
    Path directory;

    @Test
    void randomPutsAreAllThereBeforeAndAfterCompaction() {
        SplittableRandom random = new SplittableRandom(11);
        int[] version = new int[KEYS];
        BitSet present = new BitSet(KEYS);
        byte[] key = new byte[16];
        byte[] value = new byte[100];
        long distinct;
        try (Db db = Db.open(directory, Options.defaults().withMemtableBytes(16 << 20))) {
            for (int i = 1; i <= PUTS; i++) {
                int k = random.nextInt(KEYS);
                if (random.nextInt(20) == 0) {
                    db.delete(fillKey(key, k));
                    present.clear(k);
                } else {
                    db.put(fillKey(key, k), fillValue(value, k, i));
                    present.set(k);
                    version[k] = i;
                }
            }
            distinct = present.cardinality();
            scan(db, present, version, distinct);
            for (int i = 0; i < 100_000; i++) {
                int k = random.nextInt(KEYS);
                byte[] expected = present.get(k) ? fillValue(value, k, version[k]) : null;
                assertArrayEquals(expected, db.get(fillKey(key, k)));
            }
            db.compact();
            Stats stats = db.stats();
            assertEquals(
                    1,
                    stats.levels().stream().filter(level -> level.tables() > 0).count(),
                    stats::toString);
            assertTrue(stats.compaction().compactions() > 0, stats::toString);
            scan(db, present, version, distinct);
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
        try (Db db = Db.open(directory, Options.defaults().withCreateIfMissing(false))) {
            scan(db, present, version, distinct);
        }
    }

    private static void scan(Db db, BitSet present, int[] version, long distinct) {
        byte[] value = new byte[100];
        long seen = 0;
        long before = Long.MIN_VALUE;
        try (DbIterator iterator = db.iterator()) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                ByteBuffer key = ByteBuffer.wrap(iterator.key());
                long prefix = key.getLong() ^ Long.MIN_VALUE; // signed order of the unsigned key
                assertTrue(prefix > before, "order");
                before = prefix;
                int k = key.getInt();
                assertTrue(present.get(k), "key " + k + " is deleted");
                assertArrayEquals(fillValue(value, k, version[k]), iterator.value());
                seen++;
            }
        }
        assertEquals(distinct, seen);
    }

    private static byte[] fillKey(byte[] key, int k) {
        long mixed = (k + 1) * 0x9E3779B97F4A7C15L; // a bijection: scatters the keys
        ByteBuffer.wrap(key).putLong(mixed).putInt(k).putInt(0);
        return key;
    }

    private static byte[] fillValue(byte[] value, int k, int version) {
        ByteBuffer buffer = ByteBuffer.wrap(value).putInt(k).putInt(version);
        long x = k * 31L + version;
        while (buffer.remaining() >= 8) {
            x = x * 6364136223846793005L + 1442695040888963407L;
            buffer.putLong(buffer.remaining() > 50 ? x : k);
        }
        return value;
    }
}
