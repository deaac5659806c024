package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What operands become, where they are folded, and what happens when they cannot be. ModelTest merges at random. */
class MergeTest {
    private static final Options COUNTER = Options.defaults().withMergeOperator(MergeOperators.counter());
    private static final Options APPEND = Options.defaults().withMergeOperator(MergeOperators.append(bytes(",")));

    @TempDir
    private Path directory;

    /** Adds operands; may be told to fail, and whether it can combine them. Counts its calls. */
    private static final class Adding implements MergeOperator {
        private final boolean combines;
        private final AtomicInteger merges = new AtomicInteger();
        private volatile boolean fails;

        Adding(boolean combines) {
            this.combines = combines;
        }

        @Override
        public String name() {
            return "adding";
        }

        @Override
        public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
            merges.getAndIncrement();
            if (fails) {
                throw new IllegalStateException("told to");
            }
            return MergeOperators.append(new byte[0]).merge(key, base, operands);
        }

        @Override
        public byte @Nullable [] combine(byte[] key, List<byte[]> operands) {
            return combines ? merge(key, null, operands) : null;
        }
    }

    @Test
    void countsFromNothingAndFromAValue() {
        try (Db db = Db.open(directory, COUNTER)) {
            db.merge(bytes("a"), number(5));
            db.put(bytes("b"), number(100));
            Batch batch = new Batch().merge(bytes("b"), number(-1)).put(bytes("c"), number(1));
            batch.merge(MemorySegment.ofArray(bytes("c")), MemorySegment.ofArray(number(2)));
            db.write(batch, Durability.SYNCED);
            db.merge(bytes("a"), number(6), Durability.SYNCED);
            db.delete(bytes("c"));
            db.merge(bytes("c"), number(7));
            Everywhere.check(db, directory, store -> {
                assertEquals(11, count(store.get(bytes("a"))));
                assertEquals(99, count(store.get(bytes("b"))));
                assertEquals(7, count(store.get(bytes("c"))));
                assertNull(store.get(bytes("d")));
            });
            batch.clear();
            assertFalse(batch.mergesDefault());
        }
    }

    @Test
    void operandsAreAppliedOldestFirstByAllReaders() {
        try (Db db = Db.open(directory, APPEND)) {
            db.put(bytes("a"), bytes("0"));
            db.put(bytes("z"), bytes("end"));
            for (int i = 1; i < 20; i++) {
                db.merge(bytes("a"), bytes("" + i));
                db.merge(bytes("m"), bytes("" + i));
                if (i % 5 == 0) {
                    db.flush();
                }
            }
            String expected = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19";
            Everywhere.check(db, directory, store -> {
                assertEquals("0," + expected, text(store.get(bytes("a"))));
                List<byte @Nullable []> values =
                        store.multiGet(List.of(bytes("z"), bytes("m"), bytes("x"), bytes("a")));
                assertEquals("end", text(values.get(0)));
                assertEquals(expected, text(values.get(1)));
                assertNull(values.get(2));
                assertEquals("0," + expected, text(values.get(3)));
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment into = arena.allocate(5);
                    assertEquals(expected.length(), store.get(MemorySegment.ofArray(bytes("m")), into));
                    assertEquals(expected.substring(0, 5), text(into.toArray(ValueLayout.JAVA_BYTE)));
                }
                try (DbIterator iterator = store.iterator()) {
                    iterator.seekToFirst();
                    assertEquals("0," + expected, text(iterator.value()));
                    iterator.next();
                    assertEquals("m", text(iterator.key()));
                    assertEquals(expected, text(iterator.valueSegment().toArray(ValueLayout.JAVA_BYTE)));
                    iterator.prev();
                    assertEquals("a", text(iterator.key()));
                    assertEquals("0," + expected, text(iterator.value()));
                    iterator.next();
                    iterator.next();
                    assertEquals("end", text(iterator.value()));
                    iterator.prev();
                    assertEquals(expected, text(iterator.value()));
                    iterator.next();
                    iterator.next();
                    assertFalse(iterator.isValid());
                }
            });
        }
    }

    @Test
    void snapshotsKeepWhatTheySee() {
        for (boolean combines : new boolean[] {true, false}) {
            Options options = Options.defaults().withMergeOperator(new Adding(combines));
            try (Db db = Db.open(directory.resolve("" + combines), options)) {
                db.merge(bytes("k"), bytes("a"));
                db.merge(bytes("k"), bytes("b"));
                Snapshot two = db.snapshot();
                db.merge(bytes("k"), bytes("c"));
                db.merge(bytes("k"), bytes("d"));
                Snapshot four = db.snapshot();
                db.put(bytes("k"), bytes("A"));
                db.merge(bytes("k"), bytes("e"));
                Everywhere.check(db, directory, store -> {
                    assertEquals("Ae", text(store.get(bytes("k"))));
                    if (store == db) {
                        assertEquals("ab", text(store.get(bytes("k"), two)));
                        assertEquals("abcd", text(store.get(bytes("k"), four)));
                        try (DbIterator iterator = store.iterator(four)) {
                            iterator.seekToLast();
                            assertEquals("abcd", text(iterator.value()));
                        }
                    }
                });
                assertTrue(entries(db) >= 3);
                two.close();
                four.close();
                db.compact();
                assertEquals(1, entries(db));
            }
        }
    }

    /** Where the base is not at hand, a flush combines operands; the last level has values only. */
    @Test
    void operandsAreFoldedOnTheWayDown() {
        Options options = Options.defaults().withMergeOperator(new Adding(true)).withLevelZeroTrigger(8);
        try (Db db = Db.open(directory, options)) {
            db.put(bytes("k"), bytes("base"));
            db.compact();
            for (int round = 0; round < 3; round++) {
                for (int i = 0; i < 40; i++) {
                    db.merge(bytes("k"), bytes("" + i % 10));
                }
                db.flush();
                assertEquals(2 + round, entries(db), "operands of a flush are one");
            }
            String value = "base" + "0123456789".repeat(12);
            assertEquals(value, text(db.get(bytes("k"))));
            db.compact();
            assertEquals(1, entries(db));
            assertEquals(value, text(db.get(bytes("k"))));
            db.merge(bytes("other"), bytes("1"));
            db.compact();
            assertEquals(2, entries(db));
        }
        Adding counting = new Adding(true);
        try (Db db = Db.open(directory, options.withMergeOperator(counting))) {
            assertEquals("1", text(db.get(bytes("other"))));
            assertEquals(0, counting.merges.get(), "values are in the last level");
        }
    }

    /** A hot key's lookup does not go through all operands written since the last flush; nor does a snapshot see what came later. */
    @Test
    void chainsInMemoryAreBounded() {
        AtomicInteger most = new AtomicInteger();
        MergeOperator counter = MergeOperators.counter();
        MergeOperator watched = new MergeOperator() {
            @Override
            public String name() {
                return counter.name();
            }

            @Override
            public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
                most.accumulateAndGet(operands.size(), Math::max);
                return counter.merge(key, base, operands);
            }
        };
        try (Db db = Db.open(directory, Options.defaults().withMergeOperator(watched))) {
            db.put(bytes("k"), number(1000));
            db.flush();
            Batch batch = new Batch();
            for (int i = 0; i < 1000; i++) {
                batch.merge(bytes("k"), number(1));
                batch.merge(bytes("l"), number(1));
            }
            db.write(batch, Durability.BUFFERED);
            try (Snapshot snapshot = db.snapshot()) {
                for (int i = 1; i <= 1000; i++) {
                    db.merge(bytes("k"), number(1));
                    if (i % 7 == 0) {
                        assertEquals(2000 + i, count(db.get(bytes("k"))));
                    }
                }
                db.flush();
                assertEquals(2000, count(db.get(bytes("k"), snapshot)));
                assertEquals(3000, count(db.get(bytes("k"))));
                assertEquals(1000, count(db.get(bytes("l"))));
            }
            assertTrue(most.get() <= 65, "merged " + most + " operands at once");
        }
    }

    @Test
    void anotherOperatorIsRefused() {
        try (Db db = Db.open(directory, Options.defaults())) {
            db.put(bytes("plain"), bytes("value"));
            assertThrows(IllegalStateException.class, () -> db.merge(bytes("k"), bytes("v")));
            Batch batch = new Batch().merge(bytes("k"), bytes("v"));
            assertThrows(IllegalStateException.class, () -> db.write(batch, Durability.SYNCED));
        }
        Options adding = Options.defaults().withMergeOperator(new Adding(true));
        try (Db db = Db.open(directory, adding)) {
            db.put(bytes("k"), bytes("b"));
            db.merge(bytes("k"), bytes("v"));
            db.merge(bytes("k"), bytes("w"));
        }
        for (Options other : List.of(Options.defaults(), COUNTER)) {
            String message = assertThrows(IllegalArgumentException.class, () -> Db.open(directory, other))
                    .getMessage();
            assertTrue(message.contains("'adding'") && message.contains(directory.toString()), message);
            assertThrows(IllegalArgumentException.class, () -> Db.openReadOnly(directory, other));
        }
        // Who does not have the operator, a tool say, may look at the rest, and leaves operands alone.
        try (Db db = Db.open(directory, Options.stored(directory))) {
            assertArrayEquals(bytes("value"), db.get(bytes("plain")));
            MergeException e = assertThrows(MergeException.class, () -> db.get(bytes("k")));
            assertArrayEquals(bytes("k"), e.key());
            db.compact();
            assertEquals(4, entries(db));
        }
        try (Db db = Db.open(directory, adding)) {
            assertEquals("bvw", text(db.get(bytes("k"))));
        }
        assertInstanceOf(
                MergeOperator.class,
                Options.defaults()
                        .withText(
                                OptionsFile.MERGE_OPERATOR,
                                APPEND.mergeOperator().name())
                        .mergeOperator());
        for (String name : List.of("", "none", " x", "a\nb")) {
            MergeOperator named = new MergeOperator() {
                @Override
                public String name() {
                    return name;
                }

                @Override
                public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
                    return key;
                }
            };
            assertThrows(
                    IllegalArgumentException.class, () -> Options.defaults().withMergeOperator(named));
        }
    }

    @Test
    void anOperatorThatThrowsCostsNoData() {
        Adding adding = new Adding(true);
        Options options = Options.defaults().withMergeOperator(adding);
        try (Db db = Db.open(directory, options)) {
            db.put(bytes("a"), bytes("1"));
            db.merge(bytes("poor key"), bytes("2"));
            db.flush();
            db.merge(bytes("poor key"), bytes("3"));
            db.flush();
            adding.fails = true;
            assertEquals("1", text(db.get(bytes("a"))));
            MergeException e = assertThrows(MergeException.class, () -> db.get(bytes("poor key")));
            assertTrue(e.getMessage().contains("'poor key'") && e.getMessage().contains("adding"), e.getMessage());
            assertInstanceOf(IllegalStateException.class, e.getCause());
            assertThrows(MergeException.class, () -> db.multiGet(List.of(bytes("a"), bytes("poor key"))));
            try (DbIterator iterator = db.iterator()) {
                iterator.seekToFirst();
                assertThrows(MergeException.class, iterator::next);
                assertFalse(iterator.isValid());
                assertThrows(MergeException.class, iterator::seekToLast);
                iterator.seekToFirst();
                assertEquals("1", text(iterator.value()));
            }
            String message =
                    assertThrows(StoreReadOnlyException.class, db::compact).getMessage();
            assertTrue(message.contains("'poor key'"), message);
            assertThrows(StoreReadOnlyException.class, () -> db.put(bytes("b"), bytes("4")));
            assertEquals("1", text(db.get(bytes("a"))));
        }
        adding.fails = false;
        try (Db db = Db.open(directory, options)) {
            assertEquals("23", text(db.get(bytes("poor key"))));
            db.compact();
            assertEquals("23", text(db.get(bytes("poor key"))));
        }
    }

    @Test
    void aCounterOfAnotherSizeIsNoCounter() {
        try (Db db = Db.open(directory, COUNTER)) {
            db.put(bytes("k"), bytes("text"));
            db.merge(bytes("k"), number(1));
            assertThrows(MergeException.class, () -> db.get(bytes("k")));
        }
    }

    private static long entries(Db db) {
        return db.stats().levels().stream().mapToLong(Stats.Level::entries).sum();
    }

    private static byte[] number(long value) {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array();
    }

    private static long count(byte @Nullable [] value) {
        return ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static String text(byte @Nullable [] bytes) {
        return new String(bytes, StandardCharsets.US_ASCII);
    }
}
