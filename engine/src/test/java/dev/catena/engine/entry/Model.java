package dev.catena.engine.entry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** Entries as a sorted map on the heap: what memtables, tables and merges of them are compared with. */
public final class Model {
    /** Orders as {@link Keys} says, by other means. */
    public static final Comparator<Version> ORDER = Comparator.comparing(Version::key, Arrays::compareUnsigned)
            .thenComparing(Version::trailer, (a, b) -> Long.compareUnsigned(b, a));

    /** One version of one key. */
    public record Version(byte[] key, long trailer) {}

    /** A value found, a deletion (no value), or nothing known. */
    public record Found(Lookup lookup, byte @Nullable [] value) {}

    public final TreeMap<Version, byte[]> entries = new TreeMap<>(ORDER);

    public void put(byte[] key, long sequence, int kind, byte[] value) {
        entries.put(new Version(key, Keys.trailer(sequence, kind)), value);
    }

    public Found find(byte[] key, long snapshot) {
        Map.Entry<Version, byte[]> entry = entries.ceilingEntry(new Version(key, Keys.seekTrailer(snapshot)));
        if (entry == null || !Arrays.equals(entry.getKey().key, key)) {
            return new Found(Lookup.ABSENT, null);
        }
        return Keys.kind(entry.getKey().trailer) == Keys.PUT
                ? new Found(Lookup.FOUND, entry.getValue())
                : new Found(Lookup.DELETED, null);
    }

    public List<byte[]> keys() {
        List<byte[]> keys = new ArrayList<>();
        byte[] last = null;
        for (Version version : entries.keySet()) {
            if (last == null || !Arrays.equals(last, version.key)) {
                keys.add(version.key);
            }
            last = version.key;
        }
        return keys;
    }

    /** Fills the model with versions of random keys: sequences from 1, a few keys again and again, a tenth deletions. */
    public static Model random(RandomGenerator random, int count, int valueMax) {
        Model model = new Model();
        List<byte[]> old = new ArrayList<>();
        for (int sequence = 1; sequence <= count; sequence++) {
            byte[] key =
                    !old.isEmpty() && random.nextInt(5) == 0 ? old.get(random.nextInt(old.size())) : randomKey(random);
            old.add(key);
            int kind = random.nextInt(10) == 0 ? Keys.DELETE : Keys.PUT;
            model.put(key, sequence, kind, kind == Keys.DELETE ? new byte[0] : randomValue(random, valueMax));
        }
        return model;
    }

    /** Keys that share beginnings, are beginnings of each other, hold zeros and 0xff, are empty, are long. */
    public static byte[] randomKey(RandomGenerator random) {
        switch (random.nextInt(8)) {
            case 0 -> {
                byte[] key = new byte[random.nextInt(20)];
                random.nextBytes(key);
                return key;
            }
            case 1 -> {
                byte[] key = new byte[random.nextInt(12)];
                for (int i = 0; i < key.length; i++) {
                    key[i] = (byte) (random.nextBoolean() ? 0 : 0xff);
                }
                return key;
            }
            case 2 -> {
                byte[] key = new byte[50 + random.nextInt(random.nextInt(20) == 0 ? 3000 : 100)];
                Arrays.fill(key, (byte) 'x');
                key[key.length - 1 - random.nextInt(3)] = (byte) random.nextInt(256);
                return key;
            }
            case 3 -> {
                return ("k" + random.nextInt(1000)).getBytes(StandardCharsets.US_ASCII);
            }
            default -> {
                return String.format("user%012d", random.nextInt(1_000_000)).getBytes(StandardCharsets.US_ASCII);
            }
        }
    }

    /** Values from empty on, half of them compressible. */
    public static byte[] randomValue(RandomGenerator random, int max) {
        byte[] value = new byte[random.nextInt(max + 1)];
        if (random.nextBoolean()) {
            random.nextBytes(value);
        } else {
            Arrays.fill(value, (byte) random.nextInt());
        }
        return value;
    }

    /** A copy off the heap, freed with the arena. */
    public static MemorySegment offHeap(Arena arena, byte[] bytes) {
        MemorySegment segment = arena.allocate(Math.max(1, bytes.length));
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return segment;
    }

    public static void seek(InternalIterator iterator, byte[] key, long trailer) {
        try (Arena arena = Arena.ofConfined()) {
            iterator.seek(offHeap(arena, key), 0, key.length, trailer);
        }
    }

    /** Walks the whole iterator and compares. */
    public void assertSame(InternalIterator iterator) {
        iterator.seekToFirst();
        assertRest(iterator, entries);
    }

    /** Seeks to so many places and walks on a little from each. */
    public void assertSeeks(InternalIterator iterator, RandomGenerator random, int seeks) {
        List<Version> versions = new ArrayList<>(entries.keySet());
        for (int i = 0; i < seeks; i++) {
            byte[] key = random.nextBoolean() ? versions.get(random.nextInt(versions.size())).key : randomKey(random);
            long trailer = Keys.seekTrailer(random.nextInt(versions.size() + 2));
            seek(iterator, key, trailer);
            int steps = random.nextInt(60);
            for (Map.Entry<Version, byte[]> entry :
                    entries.tailMap(new Version(key, trailer)).entrySet()) {
                assertEntry(iterator, entry.getKey(), entry.getValue());
                iterator.next();
                if (steps-- == 0) {
                    break;
                }
            }
            if (steps >= 0) {
                assertFalse(iterator.isValid(), "more entries than expected");
            }
        }
    }

