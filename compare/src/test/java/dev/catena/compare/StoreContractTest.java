package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.bench.KeyFormat;
import dev.catena.bench.KeyValueStore;
import dev.catena.bench.KeyValueStore.Cursor;
import dev.catena.bench.KeyValueStore.Session;
import dev.catena.bench.StoreSettings;
import dev.catena.bench.ValueSource;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Both engines behave alike behind the interface that the workloads use: otherwise they would not do the same work. */
final class StoreContractTest {
    private static final int KEYS = 200;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @EnumSource(Engine.class)
    void putGetAndWalk(Engine engine) throws Exception {
        Path place = Files.createDirectory(directory.resolve(engine.label()));
        try (KeyValueStore store = engine.open(place, StoreSettings.DEFAULTS, 0);
                Session session = store.session()) {
            assertFalse(store.backend().isEmpty());
            for (long key = KEYS - 1; key >= 0; key--) {
                put(session, key, (byte) key, key % 20 == 0);
            }
            check(session);
            store.flush();
            put(session, 7, (byte) 77, false);
            assertEquals(ValueSource.VALUE_BYTES, get(session, 7));
            assertEquals(77, session.value().get(ValueLayout.JAVA_BYTE, 99));
            put(session, 7, (byte) 7, false);
            store.settle();
            check(session);
        }
        try (KeyValueStore store = engine.open(place, StoreSettings.DEFAULTS, 0);
                Session session = store.session()) {
            check(session);
        }
    }

    private static void put(Session session, long key, byte fill, boolean synced) {
        KeyFormat.write(session.key(), key);
        session.value().fill(fill);
        session.put(synced);
    }

    private static long get(Session session, long key) {
        KeyFormat.write(session.key(), key);
        session.value().fill((byte) 0);
        return session.get();
    }

    private static void check(Session session) {
        for (long key = 0; key < KEYS; key++) {
            assertEquals(ValueSource.VALUE_BYTES, get(session, key));
            assertEquals((byte) key, session.value().get(ValueLayout.JAVA_BYTE, 0));
        }
        assertEquals(-1, get(session, KEYS));
        try (Cursor cursor = session.cursor()) {
            assertTrue(cursor.first());
            for (long key = 0; key < KEYS; key++) {
                assertEquals(key, KeyFormat.read(session.key()));
                assertEquals((byte) key, session.value().get(ValueLayout.JAVA_BYTE, 50));
                assertEquals(key < KEYS - 1, cursor.next());
            }
        }
        try (Cursor cursor = session.cursor()) {
            KeyFormat.write(session.key(), 150);
            assertTrue(cursor.seek());
            assertEquals(150, KeyFormat.read(session.key()));
            KeyFormat.write(session.key(), KEYS);
            assertFalse(cursor.seek());
        }
    }
}
