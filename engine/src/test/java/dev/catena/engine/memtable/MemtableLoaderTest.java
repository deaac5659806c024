package dev.catena.engine.memtable;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.KeyComparator;
import dev.catena.engine.KeyComparators;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MemoryAccount;
import dev.catena.engine.entry.Model;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** What is loaded is as if it had been put: of keys of many kinds, in all orders, and also for what is put then. */
class MemtableLoaderTest {
    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);

    private record Entry(int kind, byte[] key, byte[] value) {}

    private static byte[] long16(long head, long tail) {
        return ByteBuffer.allocate(16).putLong(head).putLong(tail).array();
    }

    /** Keys all over, alike up to late bytes, of a few kinds that differ late, the beginnings of one another, and very few. */
    private List<Supplier<byte[]>> keys() {
        byte[] alike = new byte[700];
        return List.of(
                () -> Model.randomKey(random),
                () -> long16(random.nextInt(5000), 0x3030303030303030L),
                () -> long16(7, random.nextInt(5000)),
                () -> (random.nextBoolean() ? "customer/" : "order/number/")
                        .concat("" + random.nextInt(5000))
                        .getBytes(StandardCharsets.US_ASCII),
                () -> new byte[random.nextInt(40)],
                () -> new byte[] {(byte) random.nextInt(3)},
                () -> ByteBuffer.wrap(alike.clone())
                        .putInt(random.nextInt(650, 696), random.nextInt())
                        .array());
    }

    private Memtable memtable(KeyOrder order) {
        return new Memtable(1 << 20, new MemoryAccount(false), order, Path.of("store"), "a memtable");
    }

    private static int put(Memtable memtable, long sequence, Entry entry) {
        MemorySegment key = MemorySegment.ofArray(entry.key);
        MemorySegment value = MemorySegment.ofArray(entry.value);
        return memtable.put(sequence, entry.kind, key, 0, entry.key.length, value, 0, entry.value.length);
    }

    private static void load(MemtableLoader loader, long sequence, Entry entry, boolean checked) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment both = arena.allocate(entry.key.length + entry.value.length + 1);
            MemorySegment.copy(entry.key, 0, both, ValueLayout.JAVA_BYTE, 1, entry.key.length);
            MemorySegment.copy(entry.value, 0, both, ValueLayout.JAVA_BYTE, 1 + entry.key.length, entry.value.length);
            long key = both.address() + 1;
            int checksum = EntryChecksum.ofEntry(
                    Keys.trailer(sequence, entry.kind),
                    key,
                    entry.key.length,
                    key + entry.key.length,
                    entry.value.length);
            loader.add(
                    sequence,
                    entry.kind,
                    both,
                    1,
                    entry.key.length,
                    entry.value.length,
                    checked,
                    checked ? checksum : 0);
        }
    }

    private static void assertSame(Memtable expected, Memtable found) {
        assertEquals(expected.entries(), found.entries());
        assertEquals(expected.rangeDeletionCount(), found.rangeDeletionCount());
        try (InternalIterator one = expected.flushIterator();
                InternalIterator other = found.flushIterator()) {
            one.seekToFirst();
            other.seekToFirst();
            for (; one.isValid(); one.next(), other.next()) {
                assertTrue(other.isValid());
                assertArrayEquals(key(one), key(other));
                assertEquals(one.trailer(), other.trailer());
                assertArrayEquals(
                        Memory.toArray(one.valueAddress(), one.valueLength()),
                        Memory.toArray(other.valueAddress(), other.valueLength()));
                assertEquals(one.checksum(), other.checksum());
                other.check();
            }
            assertFalse(other.isValid());
        }
        try (InternalIterator one = expected.iterator();
                InternalIterator other = found.iterator()) {
            other.seekToLast();
            for (one.seekToLast(); one.isValid(); one.prev(), other.prev()) {
                assertArrayEquals(key(one), key(other));
            }
            assertFalse(other.isValid());
        }
    }

    private static byte[] key(InternalIterator iterator) {
        return Memory.toArray(iterator.keyAddress(), iterator.keyLength());
    }

    private Entry entry(Supplier<byte[]> keys) {
        int kind = random.nextInt(10);
        byte[] value = kind == Keys.DELETE ? new byte[0] : Model.randomValue(random, 50);
        return new Entry(kind == Keys.DELETE || kind == Keys.MERGE ? kind : Keys.PUT, keys.get(), value);
    }

    private void loadsAsPut(KeyOrder order, Supplier<byte[]> keys, int count) {
        long allocated = NativeMemory.allocatedBytes();
        Memtable expected = memtable(order);
        Memtable found = memtable(order);
        List<Entry> entries = new ArrayList<>();
        try (MemtableLoader loader = new MemtableLoader(found)) {
            for (int i = 1; i <= count; i++) {
                Entry entry = random.nextInt(100) == 0
                        ? new Entry(Keys.DELETE_RANGE, new byte[] {1}, new byte[] {2, (byte) i})
                        : entry(keys);
                put(expected, i, entry);
                load(loader, i, entry, random.nextBoolean());
                entries.add(entry);
            }
            loader.finish();
        }
        assertEquals(expected.memoryBytes(), found.memoryBytes());
        assertSame(expected, found);
        try (Arena arena = Arena.ofConfined()) {
            for (Entry entry : entries) {
                MemorySegment key = arena.allocate(entry.key.length + 1);
                key.copyFrom(MemorySegment.ofArray(entry.key));
                if (entry.kind != Keys.DELETE_RANGE) {
                    Lookup lookup = found.find(key, 0, entry.key.length, Keys.MAX_SEQUENCE, 0, (_, _, _) -> {});
                    assertTrue(lookup != Lookup.ABSENT);
                }
            }
        }
        for (int i = count + 1; i <= count + 500; i++) {
            Entry entry = entry(keys);
            assertEquals(put(expected, i, entry), put(found, i, entry), "operands");
        }
        assertSame(expected, found);
        expected.release();
        found.release();
        assertEquals(allocated, NativeMemory.allocatedBytes());
    }

    @Test
    void inTheOrderOfBytes() {
        System.out.println("seed " + seed);
        for (Supplier<byte[]> keys : keys()) {
            for (int count : new int[] {0, 1, 2, 17, 100, 6000}) {
                loadsAsPut(KeyOrder.BYTES, keys, count);
            }
        }
    }

    @Test
    void inOtherOrders() {
        System.out.println("seed " + seed);
        KeyComparator backward = new KeyComparator() {
            @Override
            public String name() {
                return "backward";
            }

            @Override
            public int compare(MemorySegment a, MemorySegment b) {
                return KeyComparators.unsignedBytes().compare(b, a);
            }
        };
        for (Supplier<byte[]> keys : keys()) {
            loadsAsPut(KeyOrder.of(KeyComparators.reverseUnsignedBytes()), keys, 3000);
            loadsAsPut(KeyOrder.of(backward), keys, 1000);
        }
    }
}
