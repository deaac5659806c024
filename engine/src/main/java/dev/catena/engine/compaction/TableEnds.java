package dev.catena.engine.compaction;

import dev.catena.engine.entry.KeyOrder;
import java.util.List;

/**
 * Where the tables end that sorted entries are written to: at about a size. Those of a level that will go down to another one
 * end where a table of that one ends, if there is such a place between half the size and the whole: what they overlap with is then merged with
 * them only, and not with their neighbours once more, which saves about a tenth of what compactions write.
 *
 * <p>Which place will be the last before the size is not known; it is taken to be as far to the next one as it was from the one
 * before. One use, one thread.
 */
public final class TableEnds {
    private final long tableBytes;
    private final KeyOrder order;
    private final List<byte[]> places;
    private int next;

    /** Bytes of the table where the last place was. */
    private long passed;

    private TableEnds(long tableBytes, KeyOrder order, List<byte[]> places) {
        this.tableBytes = tableBytes;
        this.order = order;
        this.places = places;
    }

    /** One table for everything. */
    public static TableEnds never() {
        return new TableEnds(Long.MAX_VALUE, KeyOrder.BYTES, List.of());
    }

    /**
     * At a size.
     *
     * @param places largest keys of the tables that those written will be merged with one day; ascending
     */
    static TableEnds at(long tableBytes, KeyOrder order, List<byte[]> places) {
        return new TableEnds(tableBytes, order, places);
    }

    /** At about which size the next table is begun, in bytes. */
    long tableBytes() {
        return tableBytes;
    }

    /** A table is begun. */
    void begin() {
        passed = 0;
    }

    /** Whether a table that has so many bytes is to end before a key. Keys are asked for in ascending order. */
    boolean isDue(long key, int length, long bytes) {
        boolean atEnd = false;
        while (next < places.size() && order.compare(places.get(next), key, length) < 0) {
            next++;
            atEnd = true;
        }
        if (!atEnd) {
            return bytes >= tableBytes;
        }
        long distance = bytes - passed;
        passed = bytes;
        return bytes >= tableBytes || (bytes >= tableBytes / 2 && bytes + distance > tableBytes);
    }
}
