package dev.catena.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.table.TableReader;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.memory.NativeMemory;
import dev.catena.io.memory.Xxh64;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A table that cannot be opened: the store opens without it, says so, answers what it can, never from older data, and is whole again when
 * the table's keys were given up. Its keys are the middle one of three thirds.
 */
class QuarantineTest {
    private static final int THIRD = 200;
    private static final int KEYS = 3 * THIRD;

    /** Where the table is. */
    enum Place {
        /** Between two others of its level, with nothing below. */
        LAST_LEVEL,
        /** Over a table with older values of all keys. */
        LEVEL_ZERO
    }

    private static @Nullable ChainRuntime runtime;

    @TempDir
    private Path directory;

    private final LinkedBlockingQueue<StoreDamage> heard = new LinkedBlockingQueue<>();
    private Map<String, Long> memoryBefore = Map.of();

    static Stream<Arguments> cases() {
        return Arrays.stream(TableDamage.values())
                .flatMap(damage -> Arrays.stream(Place.values()).map(place -> Arguments.of(damage, place)));
    }

    static Stream<Arguments> fewCases() {
        return Stream.of(TableDamage.MISSING, TableDamage.ROOT, TableDamage.SOMETHING_ELSE)
                .flatMap(damage -> Arrays.stream(Place.values()).map(place -> Arguments.of(damage, place)));
    }

    @BeforeEach
    void memory() {
        memoryBefore = NativeMemory.allocatedByOwner();
    }

    @AfterEach
    void nothingIsLeaked() {
        assertEquals(memoryBefore, NativeMemory.allocatedByOwner());
    }

    @BeforeAll
    static void keepRuntime() {
        runtime = ChainRuntime.acquire(null); // opening is faster
    }

    @AfterAll
    static void giveBackRuntime() {
        Objects.requireNonNull(runtime).close();
    }

    private Options options() {
        return Options.defaults()
                .withMemtableBytes(1 << 20)
                .withLevelZeroTrigger(16)
                .withScrubBytesPerSecond(0)
                .withListener(new StoreListener() {
                    @Override
                    public void damaged(StoreDamage damage) {
                        heard.add(damage);
                    }
                });
    }

    private Path store() {
        return directory.resolve("db");
    }

    private static byte[] key(int i) {
        return "key%06d".formatted(i).getBytes(UTF_8);
    }

    private static byte[] value(int i, int generation) {
        return ("value " + i + " of generation " + generation + "-".repeat(60)).getBytes(UTF_8);
    }

    private static boolean isInMiddle(int i) {
        return i >= THIRD && i < 2 * THIRD;
    }

    private static void fill(ColumnFamily db, int from, int to, int generation) {
        for (int i = from; i < to; i++) {
            db.put(key(i), value(i, generation), Durability.BUFFERED);
        }
        db.flush();
    }

    /** Makes the store, closed, and returns its table of the middle third. */
    private Path make(Place place) throws IOException {
        try (Db db = Db.open(store(), options())) {
            if (place == Place.LAST_LEVEL) {
                fill(db, 0, THIRD, 0);
                fill(db, THIRD, 2 * THIRD, 0);
                fill(db, 2 * THIRD, KEYS, 0);
                db.compact();
                assertEquals(3, db.stats().levels().getLast().tables());
            } else {
                fill(db, 0, KEYS, 0);
                db.compact();
                fill(db, THIRD, 2 * THIRD, 0);
                assertEquals(1, db.stats().levels().getFirst().tables());
            }
        }
        List<Path> tables = tables(store());
        return place == Place.LAST_LEVEL ? tables.get(1) : tables.getLast();
    }

    private static List<Path> tables(Path store) throws IOException {
        try (Stream<Path> files = Files.list(store)) {
            return files.filter(file -> file.toString().endsWith(".table"))
                    .sorted(Comparator.naturalOrder())
                    .toList();
        }
    }

    /** What is at the table's place, in words that change when anything there does. */
    private static String content(Path table) throws IOException {
        return Files.isRegularFile(table) ? Arrays.toString(Files.readAllBytes(table)) : "" + Files.isDirectory(table);
    }

