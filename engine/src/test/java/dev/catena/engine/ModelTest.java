package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;

/** The store against a model: see {@link ModelRun}. */
class ModelTest {
    /** Kept when the test fails: what the store was like is in it. In memory: what waits for a device is not what is tested here. */
    @TempDir(cleanup = CleanupMode.ON_SUCCESS, factory = InMemory.class)
    Path directory;

    static final class InMemory implements TempDirFactory {
        @Override
        public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context) throws IOException {
            Path memory = Path.of("/dev/shm");
            return Files.isWritable(memory)
                    ? Files.createTempDirectory(memory, "catena-model")
                    : Files.createTempDirectory("catena-model");
        }
    }

    @Test
    void agreesWithSortedMaps() throws IOException {
        long operations = Long.getLong("catena.model.operations", 1_000_000);
        long seed = Long.getLong("catena.seed", System.nanoTime());
        System.out.println("ModelTest seed " + seed + ": again with bin/test --model " + operations + " " + seed);
        new ModelRun(directory, operations, seed).run();
    }

    @Test
    void emptyKeysAndValues() {
        try (Db db = Db.open(directory, Options.defaults())) {
            assertNull(db.get(new byte[0]));
            db.put(new byte[0], new byte[0]);
            assertArrayEquals(new byte[0], db.get(new byte[0]));
            db.flush();
            assertArrayEquals(new byte[0], db.get(new byte[0]));
            try (DbIterator iterator = db.iterator()) {
                iterator.seek(new byte[0]);
                assertTrue(iterator.isValid());
                assertArrayEquals(new byte[0], iterator.key());
                assertArrayEquals(new byte[0], iterator.value());
                assertEquals(0, iterator.keySegment().byteSize());
                iterator.next();
                assertFalse(iterator.isValid());
            }
            db.delete(new byte[0]);
            assertNull(db.get(new byte[0]));
        }
    }
}
