package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@link Db#destroy} removes a store's files and nothing else. */
class DestroyTest {
    @TempDir
    Path directory;

    private void makeStore() {
        try (Db db = Db.open(directory.resolve("store"), Options.defaults())) {
            db.put(new byte[] {1}, new byte[] {2});
            db.flush();
            db.put(new byte[] {3}, new byte[] {4});
        }
    }

    private List<String> names(Path path) throws IOException {
        try (Stream<Path> files = Files.walk(path)) {
            return files.filter(file -> !file.equals(path))
                    .map(file -> path.relativize(file).toString())
                    .sorted()
                    .toList();
        }
    }

    @Test
    void removesAllThatIsTheStores() throws IOException {
        makeStore();
        Db.destroy(directory.resolve("store"));
        assertEquals(List.of(), names(directory));
        Db.destroy(directory.resolve("store"));
        Db.destroy(directory);
        assertEquals(List.of(), names(directory));
    }

    @Test
    void keepsWhatIsNotTheStores() throws IOException {
        makeStore();
        Path store = directory.resolve("store");
        Files.writeString(store.resolve("notes.log"), "mine");
        Files.writeString(store.resolve("000001.table.bak"), "mine");
        Files.createDirectories(store.resolve("000077.table"));
        Files.createSymbolicLink(store.resolve("000078.log"), directory.resolve("elsewhere"));
        Files.writeString(directory.resolve("elsewhere"), "mine");
        Db.destroy(store);
        assertEquals(
                List.of(
                        "elsewhere",
                        "store",
                        "store/000001.table.bak",
                        "store/000077.table",
                        "store/000078.log",
                        "store/notes.log"),
                names(directory));
        assertEquals("mine", Files.readString(directory.resolve("elsewhere")));
        Db.destroy(store); // no store there
        assertEquals(6, names(directory).size());
    }

    @Test
    void refusesOneThatIsOpen() {
        makeStore();
        Path store = directory.resolve("store");
        try (Db db = Db.open(store, Options.defaults())) {
            assertThrows(StoreLockedException.class, () -> Db.destroy(store));
            assertArrayEquals(new byte[] {4}, db.get(new byte[] {3}));
            db.put(new byte[] {5}, new byte[] {6}, Durability.SYNCED);
        }
        try (Db db = Db.openReadOnly(store, Options.defaults())) {
            assertThrows(StoreLockedException.class, () -> Db.destroy(store));
            assertArrayEquals(new byte[] {6}, db.get(new byte[] {5}));
        }
        Db.destroy(store);
        assertFalse(Files.exists(store));
    }
}