    /** Fails with the damage of that table, told with place and keys. */
    private static void assertDamaged(Path table, Executable read) {
        Throwable thrown = assertThrows(RuntimeException.class, read);
        if (thrown instanceof CompletionException) {
            thrown = Objects.requireNonNull(thrown.getCause());
        }
        CorruptionException e = assertInstanceOf(CorruptionException.class, thrown);
        assertEquals(table, e.file());
        String message = String.valueOf(e.getMessage());
        for (String part : List.of(
                table.toString(),
                "offset " + e.offset(),
                e.expected(),
                e.found(),
                new String(key(THIRD), UTF_8),
                new String(key(2 * THIRD - 1), UTF_8),
                "'default'",
                "deleteRange")) {
            assertTrue(message.contains(part), part + " in " + message);
        }
    }

    /** All reads of keys outside the table's range work, in all ways; those that need it say that it is damaged. */
    private static void checkReads(Db db, Path table, int generation) throws Exception {
        try (Snapshot snapshot = db.snapshot();
                Arena arena = Arena.ofConfined()) {
            for (int i = 0; i < KEYS; i++) {
                byte[] key = key(i);
                MemorySegment segment = MemorySegment.ofArray(key);
                if (isInMiddle(i)) {
                    assertDamaged(table, () -> db.get(key));
                    if (i % 50 == 0) {
                        assertDamaged(table, () -> db.get(key, snapshot));
                        assertDamaged(table, () -> db.get(segment, arena.allocate(200)));
                        assertDamaged(table, () -> db.getView(segment));
                        assertDamaged(table, () -> db.getAsync(key).join());
                        assertDamaged(table, () -> db.multiGet(List.of(key(0), key, key(KEYS - 1))));
                    }
                } else {
                    assertArrayEquals(value(i, generation), db.get(key));
                    assertArrayEquals(value(i, generation), db.get(key, snapshot));
                    assertArrayEquals(value(i, generation), db.getAsync(key).get(10, TimeUnit.SECONDS));
                    try (ValueView view = db.getView(segment)) {
                        assertArrayEquals(
                                value(i, generation),
                                Objects.requireNonNull(view).segment().toArray(ValueLayout.JAVA_BYTE));
                    }
                }
            }
        }
        assertDamaged(table, () -> db.get("key000200x".getBytes(UTF_8))); // never was, as far as others know
        assertNull(db.get("key".getBytes(UTF_8)));
        List<byte[]> others = Stream.iterate(0, i -> i < KEYS, i -> i + 1)
                .filter(i -> !isInMiddle(i))
                .map(QuarantineTest::key)
                .toList();
        List<byte[]> found = db.multiGet(others);
        for (int i = 0; i < others.size(); i++) {
            assertArrayEquals(value(i < THIRD ? i : i + THIRD, generation), found.get(i));
        }
    }

    private static void checkWalks(Db db, Path table, int generation) {
        try (DbIterator iterator = db.iterator()) {
            iterator.seekToFirst();
            for (int i = 0; i < THIRD - 1; i++) {
                stands(iterator, i, generation);
                iterator.next();
            }
            stands(iterator, THIRD - 1, generation);
            assertDamaged(table, iterator::next);
            assertFalse(iterator.isValid());
            iterator.seekToLast();
            for (int i = KEYS - 1; i > 2 * THIRD; i--) {
                stands(iterator, i, generation);
                iterator.prev();
            }
            stands(iterator, 2 * THIRD, generation);
            assertDamaged(table, iterator::prev);
            assertFalse(iterator.isValid());
            for (int i : new int[] {THIRD, THIRD + 7, 2 * THIRD - 1}) {
                assertDamaged(table, () -> iterator.seek(key(i)));
                assertDamaged(table, () -> iterator.seekForPrev(key(i)));
            }
            iterator.seek(key(THIRD - 1));
            stands(iterator, THIRD - 1, generation);
            iterator.seekForPrev(key(THIRD - 1));
            stands(iterator, THIRD - 1, generation);
            iterator.prev();
            stands(iterator, THIRD - 2, generation);
            iterator.next();
            stands(iterator, THIRD - 1, generation);
            iterator.seekForPrev(key(2 * THIRD));
            stands(iterator, 2 * THIRD, generation);
            iterator.next();
            stands(iterator, 2 * THIRD + 1, generation);
            iterator.prev();
            stands(iterator, 2 * THIRD, generation);
        }
        count(db, IteratorOptions.defaults().withUpperBound(key(THIRD)));
        count(db, IteratorOptions.defaults().withLowerBound(key(2 * THIRD)));
        assertDamaged(table, () -> count(db, IteratorOptions.defaults().withUpperBound(key(THIRD + 1))));
        assertDamaged(table, () -> count(db, IteratorOptions.defaults().withLowerBound(key(2 * THIRD - 1))));
    }

