package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A log that can grow no more (a limit on file sizes): the write fails, the store is read-only, nothing acknowledged is lost. */
class LogFailureTest {
    @TempDir
    Path directory;

    /** Writes synced until it fails; says how many were acknowledged and what the store does then. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) {
            Db db = Db.open(Path.of(arguments[0]), Options.defaults());
            long acknowledged = 0;
            String failure = "none";
            try {
                while (acknowledged < 100_000) {
                    db.put(key(acknowledged), new byte[2000], Durability.SYNCED);
                    acknowledged++;
                }
            } catch (StoreReadOnlyException e) {
                failure = String.valueOf(e.getMessage());
            }
            String again = "nothing";
            try {
                db.put(key(0), new byte[1]);
            } catch (StoreReadOnlyException e) {
                again = "read-only";
            }
            boolean reads = db.get(key(acknowledged - 1)) != null;
            db.close();
            System.out.println(acknowledged + "\n" + failure + "\n" + again + "\n" + reads);
        }
    }

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i).array();
    }

    @Test
    void logThatCannotGrowMakesTheStoreReadOnly() throws Exception {
        Process writer = ChildJvm.start(
                List.of("/bin/sh", "-c", "ulimit -f 24000; exec \"$@\"", "sh"), // 12 MB in blocks of 512 bytes
                List.of("-Xmx128m", "-XX:-UsePerfData"),
                Writer.class,
                directory.toString());
        String output = new String(writer.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, writer.waitFor(), output);
        List<String> lines = output.lines().toList();
        long acknowledged = Long.parseLong(lines.get(0));
        assertTrue(acknowledged > 100 && acknowledged < 100_000, output);
        assertTrue(
                lines.get(1).contains("is read-only since a failure")
                        && lines.get(1).contains(".log"),
                output);
        assertEquals("read-only", lines.get(2), output);
        assertEquals("true", lines.get(3), output);
        try (Db db = Db.open(directory, Options.defaults())) {
            for (long i = 0; i < acknowledged; i++) {
                assertArrayEquals(new byte[2000], db.get(key(i)), "acknowledged put " + i);
            }
            db.put(key(0), new byte[1], Durability.SYNCED);
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
    }
}
