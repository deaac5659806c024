package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.io.memory.NativeMemory;
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

/** Iterators up and down and within bounds, and many keys at once. ModelTest compares random moves with a sorted map. */
class IteratorTest {
    @TempDir
    private Path directory;

    @Test
    void turnsRoundAnywhere() {
        try (Db db = Db.open(directory, Options.defaults())) {
            put(db, "a", "c", "e");
            db.flush();
            put(db, "b", "c", "d", "f");
            db.delete(bytes("d"));
            try (DbIterator iterator = db.iterator()) {
                iterator.seekToLast();
                assertEquals("f", key(iterator));
                iterator.prev();
                assertEquals("e", key(iterator));
                iterator.next();
                assertEquals("f", key(iterator));
                iterator.prev();
                iterator.prev();
                assertEquals("c", key(iterator)); // d is deleted
                iterator.next();
                assertEquals("e", key(iterator));
                iterator.seekForPrev(bytes("d"));
                assertEquals("c", key(iterator));
                iterator.seekForPrev(MemorySegment.ofArray(bytes("c")));
                assertEquals("c", key(iterator));
                iterator.prev();
                iterator.prev();
                assertEquals("a", key(iterator));
                assertArrayEquals(bytes("a"), iterator.value());
                assertArrayEquals(bytes("a"), iterator.keySegment().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
                assertArrayEquals(bytes("a"), iterator.valueSegment().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
                iterator.prev();
                assertFalse(iterator.isValid());
                assertThrows(IllegalStateException.class, iterator::prev);
                assertThrows(IllegalStateException.class, iterator::next);
                iterator.seekForPrev(bytes("A"));
                assertFalse(iterator.isValid());
            }
        }
    }

    /** Of a key written often only the newest version counts, both ways; with a snapshot the newest that it sees. */
    @Test
    void manyVersionsOfAKeyAreOne() {
        long allocated = NativeMemory.allocatedBytes();
        try (Db db = Db.open(directory, Options.defaults())) {
            put(db, "a", "z");
            for (int i = 0; i < 500; i++) {
                db.put(bytes("hot"), bytes("" + i));
            }
            try (Snapshot snapshot = db.snapshot()) {
                for (int i = 500; i < 1000; i++) {
                    db.put(bytes("hot"), bytes("" + i));
                    db.put(bytes("new" + i), bytes("" + i));
                }
                db.delete(bytes("z"));
                for (int i = 0; i < 500; i++) {
                    db.delete(bytes("new" + (500 + i)));
                }
                assertEquals(List.of("a=a", "hot=499", "z=z"), up(db, of(snapshot)));
                assertEquals(List.of("z=z", "hot=499", "a=a"), down(db, of(snapshot)));
                assertEquals(List.of("a=a", "hot=999"), up(db, IteratorOptions.defaults()));
                assertEquals(List.of("hot=999", "a=a"), down(db, IteratorOptions.defaults()));
            }
        }
        assertEquals(allocated, NativeMemory.allocatedBytes(), () -> "leaked: " + NativeMemory.allocatedByOwner());
    }

    @Test
    void boundsAndPrefixNarrow() {
        try (Db db = Db.open(directory, Options.defaults())) {
            put(db, "", "a", "b", "b1", "b2", "c");
            db.flush();
            put(db, "b0", "d");
            byte[] high = {(byte) 0xff, (byte) 0xff};
            byte[] higher = {(byte) 0xff, (byte) 0xff, 0};
            db.put(high, bytes("h"));
            db.put(higher, bytes("h"));
            IteratorOptions all = IteratorOptions.defaults();
            assertBoth(db, all.withLowerBound(bytes("b1")).withUpperBound(bytes("d")), "b1", "b2", "c");
            assertBoth(db, all.withUpperBound(bytes("b")), "", "a");
            assertBoth(db, all.withPrefix(bytes("b")), "b", "b0", "b1", "b2");
            assertBoth(db, all.withPrefix(bytes("b")).withLowerBound(bytes("b1")), "b1", "b2");
            assertBoth(db, all.withLowerBound(bytes("b1")).withPrefix(bytes("b")), "b1", "b2");
            assertBoth(db, all.withUpperBound(bytes("b1")).withPrefix(bytes("b")), "b", "b0");
            assertBoth(db, all.withPrefix(bytes("x")));
            assertBoth(db, all.withUpperBound(new byte[0]));
            assertBoth(db, all.withLowerBound(bytes("c")).withUpperBound(bytes("b")));
            assertEquals(2, up(db, all.withPrefix(high)).size());
            assertEquals(2, down(db, all.withPrefix(high)).size());
            try (DbIterator iterator =
                    db.iterator(all.withLowerBound(bytes("b")).withUpperBound(bytes("c")))) {
                iterator.seek(bytes("a"));
                assertEquals("b", key(iterator));
                iterator.prev();
                assertFalse(iterator.isValid());
                iterator.seekForPrev(bytes("z"));
                assertEquals("b2", key(iterator));
                iterator.next();
                assertFalse(iterator.isValid());
                iterator.seek(bytes("c"));
                assertFalse(iterator.isValid());
                iterator.seekForPrev(bytes("a"));
                assertFalse(iterator.isValid());
            }
        }
    }

    /** Walks down while another thread writes in between and behind: it shows what was there when it began. */
    @Test
    void goesDownUnderWrites() throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        Options options = Options.defaults().withMemtableBytes(256 << 10);
        try (Db db = Db.open(directory, options);
                ExecutorService threads = Executors.newSingleThreadExecutor()) {
            for (int i = 0; i < 2000; i += 2) {
                db.put(bytes("%06d".formatted(i)), bytes("first"));
            }
            Future<?> writer = null;
            try (DbIterator iterator = db.iterator()) {
                writer = threads.submit(() -> {
                    for (int i = 0; !stop.get(); i = (i + 7) % 2000) {
                        db.put(bytes("%06d".formatted(i)), bytes("second"));
                    }
                });
                for (int round = 0; round < 20; round++) {
                    iterator.seekToLast();
                    for (int i = 1998; i >= 0; i -= 2) {
                        assertEquals("%06d".formatted(i), key(iterator));
                        assertArrayEquals(bytes("first"), iterator.value());
                        if (i % 100 == 0 && i > 0) {
                            iterator.prev();
                            iterator.next();
                            assertEquals("%06d".formatted(i), key(iterator));
                        }
                        iterator.prev();
                    }
                    assertFalse(iterator.isValid());
                }
            } finally {
                stop.set(true);
                if (writer != null) {
                    writer.get();
                }
            }
        }
    }

    @Test
    void refusesUseAfterClose() {
        Db db = Db.open(directory, Options.defaults());
        put(db, "a", "b");
        DbIterator first = db.iterator();
        first.seekToLast();
        first.close();
        assertThrows(StoreClosedException.class, first::prev);
        assertThrows(StoreClosedException.class, first::seekToLast);
        assertThrows(StoreClosedException.class, () -> first.seekForPrev(bytes("a")));
        DbIterator second = db.iterator();
        second.seekToLast();
        db.close();
        assertThrows(StoreClosedException.class, second::prev);
        assertThrows(StoreClosedException.class, second::value);
        assertThrows(StoreClosedException.class, () -> db.multiGet(List.of(bytes("a"))));
        second.close();
    }

    @Test
    void multiGetKeepsTheCallersOrder() {
        try (Db db = Db.open(directory, Options.defaults())) {
            put(db, "a", "b", "c");
            db.flush();
            Snapshot snapshot = db.snapshot();
            put(db, "d");
            db.delete(bytes("b"));
            List<byte[]> keys = List.of(bytes("d"), bytes("a"), bytes("x"), bytes("b"), bytes("a"), bytes(""));
            assertEquals(List.of("d", "a", "null", "null", "a", "null"), texts(db.multiGet(keys)));
            assertEquals(List.of("null", "a", "null", "b", "a", "null"), texts(db.multiGet(keys, snapshot)));
            assertEquals(List.of(), db.multiGet(List.of()));
            snapshot.close();
            assertThrows(StoreClosedException.class, () -> db.multiGet(keys, snapshot));
            assertThrows(IllegalArgumentException.class, () -> db.multiGet(List.of(new byte[100_000])));
        }
    }

    /** With a cache that holds a part of the table only, each block is read once for all keys in it. */
    @Test
    void multiGetReadsABlockOnce() {
        Options options = Options.defaults()
                .withCompression(Compression.NONE)
                .withBlockBytes(4096)
                .withCacheBytes(1 << 20);
        int count = 30_000;
        List<byte[]> keys = new ArrayList<>();
        try (Db db = Db.open(directory, options)) {
            for (int i = 0; i < count; i++) {
                byte[] key = bytes("%08d".formatted(i));
                db.put(key, new byte[100]);
                keys.add(key);
            }
            db.compact();
            java.util.Collections.shuffle(keys, new java.util.Random(1));
            Stats.Memory before = db.stats().memory();
            List<byte[]> values = db.multiGet(keys);
            Stats.Memory after = db.stats().memory();
            long read = after.cacheMisses() - before.cacheMisses();
            long pinned = read + after.cacheHits() - before.cacheHits() - 2L * count; // but for a filter a key, twice
            assertTrue(values.stream().allMatch(value -> value != null && value.length == 100));
            long blocks = count * 120L / 4096;
            assertTrue(read < blocks + blocks / 4, read + " blocks read of about " + blocks);
            assertTrue(pinned < 2 * blocks, pinned + " times a block pinned of about " + blocks);
        }
    }

    private static IteratorOptions of(Snapshot snapshot) {
        return IteratorOptions.defaults().withSnapshot(snapshot);
    }

    private static void assertBoth(Db db, IteratorOptions options, String... keys) {
        List<String> expected = new ArrayList<>();
        for (String key : keys) {
            expected.add(key + "=" + key);
        }
        assertEquals(expected, up(db, options));
        assertEquals(expected.reversed(), down(db, options));
    }

    private static List<String> up(Db db, IteratorOptions options) {
        List<String> seen = new ArrayList<>();
        try (DbIterator iterator = db.iterator(options)) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                seen.add(key(iterator) + "=" + text(iterator.value()));
            }
        }
        return seen;
    }

    private static List<String> down(Db db, IteratorOptions options) {
        List<String> seen = new ArrayList<>();
        try (DbIterator iterator = db.iterator(options)) {
            for (iterator.seekToLast(); iterator.isValid(); iterator.prev()) {
                seen.add(key(iterator) + "=" + text(iterator.value()));
            }
        }
        return seen;
    }

    private static void put(Db db, String... keys) {
        for (String key : keys) {
            db.put(bytes(key), bytes(key));
        }
    }

    private static List<String> texts(List<byte[]> values) {
        return values.stream()
                .map(value -> value == null ? "null" : text(value))
                .toList();
    }

    private static String key(DbIterator iterator) {
        return text(iterator.key());
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.US_ASCII);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
