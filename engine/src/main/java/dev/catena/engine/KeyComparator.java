package dev.catena.engine;

import java.lang.foreign.MemorySegment;

/**
 * The order of a column family's keys: {@link Options#withKeyComparator} takes one, {@link KeyComparators} has some. Everything follows
 * it: iterators and their bounds, deletions of ranges, compaction of ranges.
 *
 * <p>It is a total order, the same for ever, of all keys that are written: for any keys a, b and c, {@code compare(a, b)} and
 * {@code compare(b, a)} have opposite signs, a before b and b before c means a before c, and 0 is given for equal bytes only. Where keys
 * mean the same that are written differently, the order says which of them is first.
 *
 * <p>Called by any thread, also several at once, and often under locks: it must depend on its arguments only, be short, and use no
 * store. What it throws reaches the caller as a {@link KeyComparatorException}. A key that it does not accept is so refused before
 * anything is written: it is compared with itself first. A comparator that does not keep to its order makes lookups miss keys and
 * iterators show them out of order, or fails them; a flush or compaction that finds out stops, the store becomes read-only, and everything that was
 * written stays.
 */
public interface KeyComparator {
    /**
     * What it is known by, in one line without spaces at its ends: stored with the family, which is only ever opened with a comparator
     * of the same name again. A comparator that orders otherwise takes another name.
     */
    String name();

    /**
     * Compares two keys.
     *
     * @param a read-only, and to be read during the call only, as is b
     * @return below 0 when a comes first, above 0 when b does, 0 when their bytes are equal
     */
    int compare(MemorySegment a, MemorySegment b);
}
