package dev.catena.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Memory;
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
import java.util.HexFormat;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Bits that flip in memory between the caller's hand and the table's checksummed block are told and not written. */
@Timeout(120)
class KeyChecksumTest {
    private static final Options OPTIONS =
            Options.defaults().withMergeOperator(MergeOperators.append(new byte[] {(byte) 44}));

    @TempDir
    Path root;

    private Path directory() {
        return root.resolve("store");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private long tables() throws IOException {
        try (Stream<Path> files = Files.list(directory())) {
            return files.filter(file -> file.toString().endsWith(".table")).count();
        }
    }

    private static void flip(long address, int bit) {
        Memory.putByte(address, (byte) (Memory.getByte(address) ^ 1 << bit));
    }

    /** The address of an entry's key in the memtable. */
    private static long find(ColumnFamily of, String key) {
        byte[] wanted = bytes(key);
        try (InternalIterator iterator = of.family.memtable().iterator()) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                if (Arrays.equals(wanted, Memory.toArray(iterator.keyAddress(), iterator.keyLength()))) {
                    return iterator.keyAddress();
                }
            }
        }
        throw new AssertionError("no key " + key);
    }

    private static void fill(Db db, ColumnFamily cats) {
        for (int i = 0; i < 50; i++) {
            db.put(bytes("key" + i), bytes("value " + i), Durability.SYNCED);
            cats.put(bytes("key" + i), bytes("cat " + i));
        }
        db.put(bytes("key7"), bytes("newer")); // hides what is flipped in a test
        db.put(bytes("counter"), bytes("1"));
        db.merge(bytes("counter"), bytes("2"));
        db.merge(bytes("counter"), bytes("3"));
        db.deleteRange(bytes("key20"), bytes("key21"), Durability.SYNCED);
    }

    private static void check(Db db) {
        ColumnFamily cats = db.columnFamily("cats");
        assertArrayEquals(bytes("value 8"), db.get(bytes("key8")));
        assertArrayEquals(bytes("newer"), db.get(bytes("key7")));
        assertArrayEquals(bytes("1,2,3"), db.get(bytes("counter")));
        assertNull(db.get(bytes("key20")));
        assertArrayEquals(bytes("cat 8"), cats == null ? null : cats.get(bytes("key8")));
    }

    /** Whether an exception or one of its causes is a corruption that says this. */
    private static void assertTold(Throwable thrown, String... words) {
        Throwable told = thrown;
        while (!(told instanceof CorruptionException) && told.getCause() != null) {
            told = told.getCause();
        }
        String message = assertInstanceOf(CorruptionException.class, told, thrown.toString())
                .getMessage();
        for (String word : words) {
            assertTrue(message.contains(word), message);
        }
    }

    /** Has a flush find what was flipped at some distance from the key's beginning, and looks whether a reopened store is whole. */
    private void flushTells(String key, LongConsumer flip, String... words) throws IOException {
        try (Db db = Db.open(directory(), OPTIONS)) {
            fill(db, db.createColumnFamily("cats", OPTIONS));
            flip.accept(find(db, key));
            assertTold(assertThrows(StoreException.class, db::flush), words);
            assertEquals(0, tables());
            assertThrows(StoreReadOnlyException.class, () -> db.put(bytes("k"), bytes("v")));
        }
        try (Db db = Db.open(directory(), OPTIONS)) {
            check(db);
            db.flush();
            check(db);
        }
    }

    private static String hex(String key) {
        return HexFormat.of().formatHex(bytes(key));
    }

    @Test
    void flippedValueIsToldByFlushAndGet() throws IOException {
        try (Db db = Db.open(directory(), OPTIONS)) {
            ColumnFamily cats = db.createColumnFamily("cats", OPTIONS);
            cats.put(bytes("key8"), bytes("cat"));
            flip(find(cats, "key8") + 5, 3);
            assertTold(
                    assertThrows(CorruptionException.class, () -> cats.get(bytes("key8"))),
                    hex("key8"),
                    "memtable of column family 'cats'");
            assertTold(assertThrows(CorruptionException.class, () -> cats.multiGet(List.of(bytes("key8")))));
        }
        Db.destroy(directory());
        flushTells("key8", key -> flip(key + 6, 0), hex("key8"), "column family 'default'");
    }

    @Test
    void flippedKeyIsTold() throws IOException {
        flushTells("key8", key -> flip(key + 3, 6));
    }

    @Test
    void keyFlippedIntoItsNeighbourIsTold() throws IOException {
        flushTells("key48", key -> flip(key + 4, 0)); // key49, of which it is taken for an older version and left out
    }

    @Test
    void flippedValueThatIsHiddenIsTold() throws IOException {
        flushTells("key7", key -> {
            byte[] older = bytes("value 7");
            for (long at = key; ; at -= 8) { // memory is given out in order
                if (Memory.getByte(at - 8 + 4) == older[0]
                        && Arrays.equals(older, Memory.toArray(at - 8 + 4, older.length))) {
                    flip(at - 8 + 4, 1);
                    return;
                }
            }
        });
    }

    @Test
    void flippedKindSequenceLengthsAndChecksumAreTold() throws IOException {
        int[] bytes = {-20, -18, -14, -12, -10, -8, -5, -4, -1}; // from the key
        for (int at : bytes) {
            flushTells("key8", key -> flip(key + at, 1));
            Db.destroy(directory());
        }
    }

    @Test
    void flippedOperandIsTold() throws IOException {
        flushTells("counter", key -> flip(key + 7, 2), hex("counter"));
    }

    @Test
    void flippedRangeIsTold() throws IOException {
        try (Db db = Db.open(directory(), OPTIONS)) {
            fill(db, db.createColumnFamily("cats", OPTIONS));
            db.family.memtable().rangeDeletions(1).getFirst().end()[4] ^= 4; // key25
            assertTold(assertThrows(StoreException.class, db::flush));
        }
        try (Db db = Db.open(directory(), OPTIONS)) {
            check(db);
        }
    }

    @Test
    void lostEntryIsTold() throws IOException {
        flushTells(
                "key8",
                key -> {
                    long node = key - 28;
                    long next = Memory.getLong(node - 16);
                    Memory.putLong(node - 16, Memory.getLong(next - 16)); // skips the one after it
                },
                "entries");
    }

    @Test
    void flippedBatchIsRefusedAndTheStoreGoesOn() {
        try (Db db = Db.open(directory(), OPTIONS)) {
            ColumnFamily cats = db.createColumnFamily("cats", OPTIONS);
            for (Durability durability : Durability.values()) {
                byte[] big = new byte[durability == Durability.SYNCED ? 3 << 20 : 10]; // not in one piece in the ring
                for (int at : new int[] {20, 40}) {
                    Batch batch = new Batch()
                            .put(bytes("some key"), bytes("a value"))
                            .put(cats, MemorySegment.ofArray(bytes("another")), MemorySegment.ofArray(big));
                    MemorySegment encoded = batch.encoded();
                    encoded.set(ValueLayout.JAVA_BYTE, at, (byte) (encoded.get(ValueLayout.JAVA_BYTE, at) ^ 16));
                    assertTold(
                            assertThrows(CorruptionException.class, () -> db.write(batch, durability)),
                            "batch",
                            at == 20 ? "family number 0" : "family number 1");
                }
                assertNull(db.get(bytes("some key")));
            }
            db.write(new Batch().put(bytes("some key"), bytes("v")), Durability.SYNCED);
            db.flush();
            assertArrayEquals(bytes("v"), db.get(bytes("some key")));
        }
    }

    /** A record whose operation changed before the record's own hash was made. */
    @Test
    void flippedLogRecordIsToldWhenItIsReplayed() throws IOException {
        try (Db db = Db.open(directory(), OPTIONS)) {
            db.put(bytes("some key"), bytes("a value"), Durability.SYNCED);
        }
        Path log;
        try (Stream<Path> files = Files.list(directory())) {
            log = files.filter(file -> file.toString().endsWith(".log"))
                    .findFirst()
                    .orElseThrow();
        }
        byte[] file = Files.readAllBytes(log);
        ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int record = 48;
        int payload = in.getInt(record + 8);
        int number = in.getInt(record + 12);
        int bytes = (payload + 7) & -8;
        file[record + 32 + payload - 1] ^= 1; // of the value
        in.putLong(
                record,
                Xxh64.hash(MemorySegment.ofArray(file), record + 8, 24 + bytes, number * 0x9E3779B97F4A7C15L + record));
        Files.write(log, file);
        assertTold(
                assertThrows(CorruptionException.class, () -> Db.open(directory(), OPTIONS)),
                hex("some key"),
                "log " + number);
        assertTold(assertThrows(CorruptionException.class, () -> Db.openReadOnly(directory(), OPTIONS)));
        try (Db db = Db.open(directory(), OPTIONS.withKeyChecksums(false))) {
            assertArrayEquals(bytes("a valud"), db.get(bytes("some key")));
            assertFalse(db.verify(VerifyListener.NONE).damages().isEmpty());
        }
    }

    @Test
    void bigAndWrappedRecordsHaveThem() {
        try (Arena arena = Arena.ofConfined();
                Db db = Db.open(directory(), OPTIONS)) {
            MemorySegment key = arena.allocate(8, 8);
            for (int i = 0; i < 60; i++) { // the ring has 8 MiB
                key.set(ValueLayout.JAVA_LONG, 0, i);
                MemorySegment value = i % 2 == 0 ? arena.allocate(700_001) : MemorySegment.ofArray(new byte[700_001]);
                value.fill((byte) i);
                db.put(key, value, i % 3 == 0 ? Durability.UNLOGGED : Durability.BUFFERED);
            }
            db.put(new byte[0], new byte[5 << 20], Durability.SYNCED);
            db.flush();
            key.set(ValueLayout.JAVA_LONG, 0, 59);
            assertEquals(700_001, db.get(key, arena.allocate(1)));
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
    }

    @Test
    void withoutThemNothingIsCompared() {
        Options without = OPTIONS.withKeyChecksums(false);
        try (Db db = Db.open(directory(), without)) {
            fill(db, db.createColumnFamily("cats", OPTIONS));
            check(db);
            flip(find(db, "key8") + 10, 0);
            assertArrayEquals(bytes("value 9"), db.get(bytes("key8")));
            db.flush();
            assertArrayEquals(bytes("value 9"), db.get(bytes("key8")));
            db.put(bytes("key8"), bytes("value 8"));
        }
        for (Options options : List.of(OPTIONS, without, OPTIONS)) {
            try (Db db = Db.open(directory(), options)) { // logs with and without
                check(db);
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
                db.put(bytes("more" + options.keyChecksums()), bytes("v"), Durability.SYNCED);
            }
        }
        assertTrue(Options.stored(directory()).keyChecksums());
    }
}
