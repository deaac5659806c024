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
        try (Stream<Path> versions = Files.list(GOLDEN)) {
            for (Path version : versions.sorted().toList()) {
                for (GoldenStores store : GoldenStores.values()) {
                    stores.add(Arguments.of(version.getFileName().toString(), store));
                }
            }
        }
        return stores;
    }

    @ParameterizedTest
    @MethodSource("stores")
    void holdsWhatItHeld(String version, GoldenStores store) throws IOException {
        copy(GOLDEN.resolve(version).resolve(store.directory()), directory);
        try (Db db = Db.openReadOnly(directory, store.options)) {
            check(db, store);
        }
        try (Db db = Db.open(directory, store.options)) {
            check(db, store);
            if (store == GoldenStores.LEVELS) {
                assertEquals(
                        List.of(1, 1, 1),
                        db.stats().levels().subList(0, 3).stream()
                                .map(Stats.Level::tables)
                                .toList());
            }
            db.put(new byte[] {'z'}, new byte[] {1}, Durability.SYNCED);
            db.delete(new byte[] {'z'});
            db.compact();
            check(db, store);
        }
        try (Db db = Db.open(directory, store.options)) { // in the format of this build
            check(db, store);
        }
    }

    private static void check(Db db, GoldenStores store) {
        NavigableMap<byte[], byte[]> contents = store.contents();
        assertTrue(contents.size() > 80);
        try (DbIterator iterator = db.iterator()) {
            iterator.seekToFirst();
            for (Map.Entry<byte[], byte[]> entry : contents.entrySet()) {
                assertTrue(iterator.isValid());
                assertArrayEquals(entry.getKey(), iterator.key());
                assertArrayEquals(entry.getValue(), iterator.value());
                assertArrayEquals(entry.getValue(), db.get(entry.getKey()));
                iterator.next();
            }
            assertFalse(iterator.isValid());
        }
        for (int i = 0; i < 310; i++) {
            byte[] key = GoldenStores.Target.key(i);
            assertArrayEquals(contents.get(key), db.get(key));
        }
        VerifyReport report = db.verify(VerifyListener.NONE);
        assertEquals(List.of(), report.damages());
        assertTrue(report.entries() >= contents.size());
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