    private static void stands(DbIterator iterator, int i, int generation) {
        assertTrue(iterator.isValid());
        assertArrayEquals(key(i), iterator.key());
        assertArrayEquals(value(i, generation), iterator.value());
    }

    private static void count(Db db, IteratorOptions bounds) {
        int keys = 0;
        try (DbIterator iterator = db.iterator(bounds)) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                keys++;
            }
            assertEquals(THIRD, keys);
            for (iterator.seekToLast(); iterator.isValid(); iterator.prev()) {
                keys--;
            }
            assertEquals(0, keys);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theRestIsReadAndTheDamageTold(TableDamage damage, Place place) throws Exception {
        Path table = make(place);
        damage.to(table);
        String content = content(table);
        try (Db db = Db.open(store(), options())) {
            StoreDamage told = assertNotNullIn10Seconds();
            assertEquals(table, told.file());
            assertEquals("default", told.columnFamily());
            assertArrayEquals(key(THIRD), told.smallestKey());
            assertArrayEquals(key(2 * THIRD - 1), told.largestKey());
            assertTrue(told.toString().contains(damage.told), told.toString());
            assertEquals(
                    List.of(told.toString()),
                    db.damages().stream().map(StoreDamage::toString).toList());
            checkReads(db, table, 0);
            checkWalks(db, table, 0);
            List<VerifyReport.Damage> verified = db.verify(VerifyListener.NONE).damages();
            assertEquals(1, verified.size(), verified.toString());
            assertEquals(table, verified.getFirst().file());
            assertDamaged(table, db::compact);
            assertDamaged(table, () -> db.compact(key(THIRD), key(THIRD + 1)).join());
            db.compact(null, key(THIRD)).join();
            db.compact(key(2 * THIRD), null).join();
            assertNull(heard.poll(), "told once");
        }
        assertTrue(Files.readString(store().resolve("LOG")).contains("damage: " + table));
        try (Db db = Db.openReadOnly(store(), options())) {
            assertEquals(table, assertNotNullIn10Seconds().file());
            checkReads(db, table, 0);
            checkWalks(db, table, 0);
            assertEquals(
                    table, db.verify(VerifyListener.NONE).damages().getFirst().file());
        }
        assertEquals(content, content(table), "nobody touches it");
    }

    private StoreDamage assertNotNullIn10Seconds() throws InterruptedException {
        StoreDamage damage = heard.poll(10, TimeUnit.SECONDS);
        assertNotNull(damage, "damage was not told");
        return damage;
    }

