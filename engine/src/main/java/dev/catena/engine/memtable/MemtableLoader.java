package dev.catena.engine.memtable;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Filter;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import java.lang.foreign.MemorySegment;

/**
 * Fills an empty memtable with entries that nobody looks for before all are there, as from a log: they are copied in the order they come in,
 * and sorted and linked at the end. That costs a part of what as many searches in the skip list would.
 *
 * <p>Sorted are pairs of numbers: 8 bytes of the key, as {@link Keys#prefix} makes a number of them, and the node. A radix sort by the
 * first 8 bytes leaves groups with the same; a large group is sorted by its keys' next 8 bytes, a small one by comparing keys. All of
 * it keeps pairs with the same key in their order, which is from new to old: that of a memtable.
 *
 * <p>Not thread safe, and nobody else may use the memtable meanwhile.
 */
public final class MemtableLoader implements AutoCloseable {
    private static final int PAIR = 16;
    private static final int NODE = 8;

    /** So many are sorted by insertion. */
    private static final int FEW = 16;

    /** From here on keys are compared, so that sorting cannot go deeper than the stack. */
    private static final int DEPTH_MAX = 512;

    private static final String OWNER = "recovery";

    private final Memtable memtable;
    private final KeyOrder order;
    private final Buffer pairs = new Buffer(64 << 10, OWNER);
    private final long[] hashes = new long[64];
    private int hashed;
    private long count;

    /** What was read only to be in the processor's cache: kept, lest the compiler leave out the reading. */
    @SuppressWarnings("unused")
    private long looked;

    /** @param memtable without entries; stays the caller's */
    public MemtableLoader(Memtable memtable) {
        this.memtable = memtable;
        order = memtable.order();
    }

    /**
     * Adds an entry: as {@link Memtable#put}, but key and value follow one another off the heap. Sequence numbers ascend.
     *
     * @param checked whether there is a checksum
     * @param checksum as there; it is not compared with key and value
     */
    public void add(
            long sequence,
            int kind,
            MemorySegment from,
            long keyOffset,
            int keyLength,
            int valueLength,
            boolean checked,
            int checksum) {
        long node = memtable.load(sequence, kind, from, keyOffset, keyLength, valueLength, checked, checksum);
        if (node != 0) {
            pairs.ensure((count + 1) * PAIR, count * PAIR);
            long pair = pairs.address() + count * PAIR;
            Memory.putLong(pair, Memory.getLong(node));
            Memory.putLong(pair + NODE, node);
            count++;
            hashes[hashed++] = Filter.hash(Memtable.keyAddress(node), keyLength);
            if (hashed == hashes.length) {
                memtable.growFilter(); // before anything is in it, as nothing is linked
                addToFilter();
            }
        }
    }

    private void addToFilter() {
        looked += memtable.addToFilter(hashes, hashed);
        hashed = 0;
    }

    /** Makes all that was added be found. Nothing can be added then. */
    public void finish() {
        addToFilter();
        try (Buffer other = new Buffer(Math.max(PAIR, count * PAIR), OWNER)) {
            // From new to old.
            for (long from = pairs.address(), to = other.address() + (count - 1) * PAIR;
                    to >= other.address();
                    from += PAIR, to -= PAIR) {
                copyPair(from, to);
            }
            Memory.copy(other.address(), pairs.address(), count * PAIR);
            sort(pairs.address(), pairs.address() + count * PAIR, other.address() - pairs.address(), 0);
            looked += memtable.linkAll(pairs.address(), count);
        }
        count = 0;
    }

    private static void copyPair(long from, long to) {
        Memory.putLong(to, Memory.getLong(from));
        Memory.putLong(to + NODE, Memory.getLong(from + NODE));
    }

    /**
     * Sorts pairs.
     *
     * @param first the address of the first
     * @param end where they end
     * @param other what to add to a pair's address for that of its room elsewhere
     * @param depth where in the keys the bytes are that the pairs have; before that they are all the same
     */
    private void sort(long first, long end, long other, int depth) {
        if (end - first > FEW * PAIR) {
            sortByBits(first, end, other);
            for (long group = first; group < end; ) {
                long same = sameBits(group, end);
                if (same - group > PAIR) {
                    sortGroup(group, same, other, depth + 8);
                }
                group = same;
            }
        } else {
            sortByKeys(first, end, other);
        }
    }

