package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random operations on the column families of a store and on sorted maps, which must agree at every step; with tiny memtables and tables,
 * families that come and go, and reopening.
 */
class ModelTest {
    @TempDir
    Path directory;

    private final long seed = Long.getLong("catena.seed", System.nanoTime());
    private final Random random = new Random(seed);
    /** What each family must hold, by name; a name is used once. */
    private final Map<String, NavigableMap<byte[], byte[]>> models = new TreeMap<>();

    private int familiesMade;

    /** The family that the step is about, and what it must hold. */
    private String at = ColumnFamily.DEFAULT;

    private NavigableMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);
    private final List<Walk> walks = new ArrayList<>();
    private final List<Moment> moments = new ArrayList<>();

    /** An iterator, and what it must show. */
    private record Walk(String family, DbIterator iterator, NavigableMap<byte[], byte[]> expected) {}

    /** A snapshot, and what it must show. */
    private record Moment(Snapshot snapshot, Map<String, NavigableMap<byte[], byte[]>> all) {}

    /** What a snapshot must show of the family that the step is about. */
    private NavigableMap<byte[], byte[]> expected(Moment moment) {
        return moment.all.getOrDefault(at, new TreeMap<>(Arrays::compareUnsigned));
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    void agreesWithSortedMap(Compression compression) {
        System.out.println("ModelTest seed " + seed + " " + compression);
        Options options = Options.defaults()
                .withMemtableBytes(128 << 10)
                .withTableBytes(64 << 10)
                .withLevelOneBytes(256 << 10)
                .withCacheBytes(1 << 20)
                .withBlockBytes(1024)
                .withCompression(compression)
                .withMergeOperator(new Appending(random.nextBoolean()));
        models.put(at, model);
        for (int opening = 0; opening < 6; opening++) {
            try (Db db = Db.open(directory, options)) {
                compareFamilies(db);
                for (int step = 0; step < 4000; step++) {
                    turnTo(random(models.keySet()));
                    step(db, family(db, at));
                }
                compareFamilies(db);
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
                compareOpen(db);
            }
        }
    }

    private void turnTo(String family) {
        at = family;
        model = models.get(family);
    }

    private String random(Collection<String> names) {
        return new ArrayList<>(names).get(random.nextInt(names.size()));
    }

    private static ColumnFamily family(Db db, String name) {
        ColumnFamily found = db.columnFamily(name);
        assertNotNull(found, name);
        return found;
    }

    private void compareFamilies(Db db) {
        assertEquals(
                models.keySet(),
                db.columnFamilies().stream().map(ColumnFamily::name).collect(Collectors.toCollection(TreeSet::new)));
        models.forEach((name, expected) -> compareAll(family(db, name).iterator(), expected));
    }

    /** Makes a family or drops one. */
    private void changeFamilies(Db store) {
        if (models.size() < 4 || (models.size() < 6 && random.nextBoolean())) {
            String name = "family " + familiesMade++;
            ColumnFamily unused = store.createColumnFamily(
                    name,
                    store.options()
                            .withMemtableBytes((64 + random.nextInt(128)) << 10)
                            .withFilterBitsPerKey(random.nextInt(11)));
            models.put(name, new TreeMap<>(Arrays::compareUnsigned));
        } else if (!at.equals(ColumnFamily.DEFAULT)) {
            ColumnFamily dropped = family(store, at);
            store.dropColumnFamily(dropped);
            models.remove(at);
            assertThrows(ColumnFamilyDroppedException.class, () -> dropped.get(key()));
            for (Walk walk : List.copyOf(walks)) {
                if (walk.family.equals(at)) {
                    assertThrows(ColumnFamilyDroppedException.class, walk.iterator::seekToFirst);
                    walks.remove(walk);
                }
            }
        }
    }

    /** Appends operands; some can combine them. */
    private record Appending(boolean combines) implements MergeOperator {
        @Override
        public String name() {
            return "appending";
        }

        @Override
        public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
            return MergeOperators.append(new byte[0]).merge(key, base, operands);
        }

        @Override
        public byte @Nullable [] combine(byte[] key, List<byte[]> operands) {
            return combines ? merge(key, null, operands) : null;
        }
    }

    /** The end of a range: a little after its begin, or anywhere, before it as well. */
    private byte[] endOf(byte[] begin) {
        if (random.nextInt(4) == 0 || begin.length < 2) {
            return key();
        }
        byte[] end = Arrays.copyOf(begin, 2 + random.nextInt(2));
        int second = (end[1] & 0xff) + random.nextInt(12);
        end[0] += (byte) (second >> 8);
        end[1] = (byte) second;
        return end;
    }

    private void deleteRange(byte[] begin, byte[] end) {
        if (Arrays.compareUnsigned(begin, end) < 0) {
            model.subMap(begin, end).clear();
        }
    }

    private static byte[] append(byte[] value, byte[] operand) {
        byte[] appended = Arrays.copyOf(value, value.length + operand.length);
        System.arraycopy(operand, 0, appended, value.length, operand.length);
        return appended;
    }

    private void step(Db store, ColumnFamily db) {
        int choice = random.nextInt(1000);
        if (choice < 60) {
            byte[] key = key();
            byte[] operand = value();
            db.merge(key, operand, durability());
            model.merge(key, operand, ModelTest::append);
        } else if (choice < 66) {
            byte[] begin = key();
            byte[] end = endOf(begin);
            db.deleteRange(begin, end, durability());
            deleteRange(begin, end);
        } else if (choice < 450) {
            byte[] key = key();
            byte[] value = value();
            if (random.nextBoolean()) {
                db.put(key, value, durability());
            } else {
                try (Arena arena = Arena.ofConfined()) {
                    db.put(copy(arena, key), copy(arena, value), durability());
                }
            }
            model.put(key, value);
        } else if (choice < 600) {
            byte[] key = key();
            db.delete(key, durability());
            model.remove(key);
        } else if (choice < 660) {
            Batch batch = new Batch();
            List<String> some = List.of(at, random(models.keySet()));
            for (int i = random.nextInt(30); i >= 0; i--) {
                String name = random(some);
                ColumnFamily family = family(store, name);
                turnTo(name);
                byte[] key = key();
                int kind = random.nextInt(6);
                if (kind < 2) {
                    batch.delete(family, key);
                    model.remove(key);
                } else if (random.nextInt(100) == 0) {
                    byte[] end = endOf(key);
                    batch.deleteRange(family, key, end);
                    deleteRange(key, end);
                } else if (kind < 4) {
                    byte[] operand = value();
                    batch.merge(family, key, operand);
                    model.merge(key, operand, ModelTest::append);
                } else if (name.equals(ColumnFamily.DEFAULT)) {
                    byte[] value = value();
                    batch.put(key, value);
                    model.put(key, value);
                } else {
                    byte[] value = value();
                    batch.put(family, key, value);
                    model.put(key, value);
                }
            }
            store.write(batch, durability());
        } else if (choice < 900) {
            byte[] key = key();
            byte[] expected = model.get(key);
            if (random.nextBoolean()) {
                assertArrayEquals(expected, db.get(key));
            } else {
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment into = arena.allocate(50);
                    long length = db.get(copy(arena, key), into);
                    assertEquals(expected == null ? -1 : expected.length, length);
                    for (int i = 0; i < Math.min(50, length); i++) {
                        assertEquals(expected[i], into.get(java.lang.foreign.ValueLayout.JAVA_BYTE, i));
                    }
                }
            }
        } else if (choice < 960) {
            seek(db);
        } else if (choice < 970) {
            walkUpAndDown(db);
        } else if (choice < 976) {
            multiGet(db);
        } else if (choice < 978) {
            byte[] key = key();
            boolean merges = random.nextBoolean();
            for (int i = random.nextInt(merges ? 200 : 40); i >= 0; i--) {
                byte[] value = value();
                if (merges) {
                    db.merge(key, value);
                    model.merge(key, value, ModelTest::append);
                } else {
                    db.put(key, value);
                    model.put(key, value);
                }
            }
        } else if (choice < 981) {
            if (walks.size() < 5) {
                walks.add(new Walk(at, db.iterator(), new TreeMap<>(model)));
            } else {
                Walk walk = walks.remove(random.nextInt(5));
                compareAll(walk.iterator, walk.expected);
            }
        } else if (choice < 984) {
            db.flush();
        } else if (choice == 984) {
            db.compact();
        } else if (choice == 985) {
            changeFamilies(store);
        } else {
            readTheSnapshots(store, db);
        }
    }

    /** An iterator with random bounds, now or at a snapshot, moved at random. */
    private void walkUpAndDown(ColumnFamily db) {
        IteratorOptions options = IteratorOptions.defaults();
        NavigableMap<byte[], byte[]> expected = model;
        if (!moments.isEmpty() && random.nextBoolean()) {
            Moment moment = moments.get(random.nextInt(moments.size()));
            options = options.withSnapshot(moment.snapshot);
            expected = expected(moment);
        }
        NavigableMap<byte[], byte[]> shown = new TreeMap<>(expected);
        if (random.nextInt(3) == 0) {
            byte[] bound = key();
            options = options.withLowerBound(bound);
            shown.headMap(bound, false).clear();
        }
        if (random.nextInt(3) == 0) {
            byte[] bound = key();
            options = options.withUpperBound(bound);
            shown.tailMap(bound, true).clear();
        }
        if (random.nextInt(3) == 0) {
            byte[] prefix = Arrays.copyOf(key(), random.nextInt(3));
            options = options.withPrefix(prefix);
            shown.keySet()
                    .removeIf(key -> key.length < prefix.length
                            || !Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length));
        }
        try (DbIterator iterator = db.iterator(options)) {
            Map.Entry<byte[], byte[]> at = null;
            boolean up = true;
            for (int i = 0; i < 100; i++) {
                byte[] to = key();
                up ^= random.nextInt(4) == 0;
                int seek = at == null || random.nextInt(20) == 0 ? random.nextInt(4) : 4;
                switch (seek) {
                    case 0 -> iterator.seekToFirst();
                    case 1 -> iterator.seekToLast();
                    case 2 -> iterator.seek(to);
                    case 3 -> iterator.seekForPrev(to);
                    default -> {
                        if (up) {
                            iterator.next();
                        } else {
                            iterator.prev();
                        }
                    }
                }
                at = switch (seek) {
                    case 0 -> shown.firstEntry();
                    case 1 -> shown.lastEntry();
                    case 2 -> shown.ceilingEntry(to);
                    case 3 -> shown.floorEntry(to);
                    default -> up ? shown.higherEntry(at.getKey()) : shown.lowerEntry(at.getKey());
                };
                assertEquals(at != null, iterator.isValid());
                if (at != null) {
                    assertArrayEquals(at.getKey(), iterator.key());
                    assertArrayEquals(at.getValue(), iterator.value());
                }
            }
        }
    }

    private void multiGet(ColumnFamily db) {
        Moment moment = moments.isEmpty() || random.nextBoolean() ? null : moments.get(random.nextInt(moments.size()));
        NavigableMap<byte[], byte[]> expected = moment == null ? model : expected(moment);
        List<byte[]> keys = new ArrayList<>();
        for (int i = random.nextInt(60); i > 0; i--) {
            keys.add(
                    !keys.isEmpty() && random.nextInt(10) == 0
                            ? keys.get(random.nextInt(keys.size()))
                            : random.nextBoolean() ? key() : keyOf(expected));
        }
        List<byte[]> values = moment == null ? db.multiGet(keys) : db.multiGet(keys, moment.snapshot);
        assertEquals(keys.size(), values.size());
        for (int i = 0; i < keys.size(); i++) {
            assertArrayEquals(expected.get(keys.get(i)), values.get(i));
        }
    }

    /** Opens a snapshot, or reads one and perhaps closes it. */
    private void readTheSnapshots(Db store, ColumnFamily db) {
        if (random.nextInt(8) == 0 && moments.size() < 5) {
            Map<String, NavigableMap<byte[], byte[]>> all = new TreeMap<>();
            models.forEach((name, contents) -> all.put(name, new TreeMap<>(contents)));
            moments.add(new Moment(store.snapshot(), all));
        } else if (!moments.isEmpty()) {
            Moment moment = moments.get(random.nextInt(moments.size()));
            for (int i = 0; i < 50; i++) {
                byte[] key = random.nextBoolean() ? key() : keyOf(expected(moment));
                assertArrayEquals(expected(moment).get(key), db.get(key, moment.snapshot));
            }
            if (random.nextInt(8) == 0) {
                compareAll(db.iterator(moment.snapshot), expected(moment));
                moment.snapshot.close();
                moments.remove(moment);
            }
        }
    }

    /** A key of the map, or any when it is empty. */
    private byte[] keyOf(NavigableMap<byte[], byte[]> map) {
        byte[] key = key();
        byte[] found = map.ceilingKey(key);
        return found == null ? key : found;
    }

    private void seek(ColumnFamily db) {
        byte[] from = key();
        try (DbIterator iterator = db.iterator()) {
            iterator.seek(from);
            int steps = 0;
            for (Map.Entry<byte[], byte[]> expected : model.tailMap(from, true).entrySet()) {
                if (steps++ == 20) {
                    return;
                }
                assertTrue(iterator.isValid());
                assertArrayEquals(expected.getKey(), iterator.key());
                assertArrayEquals(expected.getValue(), iterator.value());
                iterator.next();
            }
            assertFalse(iterator.isValid());
        }
    }

    private static void compareAll(DbIterator iterator, NavigableMap<byte[], byte[]> expected) {
        try (iterator) {
            Iterator<Map.Entry<byte[], byte[]>> entries = expected.entrySet().iterator();
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                assertTrue(entries.hasNext(), "more keys than written");
                Map.Entry<byte[], byte[]> entry = entries.next();
                assertArrayEquals(
                        entry.getKey(), iterator.keySegment().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
                assertArrayEquals(
                        entry.getValue(), iterator.valueSegment().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
            }
            assertFalse(entries.hasNext(), "keys are missing");
            entries = expected.descendingMap().entrySet().iterator();
            for (iterator.seekToLast(); iterator.isValid(); iterator.prev()) {
                assertTrue(entries.hasNext(), "more keys than written");
                Map.Entry<byte[], byte[]> entry = entries.next();
                assertArrayEquals(entry.getKey(), iterator.key());
                assertArrayEquals(entry.getValue(), iterator.value());
            }
            assertFalse(entries.hasNext(), "keys are missing");
        }
    }

    private void compareOpen(Db db) {
        for (Walk walk : walks) {
            compareAll(walk.iterator, walk.expected);
        }
        walks.clear();
        for (Moment moment : moments) {
            for (String name : models.keySet()) {
                turnTo(name);
                compareAll(family(db, name).iterator(moment.snapshot), expected(moment));
            }
        }
        moments.clear(); // those still open end with the store
    }

    private Durability durability() {
        return random.nextInt(50) == 0 ? Durability.SYNCED : Durability.BUFFERED;
    }

    private byte[] key() {
        byte[] key = new byte[random.nextInt(20) == 0 ? random.nextInt(3) : 2 + random.nextInt(6)];
        for (int i = 0; i < key.length; i++) {
            key[i] = (byte) (i < 2 ? random.nextInt(256) : random.nextInt(2) * 255);
        }
        if (random.nextInt(4) > 0 && key.length > 1) {
            key[0] = (byte) random.nextInt(4);
        }
        if (random.nextInt(500) == 0) {
            key = Arrays.copyOf(key, 1 + random.nextInt(5000));
        }
        return key;
    }

    private byte[] value() {
        int kind = random.nextInt(1000);
        byte[] value =
                new byte[kind == 0 ? random.nextInt(100_000) : kind < 50 ? random.nextInt(5000) : random.nextInt(100)];
        if (random.nextBoolean()) {
            random.nextBytes(value);
        }
        return value;
    }

    private static MemorySegment copy(Arena arena, byte[] bytes) {
        MemorySegment copy = arena.allocate(Math.max(1, bytes.length)).asSlice(0, bytes.length);
        return copy.copyFrom(MemorySegment.ofArray(bytes));
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
