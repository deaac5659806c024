package dev.catena.compare;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.compare.CommandLineTest.Outcome;
import dev.catena.engine.Db;
import dev.catena.engine.KeyComparator;
import dev.catena.engine.KeyComparators;
import dev.catena.engine.Options;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code catena db} on a small store. */
final class DbCommandTest {
    @TempDir
    private Path directory;

    private Outcome db(String... arguments) {
        List<String> all = new ArrayList<>(List.of("db", directory.toString()));
        all.addAll(List.of(arguments));
        return CommandLineTest.run(all.toArray(String[]::new));
    }

    private String done(String... arguments) {
        Outcome outcome = db(arguments);
        assertEquals(0, outcome.exit(), outcome.err());
        assertEquals("", outcome.err());
        return outcome.out();
    }

    @Test
    void putGetDelete() {
        assertEquals("", done("put", "fruit/1", "apple\\x00\\\\"));
        assertEquals("apple\\x00\\\\\n", done("get", "fruit/1"));
        assertEquals("apple\0\\", done("get", "--raw", "fruit/1"));
        assertEquals("6170706c65005c\n", done("get", "--hex", "66727569742f31"));
        assertEquals("", done("delete", "fruit/1"));
        Outcome absent = db("get", "fruit/1");
        assertEquals(1, absent.exit());
        assertEquals("", absent.out());
        assertEquals("catena: no such key: fruit/1\n", absent.err());
    }

    @Test
    void scanKeepsToItsBounds() {
        for (String key : List.of("b", "a", "d", "c", "\\xff")) {
            done("put", key, "value of " + key);
        }
        assertEquals(
                "a\tvalue of a\nb\tvalue of b\nc\tvalue of c\nd\tvalue of d\n\\xff\tvalue of \\xff\n", done("scan"));
        assertEquals("b\tvalue of b\nc\tvalue of c\n", done("scan", "--from", "b", "--to", "d"));
        assertEquals("b\tvalue of b\n", done("scan", "--from", "aa", "--limit", "1"));
        assertEquals("", done("scan", "--from", "e", "--to", "f"));
        assertEquals("", done("scan", "--limit", "0"));
    }

    @Test
    void statsNamesTheBackend() {
        done("put", "a", "1");
        String stats = done("stats");
        assertTrue(stats.contains("backend"), stats);
        assertTrue(stats.contains("level 0"), stats);
    }

    @Test
    void levelsSaysWhatEachHolds() {
        try (Db store = Db.open(directory, Options.defaults().withLevelZeroTrigger(8))) {
            store.put(new byte[] {1}, new byte[] {2});
            store.flush();
            store.put(new byte[] {3}, new byte[] {4});
            store.flush();
        }
        List<String> lines = done("levels")
                .lines()
                .map(line -> line.strip().replaceAll(" +", " "))
                .toList();
        assertEquals(8, lines.size());
        assertTrue(lines.get(1).matches("0 2 [0-9,]+ 2 8 tables \\(25%\\)"), lines.get(1));
        assertEquals("1 0 0 0 not in use", lines.get(2));
        assertEquals("6 0 0 0 never: the last", lines.get(7));
    }

    @Test
    void aTableThatIsMissingIsNamed() throws IOException {
        done("put", "fruit/1", "apple");
        try (Db store = Db.open(directory, Options.defaults())) {
            store.flush();
        }
        done("put", "fruit/2", "pear");
        Path table;
        try (Stream<Path> files = Files.list(directory)) {
            table = files.filter(file -> file.toString().endsWith(".table"))
                    .findFirst()
                    .orElseThrow();
        }
        Files.delete(table);
        String named = "DAMAGED  " + table + " at offset 0: expected the table of ";
        String keys = "found no file; keys fruit/1 to fruit/1 of column family 'default'";
        for (String command : List.of("stats", "levels")) {
            assertTrue(done(command).contains(named) && done(command).contains(keys), done(command));
        }
        Outcome verified = db("verify");
        assertEquals(1, verified.exit());
        assertTrue(verified.out().contains(named) && verified.out().contains(keys), verified.out());
        assertTrue(verified.out().contains("1 damaged"), verified.out());
        assertEquals("pear\n", done("get", "fruit/2"));
        Outcome got = db("get", "fruit/1");
        assertEquals(1, got.exit());
        assertTrue(got.err().contains(table.toString()) && got.err().contains("deleteRange"), got.err());
    }