    /** Where those end that have the first one's bits. */
    private static long sameBits(long first, long end) {
        long bits = Memory.getLong(first);
        long same = first + PAIR;
        while (same < end && Memory.getLong(same) == bits) {
            same += PAIR;
        }
        return same;
    }

    /** Sorts pairs whose keys are the same up to a depth. */
    private void sortGroup(long first, long end, long other, int depth) {
        boolean longer = false;
        if (end - first > FEW * PAIR && order == KeyOrder.BYTES && depth < DEPTH_MAX) {
            for (long pair = first; pair < end; pair += PAIR) {
                long node = Memory.getLong(pair + NODE);
                int length = Memtable.keyLength(node) - depth;
                longer |= length > 0;
                Memory.putLong(pair, length <= 0 ? 0 : Keys.prefix(Memtable.keyAddress(node) + depth, length));
            }
        }
        if (longer) {
            sort(first, end, other, depth);
        } else {
            sortByKeys(first, end, other);
        }
    }

    /** Sorts by the pairs' bits as unsigned numbers, byte by byte from the lowest; bytes that are the same in all cost nothing. */
    private static void sortByBits(long first, long end, long other) {
        int[] counts = new int[8 * 256];
        for (long pair = first; pair < end; pair += PAIR) {
            countBytes(counts, Memory.getLong(pair));
        }
        long source = 0;
        int pairs = (int) ((end - first) / PAIR);
        for (int place = 0; place < 8; place++) {
            int any = digit(Memory.getLong(first), place);
            if (counts[any] < pairs) {
                scatter(first + source, end + source, first + other - source, counts, place);
                source = other - source;
            }
        }
        if (source != 0) {
            Memory.copy(first + other, first, end - first);
        }
    }

    private static int digit(long bits, int place) {
        return (place << 8) | ((int) (bits >>> (8 * place)) & 0xff);
    }

    private static void countBytes(int[] counts, long bits) {
        for (int place = 0; place < 8; place++) {
            counts[digit(bits, place)]++;
        }
    }

    private static void scatter(long first, long end, long to, int[] counts, int place) {
        int before = 0;
        for (int i = place << 8; i < (place + 1) << 8; i++) {
            int here = counts[i];
            counts[i] = before;
            before += here;
        }
        for (long pair = first; pair < end; pair += PAIR) {
            copyPair(pair, to + (long) counts[digit(Memory.getLong(pair), place)]++ * PAIR);
        }
    }

    /** Sorts by comparing keys: halves that are merged, few by insertion. */
    private void sortByKeys(long first, long end, long other) {
        if (end - first <= FEW * PAIR) {
            for (long pair = first + PAIR; pair < end; pair += PAIR) {
                insert(first, pair);
            }
            return;
        }
        long middle = first + (end - first) / PAIR / 2 * PAIR;
        sortByKeys(first, middle, other);
        sortByKeys(middle, end, other);
        if (compare(Memory.getLong(middle - PAIR + NODE), Memory.getLong(middle + NODE)) > 0) {
            Memory.copy(first, first + other, middle - first);
            long left = first + other;
            long right = middle;
            for (long to = first; left < middle + other; to += PAIR) {
                boolean fromRight =
                        right < end && compare(Memory.getLong(left + NODE), Memory.getLong(right + NODE)) > 0;
                copyPair(fromRight ? right : left, to);
                left += fromRight ? 0 : PAIR;
                right += fromRight ? PAIR : 0;
            }
        }
    }

    private void insert(long first, long pair) {
        long bits = Memory.getLong(pair);
        long node = Memory.getLong(pair + NODE);
        long to = pair;
        for (; to > first && compare(Memory.getLong(to - PAIR + NODE), node) > 0; to -= PAIR) {
            copyPair(to - PAIR, to);
        }
        Memory.putLong(to, bits);
        Memory.putLong(to + NODE, node);
    }

    private int compare(long a, long b) {
        return order.compare(
                Memtable.keyAddress(a), Memtable.keyLength(a), Memtable.keyAddress(b), Memtable.keyLength(b));
    }

    @Override
    public void close() {
        pairs.close();
    }
}
