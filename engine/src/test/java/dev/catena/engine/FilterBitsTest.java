package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Filters of the last level are set apart from those of the others: seen by the size of tables. */
final class FilterBitsTest {
    private static final int KEYS = 50_000;

    @TempDir
    private Path directory;

    /** Bytes of the tables of a store with so many filter bits, in level 0 or the last level. */
    private long bytes(String name, int bits, Integer lastLevelBits, boolean compacted) {
        Options options = Options.defaults()
                .withFilterBitsPerKey(bits)
                .withLastLevelFilterBitsPerKey(lastLevelBits)
                .withCompression(Compression.NONE);
        try (Db db = Db.open(directory.resolve(name), options)) {
            for (int i = 0; i < KEYS; i++) {
                db.put(key(i), key(i));
            }
            db.flush();
            if (compacted) {
                // Not a move, which would take the tables as they are.
                db.put(key(KEYS - 1), key(KEYS - 1));
                db.put(key(0), key(0));
                db.compact();
            }
            for (int i = 0; i < KEYS; i += 7) {
                assertArrayEquals(key(i), db.get(key(i)));
                assertNull(db.get(key(-1 - i)));
            }
            return db.stats().levels().stream().mapToLong(Stats.Level::bytes).sum();
        }
    }

    private static byte[] key(int i) {
        return ByteBuffer.allocate(8).putInt(i).array();
    }

    @Test
    void lastLevelHasItsOwnBits() {
        long filter = 16L * KEYS / 8;
        IntPredicate isFilter = difference -> difference > 0.9 * filter && difference < 1.2 * filter;
        long without = bytes("without", 0, null, true);
        assertTrue(isFilter.test((int) (bytes("same", 16, null, true) - without)));
        assertTrue(isFilter.test((int) (bytes("last", 0, 16, true) - without)));
        assertTrue(isFilter.test((int) (bytes("upper", 16, 0, false) - without)));
        long omitted = bytes("omitted", 16, 0, true) - without;
        assertTrue(Math.abs(omitted) < 0.1 * filter, omitted + " bytes more than without filters");
    }
}
