package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Options are kept in a file that people can read, and what cannot change is checked against it. */
class OptionsTest {
    @TempDir
    Path directory;

    private static final Options UNUSUAL = Options.defaults()
            .withMemtableBytes(1 << 20)
            .withMemtables(3)
            .withCacheBytes(5 << 20)
            .withBlockBytes(8192)
            .withFilterBitsPerKey(7)
            .withCompression(Compression.NONE)
            .withLastLevelCompression(Compression.ZSTD)
            .withBackend("portable")
            .withTableBytes(3 << 20)
            .withLevelOneBytes(9 << 20)
            .withLevelZeroTrigger(5)
            .withBackgroundBytesPerSecond(100 << 20);

    private Path file() {
        return directory.resolve("OPTIONS");
    }

    @Test
    void everyOptionComesBackFromTheFile() throws IOException {
        Db.open(directory, UNUSUAL).close();
        assertEquals(UNUSUAL.toString(), Options.stored(directory).toString());
        String text = Files.readString(file());
        for (String line : text.lines().toList()) {
            assertTrue(line.matches("# .*|[a-zA-Z]+ = .+"), line);
        }
        assertTrue(text.contains("\nlevelZeroTrigger = 5\n"), text);
        Db.open(directory, Options.defaults()).close();
        assertEquals(Options.defaults().toString(), Options.stored(directory).toString());
        assertFalse(Files.exists(directory.resolve("OPTIONS.tmp")));
    }

    @Test
    void anUnchangedFileIsLeftAlone() throws IOException {
        Db.open(directory, UNUSUAL).close();
        Object before = Files.getAttribute(file(), "unix:ino");
        Db.open(directory, UNUSUAL).close();
        assertEquals(before, Files.getAttribute(file(), "unix:ino"));
    }

    @Test
    void aStoreOfAnotherKindIsRefused() throws IOException {
        Db.open(directory, UNUSUAL).close();
        String text = Files.readString(file());
        Files.writeString(file(), text.replace("format = 1", "format = 2"));
        for (Runnable opening : new Runnable[] {
            () -> Db.open(directory, UNUSUAL).close(),
            () -> Db.openReadOnly(directory, UNUSUAL).close(),
            () -> Options.stored(directory)
        }) {
            String message = String.valueOf(
                    assertThrows(StoreFormatException.class, opening::run).getMessage());
            assertTrue(message.contains(file().toString()) && message.contains("format = 2"), message);
        }
        Files.writeString(file(), text.replace("format = 1", "format = one"));
        CorruptionException e = assertThrows(CorruptionException.class, () -> Options.stored(directory));
        assertEquals(text.indexOf("format"), e.offset());
        assertEquals("a store with format = 1", e.expected());
        assertEquals("format = one", e.found());
        Files.writeString(file(), text.replace("format = 1\n", ""));
        assertEquals(
                "no such line",
                assertThrows(CorruptionException.class, () -> Db.open(directory, UNUSUAL))
                        .found());
        Files.writeString(file(), text.replace("memtables = 3", "memtables = many"));
        Db.open(directory, UNUSUAL).close(); // what was is of no interest to it
        assertEquals(text, Files.readString(file()));
    }

    @Test
    void aStoreWithoutTheFileGetsOne() throws IOException {
        try (Db db = Db.open(directory, UNUSUAL)) {
            db.put(new byte[] {1}, new byte[] {2});
        }
        Files.delete(file());
        assertThrows(StoreIoException.class, () -> Options.stored(directory));
        try (Db db = Db.open(directory, UNUSUAL)) {
            assertArrayEquals(new byte[] {2}, db.get(new byte[] {1}));
        }
        assertEquals(UNUSUAL.toString(), Options.stored(directory).toString());
    }

    @Test
    void optionsThatDoNotGoTogetherAreRefused() throws IOException {
        Duration tooLong = Duration.ofSeconds(Long.MAX_VALUE);
        assertThrows(IllegalArgumentException.class, () -> Options.defaults().withScrubInterval(tooLong));
        Options wrong = Options.defaults().withBlockBytes(1 << 20).withCacheBytes(1 << 20);
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> Db.open(directory, wrong));
        assertEquals(
                "blockBytes is 1048576: at most tableBytes, 67108864, and a quarter of cacheBytes, 262144, are allowed",
                e.getMessage());
        try (var files = Files.list(directory)) {
            assertEquals(0, files.count());
        }
    }

    @Test
    void aCheckpointHasTheFileToo() {
        Path copy = directory.resolve("copy");
        try (Db db = Db.open(directory.resolve("store"), UNUSUAL)) {
            db.checkpoint(copy);
        }
        assertEquals(UNUSUAL.toString(), Options.stored(copy).toString());
    }
}