    @ParameterizedTest
    @MethodSource("fewCases")
    void writesGoOnUntilItsKeysAreGivenUp(TableDamage damage, Place place) throws Exception {
        Path table = make(place);
        damage.to(table);
        String content = content(table);
        try (Db db = Db.open(store(), options().withLevelZeroTrigger(2))) {
            for (int generation = 1; generation < 30; generation++) {
                fill(db, 0, KEYS, generation);
            }
            assertTrue(db.stats().levels().getFirst().tables() < Throttle.SLOW_TABLES, "level 0 is compacted");
            assertEquals(0, db.stats().stallNanos(), "nobody had to wait");
            for (int i = 0; i < KEYS; i++) { // what is newer than the table is found without it
                assertArrayEquals(value(i, 29), db.get(key(i)));
            }
            byte[] never = "key000200x".getBytes(UTF_8);
            assertDamaged(table, () -> db.get(never));
            assertDamaged(table, () -> {
                try (DbIterator iterator = db.iterator()) {
                    for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                        // up to the table
                    }
                }
            });
            assertDamaged(table, db::compact);
        }
        assertEquals(content, content(table), "nobody touches it");
        try (Db db = Db.open(store(), options().withLevelZeroTrigger(2))) {
            StoreDamage told = db.damages().getFirst();
            assertEquals(table, told.file());
            byte[] behind = Arrays.copyOf(told.largestKey(), told.largestKey().length + 1);
            db.deleteRange(key(THIRD + 10), key(THIRD + 20)); // so the next one is cut
            db.deleteRange(told.smallestKey(), behind);
            db.deleteRange(key(THIRD + 30), key(THIRD + 40));
            for (int i = THIRD; i < 2 * THIRD; i++) {
                assertNull(db.get(key(i)));
            }
            assertEquals(2 * THIRD, countBoth(db));
            fill(db, THIRD, 2 * THIRD, 30);
            assertEquals(KEYS, countBoth(db));
            db.compact();
            assertFalse(Files.exists(table), "nobody needs it");
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
        try (Db db = Db.open(store(), options())) {
            assertEquals(List.of(), db.damages());
            for (int i = 0; i < KEYS; i++) {
                assertArrayEquals(value(i, isInMiddle(i) ? 30 : 29), db.get(key(i)));
            }
            assertEquals(KEYS, countBoth(db));
        }
    }

