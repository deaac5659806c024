package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code catena soak}, with little data. */
final class SoakCommandTest {
    @TempDir
    private Path directory;

    @Test
    void showsBothEnginesSideBySide() throws Exception {
        CommandLineTest.Outcome outcome = CommandLineTest.run(
                "soak", "--gib", "0.001", "--engines", "catena,rocksdb", "--dir", directory.toString());
        assertEquals(0, outcome.exit(), outcome.err());
        String table = outcome.out().substring(outcome.out().lastIndexOf("\n\n"));
        assertTrue(table.lines().anyMatch(line -> line.matches(" +catena +rocksdb")), table);
        for (String row : new String[] {"overwrite: longest, ms", "tables written / put", "tables / live data"}) {
            String line = table.lines()
                    .filter(each -> each.startsWith(row))
                    .findFirst()
                    .orElse("no " + row);
            assertTrue(line.matches(row + " +[0-9.,]*[1-9][0-9.,]* +[0-9.,]*[1-9][0-9.,]*"), line);
        }
        assertFalse(Files.exists(directory.resolve("catena")), "the store is deleted");
        assertFalse(Files.exists(directory.resolve("rocksdb")), "the store is deleted");
    }
}
