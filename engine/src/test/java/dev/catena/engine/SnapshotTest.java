package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What snapshots keep, what they give back, and how they may be used wrongly. ModelTest compares them with copies of a map. */
class SnapshotTest {
    @TempDir
    private Path directory;

    @Test
    void seesTheMomentItWasMadeThroughFlushesAndCompactions() {
        try (Db db = Db.open(directory, Options.defaults())) {
            db.put(bytes("stays"), bytes("1"));
            db.put(bytes("changes"), bytes("1"));
            db.put(bytes("goes"), bytes("1"));
            Snapshot first = db.snapshot();
            db.put(bytes("changes"), bytes("2"));
            db.delete(bytes("goes"));
            db.put(bytes("comes"), bytes("2"));
            Snapshot second = db.snapshot();
            db.put(bytes("changes"), bytes("3"));
            db.put(bytes("goes"), bytes("3"));
            db.delete(bytes("comes"));
            for (int round = 0; round < 4; round++) {
                assertEquals("stays=1 changes=1 goes=1 comes=null", read(db, first));
                assertEquals("stays=1 changes=2 goes=null comes=2", read(db, second));
                assertArrayEquals(bytes("3"), db.get(bytes("changes")));
                assertArrayEquals(bytes("3"), db.get(bytes("goes")));
                assertNull(db.get(bytes("comes")));
                if (round == 0) {
                    db.flush();
                } else {
                    db.put(bytes("other"), bytes("" + round));
                    db.compact();
                }
            }
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment key = arena.allocateFrom("changes").asSlice(0, 7);
                MemorySegment into = arena.allocate(8);
                assertEquals(1, db.get(key, into, first));
                assertEquals('1', into.get(java.lang.foreign.ValueLayout.JAVA_BYTE, 0));
            }
            assertEquals(2, db.stats().snapshots());
            assertTrue(first.sequence() < second.sequence());
        }
    }

    /** Once nobody sees old versions and deletions any more, a compaction gives their space back. */
    @Test
    void givesBackWhatOnlyItSaw() {
        byte[] value = new byte[1000];
        try (Db db = Db.open(directory, Options.defaults().withCompression(Compression.NONE))) {
            for (int i = 0; i < 1000; i++) {
                db.put(bytes("key" + i), value);
            }
            Snapshot snapshot = db.snapshot();
            for (int i = 0; i < 1000; i++) {
                db.delete(bytes("key" + i));
            }
            db.compact();
            db.compact();
            assertTrue(bytesInTables(db) > 1_000_000, "kept for the snapshot");
            assertArrayEquals(value, db.get(bytes("key7"), snapshot));
            assertNull(db.get(bytes("key7")));
            snapshot.close();
            db.compact();
            assertEquals(0, bytesInTables(db));

            for (int i = 0; i < 1000; i++) {
                db.put(bytes("key" + i), value);
            }
            try (Snapshot again = db.snapshot()) {
                for (int i = 0; i < 1000; i++) {
                    db.put(bytes("key" + i), new byte[1]);
                }
                db.compact();
                assertTrue(bytesInTables(db) > 1_000_000, "kept for snapshot " + again.sequence());
            }
            db.compact();
            assertTrue(bytesInTables(db) < 200_000, "old versions are left");
        }
    }

    /** Many versions of one key kept for snapshots stay in one table, though it becomes larger than tables should be. */
    @Test
    void versionsOfAKeyStayTogether() {
        Options options = Options.defaults()
                .withTableBytes(64 << 10)
                .withCompression(Compression.NONE)
                .withMemtableBytes(256 << 10);
        byte[] value = new byte[10_000];
        List<Snapshot> snapshots = new ArrayList<>();
        try (Db db = Db.open(directory, options)) {
            for (int round = 0; round < 30; round++) {
                value[0] = (byte) round;
                for (String key : List.of("a", "b", "c")) {
                    db.put(bytes(key), value);
                }
                snapshots.add(db.snapshot());
            }
            db.compact();
            for (int round = 0; round < 30; round++) {
                for (String key : List.of("a", "b", "c")) {
                    byte[] found = db.get(bytes(key), snapshots.get(round));
                    assertTrue(found != null && found[0] == round);
                }
            }
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
    }

    @Test
    void anIteratorOutlivesItsSnapshot() {
        try (Db db = Db.open(directory, Options.defaults())) {
            db.put(bytes("a"), bytes("1"));
            Snapshot snapshot = db.snapshot();
            db.put(bytes("a"), bytes("2"));
            db.put(bytes("b"), bytes("2"));
            try (DbIterator iterator = db.iterator(snapshot)) {
                snapshot.close();
                db.compact();
                iterator.seekToFirst();
                assertArrayEquals(bytes("1"), iterator.value());
                iterator.next();
                assertFalse(iterator.isValid());
            }
        }
    }

    @Test
    void wrongUseIsRefused() {
        Snapshot left;
        Db closed;
        try (Db db = Db.open(directory.resolve("one"), Options.defaults());
                Db other = Db.open(directory.resolve("two"), Options.defaults())) {
            Snapshot snapshot = db.snapshot();
            assertThrows(IllegalArgumentException.class, () -> other.get(bytes("a"), snapshot));
            assertThrows(IllegalArgumentException.class, () -> other.iterator(snapshot));
            snapshot.close();
            snapshot.close();
            assertThrows(StoreClosedException.class, () -> db.get(bytes("a"), snapshot));
            assertThrows(StoreClosedException.class, () -> db.iterator(snapshot));
            assertEquals(0, db.stats().snapshots());
            left = db.snapshot();
            closed = db;
        }
        assertThrows(StoreClosedException.class, () -> closed.get(bytes("a"), left));
        assertThrows(StoreClosedException.class, () -> closed.iterator(left));
        assertThrows(StoreClosedException.class, closed::snapshot);
        left.close();
        left.close();
    }

    /** Snapshots come and go while keys change together and tables are written and merged: each shows one moment, again and again. */
    @Test
    void eachShowsOneMomentUnderWrites() throws Exception {
        Options options = Options.defaults()
                .withMemtableBytes(64 << 10)
                .withTableBytes(64 << 10)
                .withLevelOneBytes(128 << 10);
        AtomicBoolean stop = new AtomicBoolean();
        try (Db db = Db.open(directory, options);
                ExecutorService threads = Executors.newFixedThreadPool(2)) {
            Future<?> writer = threads.submit(() -> {
                for (int round = 0; !stop.get(); round++) {
                    Batch batch = new Batch();
                    for (int i = 0; i < 10; i++) {
                        batch.put(bytes("key" + i), bytes(String.valueOf(round)));
                    }
                    batch.put(bytes("filler" + round % 1000), new byte[100]);
                    db.write(batch, Durability.BUFFERED);
                }
            });
            Future<?> reader = threads.submit(() -> {
                for (int i = 0; i < 2000; i++) {
                    try (Snapshot snapshot = db.snapshot()) {
                        byte[] first = db.get(bytes("key0"), snapshot);
                        for (int again = 0; again < 3; again++) {
                            for (int key = 0; key < 10; key++) {
                                assertArrayEquals(first, db.get(bytes("key" + key), snapshot));
                            }
                        }
                    }
                }
            });
            try {
                reader.get();
            } finally {
                stop.set(true);
            }
            writer.get();
        }
    }

    private static long bytesInTables(Db db) {
        return db.stats().levels().stream().mapToLong(Stats.Level::bytes).sum();
    }

    private static String read(Db db, Snapshot snapshot) {
        StringBuilder read = new StringBuilder();
        for (String key : List.of("stays", "changes", "goes", "comes")) {
            byte[] value = db.get(bytes(key), snapshot);
            read.append(read.isEmpty() ? "" : " ")
                    .append(key)
                    .append('=')
                    .append(value == null ? "null" : new String(value, StandardCharsets.US_ASCII));
        }
        return read.toString();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
