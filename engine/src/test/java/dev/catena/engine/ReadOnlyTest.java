package dev.catena.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store opened for reading: all is there, nothing is written, and readers and writers keep out of each other's way. */
class ReadOnlyTest {
    private static final int WRITES = 20_000;

    @TempDir
    Path directory;

    private static Options options() {
        return Options.defaults()
                .withMemtableBytes(512 << 10)
                .withTableBytes(128 << 10)
                .withCacheBytes(2 << 20);
    }

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i).array();
    }

    /** Writes, the last durably, and dies with the store open. */
    static final class Victim {
        private Victim() {}

        public static void main(String[] arguments) {
            Db db = Db.open(Path.of(arguments[0]), options().withMemtableBytes(4 << 20));
            for (long i = 0; i < WRITES; i++) {
                db.put(key(i), new byte[100], i == WRITES - 1 ? Durability.SYNCED : Durability.BUFFERED);
            }
            Runtime.getRuntime().halt(0);
        }
    }

    /** Reads until its input ends. */
    static final class Reader {
        private Reader() {}

        public static void main(String[] arguments) throws IOException {
            try (Db db = Db.openReadOnly(Path.of(arguments[0]), options())) {
                System.out.println(new String(db.get("a".getBytes(UTF_8)), UTF_8));
                System.out.flush();
                int unused = System.in.read();
            }
        }
    }

    private static void run(Class<?> main, String argument) throws Exception {
        Process process = ChildJvm.start(List.of(), List.of("-Xmx128m"), main, argument);
        process.inputReader().transferTo(java.io.Writer.nullWriter());
        assertEquals(0, process.waitFor());
    }

    /** Every name in the directory with times, size and content. */
    private static Map<String, String> content(Path directory) throws IOException {
        Map<String, String> content = new TreeMap<>();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.toList()) {
                String bytes = Files.isDirectory(file)
                        ? ""
                        : HexFormat.of().toHexDigits(java.util.Arrays.hashCode(Files.readAllBytes(file)));
                content.put(
                        file.toString(),
                        Files.getAttribute(file, "unix:ino") + " " + Files.getAttribute(file, "unix:ctime") + " "
                                + Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS) + " " + Files.size(file)
                                + " " + bytes);
            }
        }
        return content;
    }

    private static void assertAllThere(Db db) {
        for (long i = 0; i < WRITES; i++) {
            assertArrayEquals(new byte[100], db.get(key(i)), "write " + i);
        }
        long seen = 0;
        try (DbIterator each = db.iterator()) {
            for (each.seekToFirst(); each.isValid(); each.next()) {
                assertArrayEquals(key(seen++), each.key());
            }
        }
        assertEquals(WRITES, seen);
        assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
    }

    @Test
    void readsWhatAKilledWriterLeftAndWritesNothing() throws Exception {
        run(Victim.class, directory.toString());
        Files.writeString(directory.resolve("MANIFEST.tmp"), "left by a crash");
        Files.writeString(directory.resolve("999999.table"), "left by a crash");
        Map<String, String> before = content(directory);
        for (int opening = 0; opening < 2; opening++) {
            try (Db db = Db.openReadOnly(directory, options())) {
                assertAllThere(db);
                assertTrue(db.stats().memory().immutableMemtables() > 1, "the logs fit one memtable");
            }
            assertEquals(before, content(directory));
        }
        try (Db db = Db.open(directory, options())) {
            assertAllThere(db);
        }
        Map<String, String> closed = content(directory);
        try (Db db = Db.openReadOnly(directory, options())) {
            assertAllThere(db);
        }
        assertEquals(closed, content(directory));
    }

    @Test
    void writesAreRefused() {
        try (Db db = Db.open(directory, options())) {
            db.put(key(1), key(2));
        }
        try (Db db = Db.openReadOnly(directory, options())) {
            for (Runnable write : List.<Runnable>of(
                    () -> db.put(key(1), key(1)),
                    () -> db.put(key(1), key(1), Durability.SYNCED),
                    () -> db.delete(key(1)),
                    () -> db.write(new Batch().put(key(1), key(1)), Durability.BUFFERED),
                    () -> db.write(new Batch(), Durability.SYNCED),
                    db::flush,
                    db::compact,
                    () -> db.checkpoint(directory.resolveSibling("copy")))) {
                StoreReadOnlyException e = assertThrows(StoreReadOnlyException.class, write::run);
                assertTrue(e.getMessage().endsWith("was opened for reading only"), e.getMessage());
            }
            assertArrayEquals(key(2), db.get(key(1)));
        }
    }

    @Test
    void noStoreIsMade() throws IOException {
        assertThrows(StoreIoException.class, () -> Db.openReadOnly(directory, options()));
        assertThrows(StoreIoException.class, () -> Db.openReadOnly(directory.resolve("none"), options()));
        assertEquals(1, content(directory).size());
    }

    @Test
    void readersShareAndKeepWritersOutAndTheOtherWayRound() throws Exception {
        try (Db db = Db.open(directory, options())) {
            db.put("a".getBytes(UTF_8), "b".getBytes(UTF_8));
            assertThrows(StoreLockedException.class, () -> Db.openReadOnly(directory, options()));
        }
        Db first = Db.openReadOnly(directory, options());
        Process other = ChildJvm.start(List.of(), List.of("-Xmx128m"), Reader.class, directory.toString());
        try (Db second = Db.openReadOnly(directory, options())) {
            assertEquals("b", other.inputReader().readLine());
            first.close();
            assertArrayEquals("b".getBytes(UTF_8), second.get("a".getBytes(UTF_8)));
            StoreLockedException e = assertThrows(StoreLockedException.class, () -> Db.open(directory, options()));
            assertTrue(e.getMessage().contains("by this process"), e.getMessage());
        }
        StoreLockedException e = assertThrows(StoreLockedException.class, () -> Db.open(directory, options()));
        assertTrue(e.getMessage().endsWith("by another process, for reading"), e.getMessage());
        assertThrows(StoreLockedException.class, () -> Db.destroy(directory));
        other.outputWriter().close();
        assertEquals(0, other.waitFor());
        Db.open(directory, options()).close();
    }
}
