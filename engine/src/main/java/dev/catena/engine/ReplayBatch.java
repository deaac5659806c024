package dev.catena.engine;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.log.Operations;
import dev.catena.engine.memtable.Memtable;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;

/**
 * Copies of some operations of one family out of a log, which are inserted into a memtable in the order of their keys: neighbours
 * then find in the processor's cache most of what they look at. Versions of one key stay in the order they were written in.
 *
 * <p>Sorted are numbers: the key's first bits after what all keys of the batch begin with, and below them the operation's place. Where
 * those bits are the same, and only there, keys are compared. Not thread safe.
 */
final class ReplayBatch implements AutoCloseable {
    private static final int PLACE_BITS = 17;
    private static final long PLACE = (1L << PLACE_BITS) - 1;

    /** Operations at most. */
    private static final int OPERATIONS_MAX = 1 << PLACE_BITS;

    /** So many with the same bits are sorted by insertion. */
    private static final int FEW = 16;

    private final Family family;
    private final Buffer bytes = new Buffer(64 << 10, "recovery");
    private long used;
    private int count;

    /** No operation is from a lower log. */
    private long firstLog = Long.MAX_VALUE;

    private long[] sequences = new long[1024];
    private long[] keys = new long[1024];
    private int[] keyLengths = new int[1024];
    private int[] valueLengths = new int[1024];
    private byte[] kinds = new byte[1024];

    /** Of the entries, where {@link #checked} says so. */
    private int[] checksums = new int[1024];

    private boolean[] checked = new boolean[1024];
    private long[] sorted = new long[1024];

    ReplayBatch(Family family) {
        this.family = family;
    }

    /** Whose operations they are. */
    Family family() {
        return family;
    }

    /** Bytes of keys and values. */
    long bytes() {
        return used;
    }

    boolean isEmpty() {
        return count == 0;
    }

    boolean isFull() {
        return count == OPERATIONS_MAX;
    }

    long firstLog() {
        return firstLog;
    }

    /** Adds the operation that a cursor over a log's bytes stands on. Sequence numbers ascend. */
    void add(long sequence, Operations operation, MemorySegment from, long log) {
        int keyLength = operation.keyLength();
        int valueLength = operation.valueLength();
        if (count == keys.length) {
            int more = 2 * count;
            sequences = Arrays.copyOf(sequences, more);
            keys = Arrays.copyOf(keys, more);
            keyLengths = Arrays.copyOf(keyLengths, more);
            valueLengths = Arrays.copyOf(valueLengths, more);
            kinds = Arrays.copyOf(kinds, more);
            checksums = Arrays.copyOf(checksums, more);
            checked = Arrays.copyOf(checked, more);
            sorted = new long[more];
        }
        bytes.ensure(used + keyLength + valueLength, used);
        MemorySegment.copy(from, operation.keyOffset(), bytes.segment(), used, keyLength);
        MemorySegment.copy(from, operation.valueOffset(), bytes.segment(), used + keyLength, valueLength);
        sequences[count] = sequence;
        keys[count] = used;
        keyLengths[count] = keyLength;
        valueLengths[count] = valueLength;
        kinds[count] = (byte) operation.kind();
        checked[count] = operation.isChecked();
        if (operation.isChecked()) {
            int kind = operation.kind();
            long trailer = Keys.trailer(sequence, kind);
            checksums[count] = EntryChecksum.toEntry(operation.checksum(), kind, operation.family(), trailer);
        }
        count++;
        used += keyLength + valueLength;
        firstLog = Math.min(firstLog, log);
    }

    /** How many operations there are. */
    int count() {
        return count;
    }

    /** The key of an operation, by its place in order, when they were sorted. */
    byte[] sortedKey(int i) {
        int place = (int) (sorted[i] & PLACE);
        return keyLengths[place] == 0 ? new byte[0] : Memory.toArray(key(place), keyLengths[place]);
    }

    /** The first place in order whose key is not before one, when they were sorted; -1 when they are in another order than that of bytes. */
    int firstNotBefore(byte[] key) {
        if (family.order != KeyOrder.BYTES) {
            return -1;
        }
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            int place = (int) (sorted[middle] & PLACE);
            if (Keys.compare(key, key(place), keyLengths[place]) > 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** Inserts a part, when they were sorted. */
    void insertInto(Memtable memtable, int first, int end) {
        for (int i = first; i < end; i++) {
            int place = (int) (sorted[i] & PLACE);
            long key = keys[place];
            long value = key + keyLengths[place];
            MemorySegment from = bytes.segment();
            if (checked[place]) {
                memtable.put(
                        sequences[place],
                        kinds[place],
                        from,
                        key,
                        keyLengths[place],
                        from,
                        value,
                        valueLengths[place],
                        checksums[place]);
            } else {
                memtable.put(
                        sequences[place], kinds[place], from, key, keyLengths[place], from, value, valueLengths[place]);
            }
        }
    }

    /** Is empty again. */
    void clear() {
        count = 0;
        used = 0;
        firstLog = Long.MAX_VALUE;
    }

    /** Puts the places in order into {@link #sorted}. In an order other than that of bytes, they stay as they are. */
    void sort() {
        boolean byBytes = family.order == KeyOrder.BYTES;
        int common = byBytes ? commonPrefix() : 0;
        for (int place = 0; place < count; place++) {
            long bits = byBytes ? Keys.prefix(key(place) + common, keyLengths[place] - common) ^ Long.MIN_VALUE : 0;
            sorted[place] = (bits & ~PLACE) | place;
        }
        if (byBytes) {
            Arrays.sort(sorted, 0, count);
            for (int first = 0, end; first < count; first = end) {
                end = first + 1;
                while (end < count && (sorted[end] & ~PLACE) == (sorted[first] & ~PLACE)) {
                    end++;
                }
                if (end - first > FEW) {
                    sortMany(first, end);
                } else {
                    sortFew(first, end);
                }
            }
        }
    }

    private int commonPrefix() {
        int common = keyLengths[0];
        for (int place = 1; place < count && common > 0; place++) {
            common = Keys.commonPrefix(key(0), common, key(place), keyLengths[place]);
        }
        return common;
    }

    private void sortFew(int first, int end) {
        for (int i = first + 1; i < end; i++) {
            long moved = sorted[i];
            int to = i;
            for (; to > first && compare(sorted[to - 1], moved) > 0; to--) {
                sorted[to] = sorted[to - 1];
            }
            sorted[to] = moved;
        }
    }

    private void sortMany(int first, int end) {
        Long[] boxed = Arrays.stream(sorted, first, end).boxed().toArray(Long[]::new);
        Comparator<Long> byKey = this::compare;
        Arrays.sort(boxed, byKey); // keeps equal keys in their order
        for (int i = first; i < end; i++) {
            sorted[i] = boxed[i - first];
        }
    }

    private int compare(long a, long b) {
        int one = (int) (a & PLACE);
        int other = (int) (b & PLACE);
        return Keys.compare(key(one), keyLengths[one], key(other), keyLengths[other]);
    }

    private long key(int place) {
        return bytes.address() + keys[place];
    }

    @Override
    public void close() {
        bytes.close();
    }
}
