package dev.catena.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Orders of keys: everything follows them, and what is wrong with them is told. */
@Timeout(120)
class KeyComparatorTest {
    private static final Options SMALL = Options.defaults()
            .withMemtableBytes(64 << 10)
            .withMemtables(4)
            .withTableBytes(64 << 10)
            .withLevelOneBytes(64 << 10)
            .withBlockBytes(512)
            .withMergeOperator(MergeOperators.append(new byte[] {','}))
            .withCacheBytes(1 << 20);

    /** Keys are numbers, their lowest byte first; of those with the same number the shortest is first. */
    private static final KeyComparator NUMBERS = comparator("numbers, little-endian", (a, b) -> {
        for (int i = Math.max(a.length, b.length) - 1; i >= 0; i--) {
            int order = Integer.compare(i < a.length ? a[i] & 0xff : 0, i < b.length ? b[i] & 0xff : 0);
            if (order != 0) {
                return order;
            }
        }
        return Integer.compare(a.length, b.length);
    });

    @TempDir
    Path root;

    private Path directory() {
        return root.resolve("store");
    }

    private static KeyComparator comparator(String name, BiFunction<byte[], byte[], Integer> compare) {
        return new KeyComparator() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public int compare(MemorySegment a, MemorySegment b) {
                assertTrue(a.isReadOnly() && b.isReadOnly());
                return compare.apply(a.toArray(ValueLayout.JAVA_BYTE), b.toArray(ValueLayout.JAVA_BYTE));
            }
        };
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private static int compare(KeyComparator comparator, byte[] a, byte[] b) {
        return comparator.compare(
                MemorySegment.ofArray(a).asReadOnly(), MemorySegment.ofArray(b).asReadOnly());
    }

    // ---- Contract: random operations on families of different orders, against sorted maps of the same orders.

    private static final class Models {
        final Map<String, KeyComparator> orders = new LinkedHashMap<>();
        final Map<String, NavigableMap<byte[], byte[]>> maps = new LinkedHashMap<>();

        void add(String family, KeyComparator order) {
            orders.put(family, order);
            maps.put(family, new TreeMap<>((a, b) -> compare(order, a, b)));
        }

        NavigableMap<byte[], byte[]> of(ColumnFamily family) {
            return Objects.requireNonNull(maps.get(family.name()));
        }

        KeyComparator order(ColumnFamily family) {
            return Objects.requireNonNull(orders.get(family.name()));
        }

        Options options() {
            Options options = SMALL.withKeyComparator(Objects.requireNonNull(orders.get(ColumnFamily.DEFAULT)));
            for (Map.Entry<String, KeyComparator> each : orders.entrySet()) {
                if (!each.getKey().equals(ColumnFamily.DEFAULT)) {
                    options = options.withColumnFamily(each.getKey(), SMALL.withKeyComparator(each.getValue()));
                }
            }
            return options;
        }
    }

