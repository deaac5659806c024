package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Stores that earlier builds wrote hold what they held: see {@link GoldenStores}. */
class GoldenStoreTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden");

    @TempDir
    Path directory;

    static List<Arguments> stores() throws IOException {
        List<Arguments> stores = new ArrayList<>();
        try (Stream<Path> generations = Files.list(GOLDEN)) {
            for (Path generation : generations.sorted().toList()) {
                String number = String.valueOf(generation.getFileName());
                for (GoldenStores store : GoldenStores.values()) {
                    if (store.since <= Integer.parseInt(number)) {
                        stores.add(Arguments.of(number, store));
                    }
                }
            }
        }
        return stores;
    }

    @ParameterizedTest
    @MethodSource("stores")
    void holdsWhatItHeld(String generation, GoldenStores store) throws IOException {
        copy(GOLDEN.resolve(generation).resolve(store.directory()), directory);
        try (Db db = Db.openReadOnly(directory, store.options)) {
            check(db, store);
            if (store == GoldenStores.LEVELS) {
                assertEquals(
                        Integer.parseInt(generation) < 3
                                ? List.of(0, 1, 2)
                                : List.of(0, 6), // since then levels fill from below
                        db.stats().levels().stream()
                                .filter(level -> level.tables() == 1)
                                .map(Stats.Level::level)
                                .toList());
            }
        }
        try (Db db = Db.open(directory, store.options)) {
            check(db, store);
            for (ColumnFamily family : db.columnFamilies()) {
                family.put(new byte[] {'z'}, new byte[] {1}, Durability.SYNCED);
                family.flush();
                family.delete(new byte[] {'z'});
            }
            check(db, store); // what is old among what is new
            db.columnFamilies().forEach(ColumnFamily::compact);
            check(db, store);
        }
        try (Db db = Db.open(directory, store.options)) { // in the formats of this build
            check(db, store);
        }
    }

    private static void check(Db db, GoldenStores store) {
        Map<String, NavigableMap<byte[], byte[]>> contents = store.contents();
        assertEquals(
                List.copyOf(contents.keySet()),
                db.columnFamilies().stream().map(ColumnFamily::name).toList());
        contents.forEach((name, model) -> check(Objects.requireNonNull(db.columnFamily(name)), model));
        VerifyReport report = db.verify(VerifyListener.NONE);
        assertEquals(List.of(), report.damages());
        assertTrue(report.entries()
                >= contents.values().stream().mapToLong(Map::size).sum());
    }

    private static void check(ColumnFamily family, NavigableMap<byte[], byte[]> contents) {
        assertTrue(contents.size() > 80);
        try (DbIterator iterator = family.iterator()) {
            iterator.seekToFirst();
            for (Map.Entry<byte[], byte[]> entry : contents.entrySet()) {
                assertTrue(iterator.isValid());
                assertArrayEquals(entry.getKey(), iterator.key());
                assertArrayEquals(entry.getValue(), iterator.value());
                iterator.next();
            }
            assertFalse(iterator.isValid());
            iterator.seekToLast();
            for (Map.Entry<byte[], byte[]> entry : contents.descendingMap().entrySet()) {
                assertArrayEquals(entry.getKey(), iterator.key());
                assertArrayEquals(entry.getValue(), iterator.value());
                iterator.prev();
            }
            assertFalse(iterator.isValid());
        }
        for (int i = 0; i < 310; i++) {
            byte[] key = GoldenStores.Target.key(i);
            assertArrayEquals(contents.get(key), family.get(key));
        }
    }

    @Test
    @EnabledIfSystemProperty(named = "catena.golden.write", matches = "\\d+", disabledReason = "makes test data")
    void write() throws IOException {
        for (GoldenStores store : GoldenStores.values()) {
            Path golden =
                    GOLDEN.resolve(System.getProperty("catena.golden.write")).resolve(store.directory());
            assertFalse(Files.exists(golden), "golden stores are never changed");
            store.write(directory.resolve(store.directory()), golden);
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        }
    }
}