    private static int countBoth(Db db) {
        int up = 0;
        int down = 0;
        try (DbIterator iterator = db.iterator()) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                up++;
            }
            for (iterator.seekToLast(); iterator.isValid(); iterator.prev()) {
                down++;
            }
        }
        assertEquals(up, down);
        return up;
    }

    @ParameterizedTest
    @MethodSource("fewCases")
    void aCheckpointIsAsDamaged(TableDamage damage, Place place) throws Exception {
        Path table = make(place);
        damage.to(table);
        Path copy = directory.resolve("copy");
        try (Db db = Db.open(store(), options())) {
            db.checkpoint(copy);
        }
        Path copied = copy.resolve(table.getFileName());
        if (Files.isRegularFile(table)) {
            assertEquals(-1, Files.mismatch(table, copied));
        } else {
            assertFalse(Files.exists(copied));
        }
        try (Db db = Db.open(copy, options())) {
            checkReads(db, copied, 0);
        }
    }

    /** Whoever has a copy of the file puts it back. */
    @ParameterizedTest
    @MethodSource("fewCases")
    void theTableIsThereAgainWhenItsFileIs(TableDamage damage, Place place) throws Exception {
        Path table = make(place);
        byte[] whole = Files.readAllBytes(table);
        damage.to(table);
        try (Db db = Db.open(store(), options())) {
            fill(db, 0, 1, 1);
            assertDamaged(table, () -> db.get(key(THIRD)));
        }
        Files.deleteIfExists(table);
        Files.write(table, whole);
        try (Db db = Db.open(store(), options())) {
            assertEquals(List.of(), db.damages());
            for (int i = 0; i < KEYS; i++) {
                assertArrayEquals(value(i, i == 0 ? 1 : 0), db.get(key(i)));
            }
            db.compact();
        }
    }

    @ParameterizedTest
    @MethodSource("fewCases")
    void itGoesWithItsColumnFamily(TableDamage damage, Place place) throws Exception {
        Path unused = make(place);
        Path ofCats;
        try (Db db = Db.open(store(), options())) {
            List<Path> before = tables(store());
            fill(db.createColumnFamily("cats", options()), 0, 10, 5);
            ofCats = tables(store()).stream()
                    .filter(file -> !before.contains(file))
                    .findFirst()
                    .orElseThrow();
        }
        damage.to(ofCats);
        try (Db db = Db.open(store(), options())) {
            assertEquals("cats", db.damages().getFirst().columnFamily());
            for (int i = 0; i < KEYS; i++) {
                assertArrayEquals(value(i, 0), db.get(key(i)));
            }
            ColumnFamily cats = Objects.requireNonNull(db.columnFamily("cats"));
            assertThrows(CorruptionException.class, () -> cats.get(key(1)));
            assertThrows(CorruptionException.class, cats::compact);
            db.compact();
            db.dropColumnFamily(cats);
            assertFalse(Files.exists(ofCats));
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
        try (Db db = Db.open(store(), options())) {
            assertEquals(List.of(), db.damages());
        }
    }

    @Test
    void allTablesMayBeDamaged() throws Exception {
        make(Place.LAST_LEVEL);
        int kind = 0;
        for (Path table : tables(store())) {
            TableDamage.values()[kind++].to(table);
        }
        try (Db db = Db.open(store(), options())) {
            assertEquals(3, db.damages().size());
            for (int i = 0; i < KEYS; i++) {
                byte[] key = key(i);
                assertThrows(CorruptionException.class, () -> db.get(key));
            }
            try (DbIterator iterator = db.iterator()) {
                assertThrows(CorruptionException.class, iterator::seekToFirst);
                assertThrows(CorruptionException.class, iterator::seekToLast);
                iterator.seek("l".getBytes(UTF_8));
                assertFalse(iterator.isValid());
                iterator.seekForPrev("k".getBytes(UTF_8));
                assertFalse(iterator.isValid());
            }
            assertEquals(3, db.verify(VerifyListener.NONE).damages().size());
            db.deleteRange(new byte[0], "l".getBytes(UTF_8));
            assertEquals(0, countBoth(db));
            fill(db, 0, KEYS, 1);
            db.compact();
            assertEquals(KEYS, countBoth(db));
        }
        assertTrue(tables(store()).size() < 3);
    }

    /** A snapshot that may see what the table has keeps it from being dropped. */
    @Test
    void aSnapshotOfBeforeTheDeletionKeepsIt() throws Exception {
        Path table = make(Place.LAST_LEVEL);
        TableDamage.ROOT.to(table);
        try (Db db = Db.open(store(), options())) {
            try (Snapshot snapshot = db.snapshot()) {
                db.deleteRange(key(THIRD), key(2 * THIRD));
                assertNull(db.get(key(THIRD)));
                assertDamaged(table, () -> db.get(key(THIRD), snapshot));
                assertDamaged(table, () -> {
                    try (DbIterator iterator = db.iterator(snapshot)) {
                        iterator.seek(key(THIRD));
                    }
                });
                assertDamaged(table, db::compact);
                assertTrue(Files.exists(table));
            }
            db.compact();
            assertFalse(Files.exists(table));
            assertEquals(2 * THIRD, countBoth(db));
        }
    }

    /** What it deletes by ranges is in its range, and nothing older shows there. */
    @Test
    void whatItDeletedDoesNotComeBack() throws Exception {
        Path table;
        try (Db db = Db.open(store(), options())) {
            fill(db, 0, KEYS, 0);
            db.compact();
            db.put(key(THIRD), value(THIRD, 1));
            db.deleteRange(key(THIRD), key(2 * THIRD));
            db.flush();
            assertEquals(1, db.stats().levels().getFirst().tables());
            table = tables(store()).getLast();
        }
        TableDamage.MISSING.to(table);
        try (Db db = Db.open(store(), options())) {
            assertArrayEquals(key(THIRD), db.damages().getFirst().smallestKey());
            for (int i = 0; i < KEYS; i++) {
                byte[] key = key(i);
                if (isInMiddle(i)
                        || i == 2 * THIRD) { // there is no last key before the end of a range, so the end counts
                    assertThrows(CorruptionException.class, () -> db.get(key));
                    assertThrows(CorruptionException.class, () -> {
                        try (DbIterator iterator = db.iterator()) {
                            iterator.seek(key);
                        }
                    });
                } else {
                    assertArrayEquals(value(i, 0), db.get(key));
                }
            }
        }
    }

    /** What a file system cannot give back is damage, as what it gives back wrong is. */
    @Test
    void aFileThatTheFileSystemLostIsDamage() throws Exception {
        try (LoopDevice device = new LoopDevice(directory, 256 << 20, 256 << 20)) {
            Path store = device.path().resolve("db");
            try (Db db = Db.open(store, options())) {
                fill(db, 0, THIRD, 0);
                fill(db, THIRD, 2 * THIRD, 0);
                fill(db, 2 * THIRD, KEYS, 0);
            }
            Path table = tables(store).get(1);
            device.lose(table);
            assertThrows(IOException.class, () -> Files.size(table));
            try (Db db = Db.open(store, options())) {
                assertEquals(table, assertNotNullIn10Seconds().file());
                checkReads(db, table, 0);
                checkWalks(db, table, 0);
            }
        }
    }

    /** Of a key with more newer versions than are stepped over one by one. */
    @Test
    void newerVersionsOfItsKeysAreWalkedOver() throws Exception {
        Path table = make(Place.LAST_LEVEL);
        TableDamage.MISSING.to(table);
        try (Db db = Db.open(store(), options())) {
            for (int version = 1; version < 30; version++) {
                db.put(key(THIRD), value(THIRD, version));
                db.put(key(THIRD + 5), value(THIRD + 5, version));
            }
            try (DbIterator iterator = db.iterator()) {
                iterator.seek(key(THIRD - 1));
                iterator.next();
                stands(iterator, THIRD, 29);
                assertDamaged(table, iterator::next);
                iterator.seek(key(THIRD + 5));
                stands(iterator, THIRD + 5, 29);
                assertDamaged(table, iterator::prev);
                iterator.seekForPrev(key(THIRD));
                stands(iterator, THIRD, 29);
                iterator.prev();
                stands(iterator, THIRD - 1, 0);
            }
        }
    }

    @Test
    void bytesThatCannotBeReadAreDamageAndMissingRightsAreNot() {
        Path table = Path.of("/store/000001.table");
        CorruptionException lost = assertInstanceOf(
                CorruptionException.class, TableReader.failure(new ChainIoException("read", table, 4096, 5)));
        assertEquals(table, lost.file());
        assertEquals(4096, lost.offset());
        assertTrue(lost.found().contains("errno 5"), lost.found());
        StoreException refused = TableReader.failure(new ChainIoException("open", table, -1, 13));
        assertInstanceOf(StoreIoException.class, refused);
        assertTrue(String.valueOf(refused.getMessage()).contains(table.toString()), refused.toString());
    }

    @Test
    void aTableOfANewerBuildStillRefusesToOpen() throws Exception {
        Path table = make(Place.LAST_LEVEL);
        byte[] bytes = Files.readAllBytes(table);
        ByteBuffer footer =
                ByteBuffer.wrap(bytes, bytes.length - 128, 128).slice().order(ByteOrder.LITTLE_ENDIAN);
        footer.putInt(8, 1000);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(128).copyFrom(MemorySegment.ofBuffer(footer));
            footer.putLong(112, Xxh64.hash(copy, 0, 112, footer.getLong(0)));
        }
        Files.write(table, bytes);
        for (Executable open : List.<Executable>of(
                () -> Db.open(store(), options()).close(),
                () -> Db.openReadOnly(store(), options()).close())) {
            StoreFormatException newer = assertThrows(StoreFormatException.class, open);
            String message = String.valueOf(newer.getMessage());
            assertTrue(message.contains(table.toString()) && message.contains("version 1000"), message);
        }
    }

    @Test
    void damageElsewhereStillRefusesToOpen() throws Exception {
        make(Place.LAST_LEVEL);
        Path manifest = store().resolve("MANIFEST");
        byte[] whole = Files.readAllBytes(manifest);
        byte[] changed = whole.clone();
        changed[whole.length / 2] ^= 1;
        Files.write(manifest, changed);
        CorruptionException damaged = assertThrows(
                CorruptionException.class, () -> Db.open(store(), options()).close());
        assertEquals(manifest, damaged.file());
        Files.delete(manifest);
        assertThrows(
                CorruptionException.class, () -> Db.open(store(), options()).close());
        Files.write(manifest, whole);
        Db.open(store(), options()).close();
    }
}
