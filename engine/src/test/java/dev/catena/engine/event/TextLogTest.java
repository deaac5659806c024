package dev.catena.engine.event;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The file LOG: added to, bounded, and given up at the first failure. */
class TextLogTest {
    private static final Instant WHEN = Instant.parse("2026-01-02T03:04:05.678Z");

    @TempDir
    Path directory;

    private TextLog open(long bytesMax) {
        return new TextLog(directory.resolve("LOG"), directory.resolve("LOG.old"), bytesMax);
    }

    @Test
    void linesAreAddedToWhatIsThere() throws IOException {
        for (int opening = 0; opening < 2; opening++) {
            TextLog log = open(1000);
            log.line(WHEN, "two\nlines as one");
            log.close();
            log.line(WHEN, "not written");
        }
        String line = "2026-01-02T03:04:05.678Z two lines as one\n";
        assertEquals(line + line, Files.readString(directory.resolve("LOG")));
    }

    @Test
    void aLargeFileMakesRoomForAnother() throws IOException {
        List<String> written = new ArrayList<>();
        for (int opening = 0; opening < 5; opening++) {
            TextLog log = open(1000);
            for (int i = 0; i < 17; i++) {
                String text = "line " + opening + "." + i;
                written.add(text);
                log.line(WHEN, text);
                assertTrue(Files.size(directory.resolve("LOG")) <= 1000);
            }
            log.close();
        }
        List<String> kept = new ArrayList<>(Files.readAllLines(directory.resolve("LOG.old")));
        assertTrue(Files.size(directory.resolve("LOG.old")) > 900);
        kept.addAll(Files.readAllLines(directory.resolve("LOG")));
        List<String> expected = written.subList(written.size() - kept.size(), written.size()).stream()
                .map(text -> "2026-01-02T03:04:05.678Z " + text)
                .toList();
        assertEquals(expected, kept);
        assertEquals(8 << 20, TextLog.BYTES_MAX);
    }

    @Test
    void nothingIsWrittenWhereThereIsNoFile() {
        TextLog log = new TextLog(null, null);
        log.line(WHEN, "lost");
        log.close();
        assertFalse(Files.exists(directory.resolve("LOG")));
    }
}