    @Test
    void columnFamiliesAreReachedByName() {
        Options small = Options.defaults().withMemtableBytes(1 << 20);
        try (Db store = Db.open(directory, small)) {
            byte[] key = {'k'};
            store.put(key, "default".getBytes(UTF_8));
            store.createColumnFamily("cats", small.withFilterBitsPerKey(3)).put(key, "cats".getBytes(UTF_8));
        }
        assertEquals("default\n", done("get", "k"));
        assertEquals("cats\n", done("--family", "cats", "get", "k"));
        done("--family", "cats", "put", "l", "more");
        assertEquals("k\tcats\nl\tmore\n", done("--family", "cats", "scan"));
        assertEquals("k\tdefault\n", done("scan"));
        assertTrue(done("stats").contains("default, cats"));
        assertTrue(done("levels").contains("column family cats"));
        assertEquals(8, done("--family", "cats", "levels").lines().count());
        Outcome outcome = db("--family", "dogs", "get", "k");
        assertEquals(1, outcome.exit());
        assertTrue(outcome.err().contains("dogs"), outcome.err());
        try (Db store = Db.open(directory, Options.stored(directory))) { // a command leaves options as they are
            assertEquals(3, store.columnFamilies().get(1).options().filterBitsPerKey());
        }
    }

    @Test
    void ordersOfKeysAreFollowedOrNamed() {
        try (Db store =
                Db.open(directory, Options.defaults().withKeyComparator(KeyComparators.reverseUnsignedBytes()))) {
            store.put(new byte[] {'a'}, new byte[] {'1'});
            store.put(new byte[] {'b'}, new byte[] {'2'});
            store.put(new byte[] {'c'}, new byte[] {'3'});
            Options own = Options.defaults().withKeyComparator(new KeyComparator() {
                @Override
                public String name() {
                    return "its own";
                }

                @Override
                public int compare(MemorySegment a, MemorySegment b) {
                    return KeyComparators.unsignedBytes().compare(a, b);
                }
            });
            store.createColumnFamily("cats", own).put(new byte[] {'k'}, new byte[] {'v'});
        }
        assertEquals("c\t3\nb\t2\n", done("scan", "--to", "a"));
        assertTrue(done("verify").contains("whole"));
        assertTrue(done("stats").contains("default, cats"));
        assertEquals(8, done("--family", "cats", "levels").lines().count());
        for (String[] command : new String[][] {{"get", "k"}, {"scan"}, {"put", "k", "v"}, {"delete", "k"}}) {
            List<String> words = new ArrayList<>(List.of("--family", "cats"));
            words.addAll(List.of(command));
            Outcome outcome = db(words.toArray(String[]::new));
            assertEquals(1, outcome.exit());
            assertTrue(outcome.err().contains("'its own'"), outcome.err());
        }
    }

    @Test
    void lookingChangesNothing() throws IOException {
        done("put", "a", "1");
        FileTime before = Files.getLastModifiedTime(directory);
        for (String command : List.of("scan", "stats", "levels", "verify")) {
            done(command);
        }
        done("get", "a");
        assertEquals(before, Files.getLastModifiedTime(directory));
    }

    @Test
    void verifyFindsAFlippedByte() throws IOException {
        for (int i = 0; i < 50; i++) {
            done("put", "key" + i, "value" + i);
        }
        String whole = done("verify");
        assertTrue(whole.endsWith(": whole\n"), whole);

        Path table = largest(".table", ".log");
        byte[] bytes = Files.readAllBytes(table);
        bytes[100] ^= 1;
        Files.write(table, bytes);
        Outcome damaged = db("verify");
        assertEquals(1, damaged.exit(), damaged.out());
        String said = damaged.out() + damaged.err();
        assertTrue(said.contains(table.getFileName().toString()), said);
    }

    @Test
    void aDirectoryWithoutAStoreIsNotMadeOne() throws IOException {
        Outcome outcome = db("get", "a");
        assertEquals(1, outcome.exit());
        assertEquals(1, outcome.err().lines().count(), outcome.err());
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(List.of(), files.filter(file -> !file.endsWith("LOCK")).toList());
        }
    }

    /** The largest table, or if there is none the largest log. */
    private Path largest(String... suffixes) throws IOException {
        for (String suffix : suffixes) {
            Path largest = null;
            try (Stream<Path> files = Files.list(directory)) {
                for (Path file : files.toList()) {
                    if (file.toString().endsWith(suffix)
                            && (largest == null || Files.size(file) > Files.size(largest))) {
                        largest = file;
                    }
                }
            }
            if (largest != null) {
                return largest;
            }
        }
        throw new AssertionError("no table and no log in " + directory);
    }
}
