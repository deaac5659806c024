package dev.catena.engine.memtable;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.Model;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class MemtableTest {
    @Test
    void holdsWhatAMapHolds() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        long allocated = NativeMemory.allocatedBytes();
        Model model = Model.random(random, 5000, 200);
        Memtable memtable = new Memtable(64 << 10);
        fill(memtable, model);
        assertEquals(model.entries.size(), memtable.entries());
        try (InternalIterator iterator = memtable.iterator()) {
            model.assertSame(iterator);
            model.assertSeeks(iterator, random, 500);
            model.assertSameBackward(iterator);
            model.assertWalks(iterator, random, 20_000);
        }
        model.assertLookups(memtable::find, random, 5000);
        long used = memtable.memoryBytes();
        long held = NativeMemory.allocatedBytes() - allocated;
        assertTrue(used <= held && held < used + used / 2 + (64 << 10), used + " used of " + held);
        memtable.release();
        assertEquals(allocated, NativeMemory.allocatedBytes());
    }

    @Test
    void ascendingKeysAndBigValues() {
        Random random = new Random(1);
        Model model = new Model();
        for (int i = 0; i < 1000; i++) {
            byte[] key = {(byte) (i >>> 8), (byte) i};
            model.put(key, i + 1, Keys.PUT, Model.randomValue(random, i % 100 == 0 ? 1 << 20 : 10));
        }
        Memtable memtable = new Memtable(1 << 20);
        fill(memtable, model);
        try (InternalIterator iterator = memtable.iterator()) {
            model.assertSame(iterator);
            model.assertSeeks(iterator, random, 200);
        }
        memtable.release();
    }

    @Test
    void iteratorKeepsItAlive() {
        long allocated = NativeMemory.allocatedBytes();
        Memtable memtable = new Memtable(1 << 20);
        InternalIterator iterator = memtable.iterator();
        memtable.release();
        assertTrue(NativeMemory.allocatedBytes() > allocated);
        iterator.seekToFirst();
        iterator.close();
        iterator.close();
        assertEquals(allocated, NativeMemory.allocatedBytes());
        assertThrows(AssertionError.class, memtable::retain);
    }

    /** One thread writes, others look up and walk: what was published before a reader began is there, all of it, in order. */
    @Test
    void readersNeverWaitNorMiss() throws Exception {
        int count = 60_000;
        Memtable memtable = new Memtable(8 << 20);
        AtomicLong published = new AtomicLong();
        try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
            List<Future<?>> readers = new ArrayList<>();
            for (int reader = 0; reader < 2; reader++) {
                int number = reader;
                readers.add(threads.submit(() -> read(memtable, published, count, number)));
            }
            Future<?> writer = threads.submit(() -> {
                for (long sequence = 1; sequence <= count; sequence++) {
                    byte[] key = key(sequence);
                    memtable.put(
                            sequence,
                            Keys.PUT,
                            MemorySegment.ofArray(key),
                            0,
                            key.length,
                            MemorySegment.ofArray(key),
                            0,
                            key.length);
                    published.setRelease(sequence);
                }
            });
            writer.get();
            for (Future<?> reader : readers) {
                reader.get();
            }
        }
        memtable.release();
    }

    private static void read(Memtable memtable, AtomicLong published, int count, int number) {
        Random random = new Random(number);
        Model.Catch sink = new Model.Catch();
        long visible;
        do {
            visible = published.getAcquire();
            for (int i = 0; visible > 0 && i < 200; i++) {
                byte[] key = key(1 + random.nextLong(visible));
                try (Arena arena = Arena.ofConfined()) {
                    Lookup found = memtable.find(Model.offHeap(arena, key), 0, key.length, visible, 0, sink);
                    assertEquals(Lookup.FOUND, found);
                    assertEquals(java.util.HexFormat.of().formatHex(key), hex(sink));
                }
            }
            long seen = 0;
            try (InternalIterator iterator = memtable.iterator()) {
                long previous = -1;
                for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                    long key = Memory.getLongBigEndian(iterator.keyAddress());
                    assertEquals(key, Memory.getLongBigEndian(iterator.valueAddress()));
                    assertTrue(previous == -1 || Long.compareUnsigned(previous, key) < 0);
                    previous = key;
                    if (Keys.sequence(iterator.trailer()) <= visible) {
                        seen++;
                    }
                }
            }
            assertEquals(visible, seen);
        } while (visible < count);
    }

    private static String hex(Model.Catch sink) {
        byte[] value = sink.take();
        return value == null ? "none" : java.util.HexFormat.of().formatHex(value);
    }

    /** Eight bytes, all different, in no order. */
    private static byte[] key(long sequence) {
        byte[] key = new byte[8];
        MemorySegment.ofArray(key).set(ValueLayout.JAVA_LONG_UNALIGNED, 0, sequence * 0x9e3779b97f4a7c15L);
        return key;
    }

    /** In the order of their sequence numbers, as writes come. */
    private static void fill(Memtable memtable, Model model) {
        model.entries.entrySet().stream()
                .sorted(Comparator.comparing(
                        (Map.Entry<Model.Version, byte[]> e) -> e.getKey().trailer()))
                .forEach(entry -> {
                    byte[] key = entry.getKey().key();
                    byte[] value = entry.getValue();
                    memtable.put(
                            Keys.sequence(entry.getKey().trailer()),
                            Keys.kind(entry.getKey().trailer()),
                            MemorySegment.ofArray(key),
                            0,
                            key.length,
                            MemorySegment.ofArray(value),
                            0,
                            value.length);
                });
    }
}