    /** Walks the whole iterator from its end and compares. */
    public void assertSameBackward(InternalIterator iterator) {
        iterator.seekToLast();
        entries.descendingMap().forEach((version, value) -> {
            assertEntry(iterator, version, value);
            iterator.prev();
        });
        assertFalse(iterator.isValid(), "more entries than expected");
    }

    /** Walks up and down, turning at random, with seeks in between, and compares at each step. */
    public void assertWalks(InternalIterator iterator, RandomGenerator random, int steps) {
        List<Map.Entry<Version, byte[]>> all = new ArrayList<>(entries.entrySet());
        List<Version> versions = new ArrayList<>(entries.keySet());
        int at = -1; // nowhere
        int run = 1; // steps between turns, about
        boolean up = true;
        for (int i = 0; i < steps; i++) {
            if (at < 0 || random.nextInt(100) == 0) {
                run = 1 + random.nextInt(random.nextBoolean() ? 5 : 300);
                int choice = random.nextInt(6);
                if (choice == 0) {
                    iterator.seekToFirst();
                    at = 0;
                } else if (choice == 1) {
                    iterator.seekToLast();
                    at = all.size() - 1;
                } else {
                    Version version = versions.get(random.nextInt(versions.size()));
                    byte[] key = random.nextBoolean() ? version.key : randomKey(random);
                    long[] trailers = {0, -1, version.trailer, Keys.seekTrailer(random.nextInt(versions.size() + 2))};
                    long trailer = trailers[random.nextInt(4)];
                    int found = Collections.binarySearch(versions, new Version(key, trailer), ORDER);
                    int index = found < 0 ? -found - 1 : found;
                    try (Arena arena = Arena.ofConfined()) {
                        MemorySegment memory = offHeap(arena, key);
                        if (choice < 4) {
                            iterator.seek(memory.address(), key.length, trailer);
                            at = index == all.size() ? -1 : index;
                        } else {
                            iterator.seekBefore(memory.address(), key.length, trailer);
                            at = index - 1;
                        }
                    }
                }
            } else {
                up ^= random.nextInt(run) == 0;
                if (up) {
                    iterator.next();
                    at = at + 1 == all.size() ? -1 : at + 1;
                } else {
                    iterator.prev();
                    at--;
                }
            }
            if (at < 0) {
                assertFalse(iterator.isValid(), "more entries than expected");
            } else {
                assertEntry(iterator, versions.get(at), all.get(at).getValue());
            }
        }
    }

    private static void assertRest(InternalIterator iterator, Map<Version, byte[]> expected) {
        expected.forEach((version, value) -> {
            assertEntry(iterator, version, value);
            iterator.next();
        });
        assertFalse(iterator.isValid(), "more entries than expected");
    }

    private static void assertEntry(InternalIterator iterator, Version version, byte[] value) {
        assertTrue(iterator.isValid(), "fewer entries than expected");
        assertArrayEquals(version.key, Memory.toArray(iterator.keyAddress(), iterator.keyLength()));
        assertEquals(version.trailer, iterator.trailer());
        assertArrayEquals(value, value(iterator));
    }

    public static byte[] value(InternalIterator iterator) {
        return iterator.valueLength() == 0
                ? new byte[0]
                : Memory.toArray(iterator.valueAddress(), iterator.valueLength());
    }

    /** A sink that remembers. */
    public static final class Catch implements ValueSink {
        private byte @Nullable [] value;

        @Override
        public void accept(MemorySegment segment, long offset, int length) {
            value = segment.asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
        }

        public byte @Nullable [] take() {
            byte[] taken = value;
            value = null;
            return taken;
        }
    }

    /** Looks up keys of the model and others at random snapshots and compares. */
    public void assertLookups(Source source, RandomGenerator random, int lookups) {
        List<byte[]> keys = keys();
        Catch sink = new Catch();
        for (int i = 0; i < lookups; i++) {
            byte[] key = random.nextInt(3) > 0 ? keys.get(random.nextInt(keys.size())) : randomKey(random);
            long snapshot = random.nextBoolean() ? Keys.MAX_SEQUENCE : random.nextInt(entries.size() + 2);
            try (Arena arena = Arena.ofConfined()) {
                Found expected = find(key, snapshot);
                assertEquals(expected.lookup, source.find(offHeap(arena, key), 0, key.length, snapshot, 0, sink));
                assertArrayEquals(expected.value, sink.take());
            }
        }
    }

    /** What has lookups. */
    @FunctionalInterface
    public interface Source {
        Lookup find(MemorySegment key, long offset, int length, long snapshot, long floor, ValueSink sink);
    }
}
