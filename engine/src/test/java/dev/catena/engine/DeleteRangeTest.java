package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ranges that are deleted at once: who sees it, what is kept for whom, what is given back. ModelTest deletes ranges at random. */
class DeleteRangeTest {
    @TempDir
    private Path directory;

    @Test
    void deletesFromBeginToEndForAllReaders() {
        try (Db db = Db.open(directory, Options.defaults())) {
            fill(db, 0, 100);
            db.deleteRange(key(10), key(20));
            db.deleteRange(MemorySegment.ofArray(key(15)), MemorySegment.ofArray(key(30)), Durability.SYNCED);
            db.put(key(17), bytes("again"));
            db.write(
                    new Batch()
                            .put(key(40), bytes("before"))
                            .deleteRange(key(40), key(50))
                            .put(key(41), bytes("after"))
                            .deleteRange(MemorySegment.ofArray(key(98)), MemorySegment.ofArray(bytes("z"))),
                    Durability.BUFFERED);
            db.deleteRange(key(60), key(60));
            db.deleteRange(key(70), key(65));
            Everywhere.check(db, directory, store -> {
                assertEquals(100 - 20 + 1 - 10 + 1 - 2, keys(store).size());
                assertNotNull(store.get(key(9)));
                assertNull(store.get(key(10)));
                assertNull(store.get(key(19)));
                assertArrayEquals(bytes("again"), store.get(key(17)));
                assertNull(store.get(key(29)));
                assertNotNull(store.get(key(30)));
                assertNull(store.get(key(40)));
                assertArrayEquals(bytes("after"), store.get(key(41)));
                assertNotNull(store.get(key(50)));
                assertNotNull(store.get(key(60)));
                assertNotNull(store.get(key(67)));
                assertNull(store.get(key(99)));
                List<byte[]> asked = new ArrayList<>();
                for (int i = 0; i < 100; i++) {
                    asked.add(key(i));
                }
                List<byte[]> values = store.multiGet(asked);
                for (int i = 0; i < 100; i++) {
                    assertArrayEquals(store.get(key(i)), values.get(i));
                }
            });
        }
    }

