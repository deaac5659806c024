package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
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

    private static byte[] key(int number) {
        return "key%09d".formatted(number).getBytes(StandardCharsets.US_ASCII);
    }

    private static long bytesInTables(Db db) {
        return db.stats().levels().stream().mapToLong(Stats.Level::bytes).sum();
    }
}