    private static byte[] randomKey(Random random) {
        int number = random.nextInt(2500);
        int length = random.nextInt(10) == 0 ? random.nextInt(6) : 2;
        byte[] key = new byte[length];
        for (int i = 0; i < Math.min(3, length); i++) {
            key[i] = (byte) (number >> (8 * i));
        }
        return key;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void everythingFollowsTheOrder(long seed) {
        Random random = new Random(seed);
        Models models = new Models();
        models.add(ColumnFamily.DEFAULT, seed == 2 ? NUMBERS : KeyComparators.reverseUnsignedBytes());
        models.add("numbers", NUMBERS);
        models.add("bytes", KeyComparators.unsignedBytes());
        models.add("reverse", KeyComparators.reverseUnsignedBytes());
        Db db = Db.open(directory(), models.options());
        try {
            for (String name : List.copyOf(models.orders.keySet()).subList(1, 4)) {
                db.createColumnFamily(name, models.options().ofFamily(name));
            }
            for (int step = 0; step < 15; step++) {
                for (int i = 0; i < 400; i++) {
                    operate(db, models, random);
                }
                if (random.nextInt(4) == 0) {
                    try (Snapshot snapshot = db.snapshot()) {
                        Models then = new Models();
                        models.orders.forEach(then::add);
                        models.maps.forEach((name, map) ->
                                Objects.requireNonNull(then.maps.get(name)).putAll(map));
                        for (int i = 0; i < 1500; i++) {
                            operate(db, models, random);
                        }
                        manage(db, random);
                        for (ColumnFamily family : db.columnFamilies()) {
                            check(family, then, random, snapshot);
                        }
                    }
                }
                manage(db, random);
                for (ColumnFamily family : db.columnFamilies()) {
                    check(family, models, random, null);
                }
                if (random.nextInt(5) == 0) {
                    db.close();
                    try (Db reader = Db.openReadOnly(directory(), models.options())) {
                        for (ColumnFamily family : reader.columnFamilies()) {
                            check(family, models, random, null);
                        }
                    }
                    db = Db.open(directory(), models.options());
                }
            }
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            for (ColumnFamily family : db.columnFamilies()) {
                family.compact();
                check(family, models, random, null);
            }
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            db.checkpoint(root.resolve("copy"));
            try (Db copy = Db.open(root.resolve("copy"), models.options())) {
                for (ColumnFamily family : copy.columnFamilies()) {
                    check(family, models, random, null);
                }
            }
        } catch (RuntimeException | Error e) {
            throw new AssertionError("seed " + seed, e);
        } finally {
            db.close();
        }
    }

    private static void operate(Db db, Models models, Random random) {
        List<ColumnFamily> families = db.columnFamilies();
        ColumnFamily family = families.get(random.nextInt(families.size()));
        NavigableMap<byte[], byte[]> model = models.of(family);
        byte[] key = randomKey(random);
        byte[] value = new byte[random.nextInt(200)];
        random.nextBytes(value);
        int choice = random.nextInt(400);
        if (choice < 250) {
            family.put(key, value);
            model.put(key, value);
        } else if (choice < 300) {
            family.delete(key);
            model.remove(key);
        } else if (choice < 340) {
            byte[] operand = {(byte) choice};
            family.merge(key, operand);
            model.put(key, MergeOperators.append(new byte[] {','}).merge(key, model.get(key), List.of(operand)));
        } else if (choice < 343) {
            byte[] end = key.clone(); // mostly near
            if (end.length > 0 && random.nextInt(10) > 0) {
                end[0] += (byte) random.nextInt(-30, 30);
            } else {
                end = randomKey(random);
            }
            family.deleteRange(key, end);
            deleteRange(models.order(family), model, key, end);
        } else if (choice < 360) {
            Batch batch = new Batch();
            for (ColumnFamily each : families) {
                byte[] one = randomKey(random);
                byte[] end = random.nextInt(8) == 0 ? randomKey(random) : one;
                byte[] put = randomKey(random);
                batch.deleteRange(each, one, end).put(each, put, value).delete(each, key);
                deleteRange(models.order(each), models.of(each), one, end);
                models.of(each).put(put, value);
                models.of(each).remove(key);
            }
            db.write(batch, Durability.BUFFERED);
        } else {
            assertArrayEquals(model.get(key), family.get(key));
        }
    }

    private static void deleteRange(KeyComparator order, NavigableMap<byte[], byte[]> model, byte[] begin, byte[] end) {
        if (compare(order, begin, end) < 0) {
            model.subMap(begin, end).clear();
        }
    }

    private static void manage(Db db, Random random) {
        for (ColumnFamily family : db.columnFamilies()) {
            switch (random.nextInt(8)) {
                case 0, 1 -> family.flush();
                case 2 -> family.compact();
                case 3 ->
                    family.compact(randomKey(random), random.nextBoolean() ? null : randomKey(random))
                            .join();
                default -> {}
            }
        }
    }

    private static void check(ColumnFamily family, Models models, Random random, @Nullable Snapshot snapshot) {
        NavigableMap<byte[], byte[]> model = models.of(family);
        IteratorOptions all = IteratorOptions.defaults();
        IteratorOptions options = snapshot == null ? all : all.withSnapshot(snapshot);
        try (DbIterator iterator = family.iterator(options)) {
            checkWalks(iterator, model);
            for (int i = 0; i < 20; i++) {
                byte[] key = randomKey(random);
                iterator.seek(key);
                checkAt(iterator, model.ceilingEntry(key));
                iterator.seekForPrev(key);
                checkAt(iterator, model.floorEntry(key));
                if (iterator.isValid()) {
                    byte[] at = iterator.key();
                    iterator.next();
                    checkAt(iterator, model.higherEntry(at));
                    if (iterator.isValid()) {
                        iterator.prev();
                        checkAt(iterator, model.floorEntry(at));
                    }
                }
            }
        }
        for (int i = 0; i < 3; i++) {
            byte[] lower = randomKey(random);
            byte[] upper = randomKey(random);
            boolean isRange = compare(models.order(family), lower, upper) <= 0;
            try (DbIterator iterator =
                    family.iterator(options.withLowerBound(lower).withUpperBound(upper))) {
                checkWalks(iterator, model.subMap(lower, true, isRange ? upper : lower, false));
            }
            try (DbIterator iterator = family.iterator(options.withLowerBound(lower))) {
                checkWalks(iterator, model.tailMap(lower, true));
            }
        }
        byte[] prefix = Arrays.copyOf(randomKey(random), random.nextInt(2));
        if (family.options().keyComparator().equals(NUMBERS)) {
            assertTrue(assertThrows(IllegalArgumentException.class, () -> family.iterator(options.withPrefix(prefix)))
                    .getMessage()
                    .contains(NUMBERS.name()));
        } else {
            NavigableMap<byte[], byte[]> with = new TreeMap<>(model);
            with.keySet()
                    .removeIf(key -> key.length < prefix.length
                            || !Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length));
            try (DbIterator iterator = family.iterator(options.withPrefix(prefix))) {
                checkWalks(iterator, with);
            }
        }
        List<byte[]> asked = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            asked.add(randomKey(random));
        }
        List<byte[]> found = snapshot == null ? family.multiGet(asked) : family.multiGet(asked, snapshot);
        for (int i = 0; i < asked.size(); i++) {
            byte[] key = asked.get(i);
            assertArrayEquals(model.get(key), found.get(i));
            assertArrayEquals(model.get(key), snapshot == null ? family.get(key) : family.get(key, snapshot));
        }
    }

    private static void checkWalks(DbIterator iterator, NavigableMap<byte[], byte[]> model) {
        iterator.seekToFirst();
        for (Map.Entry<byte[], byte[]> entry : model.entrySet()) {
            checkAt(iterator, entry);
            iterator.next();
        }
        checkAt(iterator, null);
        iterator.seekToLast();
        for (Map.Entry<byte[], byte[]> entry : model.descendingMap().entrySet()) {
            checkAt(iterator, entry);
            iterator.prev();
        }
        checkAt(iterator, null);
    }

    private static void checkAt(DbIterator iterator, Map.@Nullable Entry<byte[], byte[]> entry) {
        assertEquals(entry != null, iterator.isValid());
        if (entry != null) {
            assertArrayEquals(entry.getKey(), iterator.key());
            assertArrayEquals(entry.getValue(), iterator.value());
        }
    }

    /** Where ranges are not cut tables are long. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void tablesEndWhereNoDeletedRangeIsCut(boolean reverse) {
        KeyComparator order = reverse ? KeyComparators.reverseUnsignedBytes() : NUMBERS;
        Models then = new Models();
        then.add(ColumnFamily.DEFAULT, order);
        Models now = new Models();
        now.add(ColumnFamily.DEFAULT, order);
        Random random = new Random(1);
        Db db = Db.open(directory(), then.options());
        Snapshot snapshot = null;
        try {
            for (int round = 0; round < 2; round++) {
                Models models = round == 0 ? then : now;
                for (int i = 0; i < 3000; i++) {
                    byte[] key = {(byte) i, (byte) (i >> 8)};
                    byte[] value = new byte[100];
                    random.nextBytes(value);
                    db.put(key, value);
                    models.of(db).put(key, value);
                }
                if (round == 0) {
                    snapshot = db.snapshot(); // until the store is closed
                    for (int[] range : new int[][] {{100, 1400}, {1200, 1500}, {1500, 1600}, {2000, 2010}}) {
                        byte[] low = {(byte) range[0], (byte) (range[0] >> 8)};
                        byte[] high = {(byte) range[1], (byte) (range[1] >> 8)};
                        boolean ascending = compare(order, low, high) < 0;
                        db.deleteRange(ascending ? low : high, ascending ? high : low);
                    }
                }
            }
            db.compact();
            check(db, now, random, null);
            check(db, then, random, snapshot);
            long tables = db.stats().levels().get(6).tables();
            assertTrue(tables > 2, tables + " tables");
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            db.close();
            db = Db.open(directory(), then.options());
            check(db, now, random, null);
            db.compact();
            check(db, now, random, null);
        } finally {
            db.close();
        }
    }

    // ---- Names.

    @Test
    void anotherComparatorIsRefused() {
        Options numbers = SMALL.withKeyComparator(NUMBERS);
        Options both = SMALL.withColumnFamily("numbers", numbers);
        try (Db db = Db.open(directory(), both)) {
            db.createColumnFamily("numbers", numbers).put(new byte[] {1}, new byte[] {2});
        }
        Options reverse = SMALL.withKeyComparator(KeyComparators.reverseUnsignedBytes());
        for (Options wrong :
                List.of(SMALL, both.withKeyComparator(NUMBERS), SMALL.withColumnFamily("numbers", reverse))) {
            for (boolean reading : new boolean[] {false, true}) {
                String message = assertThrows(IllegalArgumentException.class, () -> {
                            (reading ? Db.openReadOnly(directory(), wrong) : Db.open(directory(), wrong)).close();
                        })
                        .getMessage();
                boolean isDefault = wrong.keyComparator().equals(NUMBERS);
                assertTrue(message.contains(isDefault ? "'default'" : "'numbers'"), message);
                assertTrue(message.contains("'" + (isDefault ? "unsigned bytes" : NUMBERS.name()) + "'"), message);
                String given = wrong.ofFamily(isDefault ? "default" : "numbers")
                        .keyComparator()
                        .name();
                assertTrue(message.contains("'" + given + "'"), message);
            }
        }
        try (Db db = Db.open(directory(), both)) {
            assertEquals(
                    NUMBERS,
                    Objects.requireNonNull(db.columnFamily("numbers")).options().keyComparator());
        }
        for (String name : List.of("", "none", " a", "a\nb", "unsigned bytes", "reverse unsigned bytes")) {
            KeyComparator named = comparator(name, Arrays::compareUnsigned);
            assertThrows(IllegalArgumentException.class, () -> SMALL.withKeyComparator(named), name);
        }
    }

    @Test
    void whatNeedsNoOrderWorksWithoutTheComparator() {
        Options options = SMALL.withKeyComparator(NUMBERS);
        try (Db db = Db.open(directory(), options)) {
            for (int i = 0; i < 2000; i++) {
                db.put(new byte[] {(byte) i, (byte) (i >> 8)}, new byte[100]);
            }
            db.compact();
            for (int i = 0; i < 1000; i++) {
                db.put(new byte[] {(byte) i, (byte) (i >> 8)}, new byte[100]);
            }
            db.deleteRange(new byte[] {0, 1}, new byte[] {1, 1});
            db.flush();
            db.put(new byte[] {1}, new byte[] {2});
        }
        Options stored = Options.stored(directory());
        assertEquals(NUMBERS.name(), stored.keyComparator().name());
        String refused = assertThrows(IllegalArgumentException.class, () -> Db.open(directory(), stored))
                .getMessage();
        assertTrue(refused.contains(NUMBERS.name()) && refused.contains("nothing but the name"), refused);
        try (Db db = Db.openReadOnly(directory(), stored)) {
            assertTrue(db.stats().levels().get(6).entries() >= 2000);
            VerifyReport report = db.verify(VerifyListener.NONE);
            assertEquals(List.of(), report.damages());
            assertTrue(report.entries() >= 3000);
            for (Runnable read : List.<Runnable>of(
                    () -> db.get(new byte[] {1}),
                    () -> db.multiGet(List.of()),
                    () -> db.iterator().close(),
                    () -> db.getView(MemorySegment.ofArray(new byte[1])))) {
                String message =
                        assertThrows(KeyComparatorException.class, read::run).getMessage();
                assertTrue(message.contains(NUMBERS.name()), message);
            }
        }
        Path other = root.resolve("none");
        assertThrows(KeyComparatorException.class, () -> Db.open(other, stored).close());
    }

    @Test
    void toolsKnowTheReverse() {
        Options reverse = SMALL.withKeyComparator(KeyComparators.reverseUnsignedBytes());
        try (Db db = Db.open(directory(), reverse)) {
            db.put(bytes("a"), bytes("1"));
            db.put(bytes("b"), bytes("2"));
            db.put(bytes(""), bytes("3"));
        }
        try (Db db = Db.open(directory(), Options.stored(directory()));
                DbIterator iterator = db.iterator()) {
            iterator.seekToFirst();
            assertArrayEquals(bytes("b"), iterator.key());
            iterator.seekToLast();
            assertArrayEquals(bytes(""), iterator.key());
        }
    }

    // ---- Comparators that fail.

    /** Of even length only. */
    private static final KeyComparator PICKY = comparator("picky", (a, b) -> {
        if (a.length % 2 != 0 || b.length % 2 != 0) {
            throw new IllegalStateException("odd");
        }
        return Arrays.compareUnsigned(a, b);
    });

    @Test
    void keysThatAComparatorThrowsAtAreRefused() {
        Options options = SMALL.withKeyComparator(PICKY);
        byte[] odd = bytes("odd");
        try (Db db = Db.open(directory(), options)) {
            db.put(bytes("ab"), bytes("1"));
            Batch put = new Batch().put(bytes("cd"), bytes("2")).put(odd, bytes("3"));
            Batch delete = new Batch().put(bytes("cd"), bytes("2")).deleteRange(bytes("ab"), odd);
            for (int round = 0; round < 3; round++) {
                for (Runnable write : List.<Runnable>of(
                        () -> db.put(odd, bytes("3")),
                        () -> db.delete(odd, Durability.SYNCED),
                        () -> db.merge(odd, bytes("3")),
                        () -> db.deleteRange(odd, bytes("zz")),
                        () -> db.deleteRange(bytes("aa"), odd),
                        () -> db.write(put, Durability.BUFFERED),
                        () -> db.write(delete, Durability.SYNCED),
                        () -> db.compact(odd, null).join(),
                        () -> db.compact(bytes("ab"), odd).join(),
                        () -> db.multiGet(List.of(bytes("ab"), odd)),
                        () -> db.multiGet(List.of(odd, bytes("ab"))))) {
                    KeyComparatorException e = assertThrows(KeyComparatorException.class, write::run);
                    assertTrue(String.valueOf(e.getMessage()).contains("'picky'"));
                    assertEquals("odd", Objects.requireNonNull(e.getCause()).getMessage());
                }
                try (DbIterator iterator = db.iterator()) {
                    iterator.seekToFirst();
                    assertThrows(KeyComparatorException.class, () -> iterator.seek(odd));
                    assertFalse(iterator.isValid());
                    assertThrows(KeyComparatorException.class, () -> iterator.seekForPrev(odd));
                    assertFalse(iterator.isValid());
                    iterator.seekToFirst();
                    assertArrayEquals(bytes("ab"), iterator.key());
                }
                db.put(bytes("ef"), bytes("4"));
                db.flush();
            }
        }
        try (Db db = Db.open(directory(), options)) {
            assertNull(db.get(bytes("cd")));
            assertArrayEquals(bytes("1"), db.get(bytes("ab")));
            assertArrayEquals(bytes("4"), db.get(bytes("ef")));
        }
    }

    @Test
    void keysThatAreEqualWithOtherBytesAreTold() {
        Options options = SMALL.withKeyComparator(comparator(
                "case does not matter", (a, b) -> new String(a, UTF_8).compareToIgnoreCase(new String(b, UTF_8))));
        try (Db db = Db.open(directory(), options)) {
            db.put(bytes("key"), bytes("1"));
            for (Runnable use : List.<Runnable>of(
                    () -> db.put(bytes("KEY"), bytes("2")), () -> db.multiGet(List.of(bytes("key"), bytes("Key"))))) {
                assertTrue(String.valueOf(assertThrows(KeyComparatorException.class, use::run)
                                .getMessage())
                        .contains("says that keys are equal"));
            }
            db.put(bytes("other"), bytes("3"));
            assertArrayEquals(bytes("1"), db.get(bytes("key")));
        }
    }

    /** Whatever it says: exceptions at worst, and an end. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void aComparatorWithoutAnOrderHarmsNoMemory(long seed) {
        Random random = new Random(seed);
        Options options = SMALL.withKeyComparator(comparator(
                "whatever",
                // In the first two the same for the same keys, but no order; else different each time.
                (a, b) -> seed > 2
                        ? new Random().nextInt(3) - 1
                        : Arrays.equals(a, b) ? 0 : (Arrays.hashCode(a) * 31 + Arrays.hashCode(b)) % 2 == 0 ? 1 : -1));
        int thrown = 0;
        for (int round = 0; round < 3; round++) {
            try (Db db = Db.open(directory(), options)) {
                for (int i = 0; i < 3000; i++) {
                    try {
                        use(db, random);
                    } catch (StoreException e) {
                        thrown++;
                    } catch (IllegalArgumentException e) { // sorting finds out, too
                        assertTrue(String.valueOf(e.getMessage()).contains("violates"), e.toString());
                    }
                }
            } catch (StoreException e) {
                thrown++;
            }
        }
        assertTrue(thrown > 0);
    }

    private static void use(Db db, Random random) {
        byte[] key = randomKey(random);
        switch (random.nextInt(200)) {
            case 0 -> db.deleteRange(key, randomKey(random));
            case 1 -> {
                try (DbIterator iterator =
                        db.iterator(IteratorOptions.defaults().withLowerBound(key))) {
                    iterator.seekToFirst();
                    for (int i = 0; i < 50 && iterator.isValid(); i++) {
                        iterator.next();
                    }
                    iterator.seekForPrev(randomKey(random));
                    for (int i = 0; i < 50 && iterator.isValid(); i++) {
                        iterator.prev();
                    }
                }
            }
            case 2 -> db.multiGet(List.of(key, randomKey(random), randomKey(random)));
            case 3 -> {
                if (random.nextInt(5) == 0) {
                    db.compact();
                }
            }
            case 4, 5, 6, 7, 8, 9 -> db.get(key);
            default -> db.put(key, new byte[100]);
        }
    }
}