    @Test
    void keysAndRangesOfAllSizes() {
        byte[] longest = new byte[Limits.KEY_BYTES_MAX];
        try (Db db = Db.open(directory, Options.defaults())) {
            assertThrows(
                    IllegalArgumentException.class, () -> db.deleteRange(new byte[0], new byte[longest.length + 1]));
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new Batch().deleteRange(new byte[0], new byte[longest.length + 1]));
            db.put(new byte[0], bytes("empty"));
            db.put(longest, bytes("longest"));
            db.flush();
            db.deleteRange(new byte[0], longest);
            Everywhere.check(db, directory, store -> {
                assertNull(store.get(new byte[0]));
                assertArrayEquals(bytes("longest"), store.get(longest));
            });
            db.deleteRange(new byte[0], bytes("z"));
            Everywhere.check(db, directory, store -> assertEquals(List.of(), keys(store)));
            assertEquals(0, bytesInTables(db));
        }
    }

    @Test
    void snapshotsAndIteratorsKeepWhatTheySee() {
        try (Db db = Db.open(directory, Options.defaults())) {
            fill(db, 0, 100);
            db.compact();
            Snapshot before = db.snapshot();
            DbIterator iterator = db.iterator();
            db.deleteRange(key(20), key(80));
            Snapshot between = db.snapshot();
            db.deleteRange(key(0), key(50));
            fill(db, 30, 40);
            Everywhere.check(db, directory, store -> {
                assertEquals(30, keys(store).size());
                if (store == db) {
                    assertEquals(100, keys(db.iterator(before)).size());
                    assertEquals(40, keys(db.iterator(between)).size());
                    assertNotNull(db.get(key(25), before));
                    assertNull(db.get(key(25), between));
                    assertNotNull(db.get(key(5), between));
                }
            });
            assertEquals(100, keys(iterator).size());
            before.close();
            between.close();
            db.compact();
            assertEquals(30, entries(db));
            assertEquals(30, keys(db).size());
        }
    }

    /** What was deleted goes at the next compaction, tables that are deleted wholly unread; then the deletions go, too. */
    @Test
    void spaceIsGivenBack() {
        Options options = Options.defaults()
                .withCompression(Compression.NONE)
                .withMemtableBytes(64 << 10)
                .withTableBytes(64 << 10);
        try (Db db = Db.open(directory, options)) {
            fill(db, 0, 20_000);
            db.compact();
            long full = bytesInTables(db);
            long read = db.stats().compaction().readBytes();
            db.deleteRange(key(100), key(19_900));
            db.compact();
            assertTrue(bytesInTables(db) < full / 20, bytesInTables(db) + " of " + full);
            assertEquals(200, entries(db), "deletions are left");
            assertTrue(
                    db.stats().compaction().readBytes() - read < full / 10,
                    "read " + (db.stats().compaction().readBytes() - read) + " of " + full);
            assertEquals(200, keys(db).size());
        }
    }

    /** A deletion of a range is few bytes and asks for no compaction by its size; a store at rest does it all the same. */
    @Test
    void aStoreAtRestGivesSpaceBack() {
        try (Db db = Db.open(directory, Options.defaults().withCompression(Compression.NONE))) {
            fill(db, 0, 5000);
            db.compact();
            long full = bytesInTables(db);
            db.deleteRange(key(10), key(4990));
            db.flush();
            long until = System.nanoTime() + 30_000_000_000L;
            while (bytesInTables(db) > full / 10 && System.nanoTime() < until) {
                LockSupport.parkNanos(10_000_000);
            }
            assertTrue(bytesInTables(db) <= full / 10, bytesInTables(db) + " of " + full);
            assertEquals(20, entries(db));
        }
    }

    /** Ranges are cut where tables are, and go on in the next ones. */
    @Test
    void tablesCutRanges() {
        Options options = Options.defaults()
                .withCompression(Compression.NONE)
                .withMemtableBytes(1 << 20)
                .withTableBytes(64 << 10);
        try (Db db = Db.open(directory, options)) {
            fill(db, 0, 10_000);
            db.compact();
            Snapshot keeps = db.snapshot();
            for (int i = 0; i < 10_000; i += 100) {
                db.deleteRange(key(i + 50), key(i + 170));
                fill(db, i + 100, i + 120);
            }
            db.compact();
            assertTrue(
                    db.stats().levels().stream().mapToInt(Stats.Level::tables).sum() > 5);
            Everywhere.check(db, directory, store -> {
                assertEquals(
                        50 + 99 * 20 + 20 - 20,
                        keys(store).stream().filter(key -> key < 10_000).count());
                if (store == db) {
                    assertEquals(10_000, keys(db.iterator(keeps)).size());
                }
            });
            keeps.close();
            db.compact();
            assertEquals(keys(db).size(), entries(db));
        }
    }

    /** A walk over a large range that was deleted reads next to nothing of it. */
    @Test
    void iteratorsPassDeletedRangesBySeeking() {
        Options options = Options.defaults().withCompression(Compression.NONE).withTableBytes(256 << 10);
        try (Db db = Db.open(directory, options)) {
            fill(db, 0, 50_000);
            db.compact();
            db.deleteRange(key(10), key(49_990));
            db.flush();
            long misses = db.stats().memory().cacheMisses();
            assertEquals(20, keys(db).size());
            long read = db.stats().memory().cacheMisses() - misses;
            assertTrue(read < 50, read + " blocks read");
        }
    }

    /** Lookups between many deletions of ranges in memory agree with those laid out in tables. */
    @Test
    void manyRangesInMemory() {
        try (Db db = Db.open(directory, Options.defaults())) {
            fill(db, 0, 1000);
            for (int i = 0; i < 1000; i += 3) {
                assertNotNull(db.get(key(i + 2 < 1000 ? i + 2 : 999)));
                db.deleteRange(key(i), key(i + 2));
                assertNull(db.get(key(i)));
            }
            Everywhere.check(
                    db, directory, store -> assertEquals(333, keys(store).size()));
        }
    }

    @Test
    void mergesBeginAnewAfterADeletedRange() {
        Options options = Options.defaults().withMergeOperator(MergeOperators.append(new byte[0]));
        try (Db db = Db.open(directory, options)) {
            db.put(key(1), bytes("a"));
            db.merge(key(1), bytes("b"));
            db.compact();
            Snapshot snapshot = db.snapshot();
            db.merge(key(1), bytes("c"));
            db.flush();
            db.deleteRange(key(0), key(2));
            db.flush();
            db.merge(key(1), bytes("d"));
            db.merge(key(1), bytes("e"));
            Everywhere.check(db, directory, store -> {
                assertArrayEquals(bytes("de"), store.get(key(1)));
                assertEquals(List.of(1), keys(store));
                if (store == db) {
                    assertArrayEquals(bytes("ab"), db.get(key(1), snapshot));
                }
            });
            snapshot.close();
            db.compact();
            assertEquals(1, entries(db));
            assertArrayEquals(bytes("de"), db.get(key(1)));
        }
    }

    /** What an iterator shows, up; that it shows the same down is checked. */
    private static List<Integer> keys(DbIterator iterator) {
        try (iterator) {
            List<Integer> up = new ArrayList<>();
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                up.add(number(iterator.key()));
            }
            List<Integer> down = new ArrayList<>();
            for (iterator.seekToLast(); iterator.isValid(); iterator.prev()) {
                down.add(number(iterator.key()));
            }
            assertEquals(up, down.reversed());
            assertFalse(iterator.isValid());
            return up;
        }
    }

    private static List<Integer> keys(Db db) {
        return keys(db.iterator());
    }

    private static int number(byte[] key) {
        return key.length == 8 ? Integer.parseInt(new String(key, 3, 5, StandardCharsets.US_ASCII)) : -key.length;
    }

    private static void fill(Db db, int from, int to) {
        for (int i = from; i < to; i++) {
            db.put(key(i), new byte[100]);
        }
    }

    private static long entries(Db db) {
        return db.stats().levels().stream().mapToLong(Stats.Level::entries).sum();
    }

    private static long bytesInTables(Db db) {
        return db.stats().levels().stream().mapToLong(Stats.Level::bytes).sum();
    }

    private static byte[] key(int i) {
        return bytes("key%05d".formatted(i));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
