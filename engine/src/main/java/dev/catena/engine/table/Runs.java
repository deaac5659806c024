package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.RangeDeletions;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Finds what a merge of tables can copy instead of decoding it: runs of partitions that no other entry of any of the tables lies among.
 *
 * <p>A partition is copied when all of the following holds. Then what the merge would write of it are its entries, all and unchanged,
 * whatever snapshots there are.
 *
 * <ul>
 *   <li>It is as the tables that are written are to be: version, block size, filter bits, compression.
 *   <li>Each of its entries is a value, the only version of its key in it, and no table has a key from its first to its last one; its
 *       neighbours in its own table neither.
 *   <li>No deletion of a range touches it.
 *   <li>It lies in the range of keys that are merged as a whole.
 *   <li>It is not small: else tables would get ever more, ever smaller partitions by being merged.
 * </ul>
 *
 * <p>All of that is known from what open tables have in memory, but for tables of which one partition goes round another's whole range: then a
 * block of it is looked at, the less often the more such looks in a row found a key. So it is known before anything is read, and what is copied
 * is not read ahead.
 *
 * <p>Not thread safe.
 */
public final class Runs {
    /** Bytes of a partition that is copied. Changed by tests only. */
    private static volatile long bytesMin = TableFormat.CHUNK_BYTES;

    private final KeyOrder order;
    private final RangeDeletions ranges;
    private final byte @Nullable [] after;
    private final byte @Nullable [] until;
    private final long bytesMax;
    private final Map<TableReader, List<TableReader.Run>> found = new HashMap<>();

    /** Looks into all tables, and into each. */
    private final Looks looks = new Looks();

    private final Map<TableReader, Looks> looksInto = new HashMap<>();

    /**
     * Of tables that are merged.
     *
     * @param ranges deletions of ranges that hold for them
     * @param after the merge begins with the first key after this one; null for the first of all
     * @param until the last key of the merge; null for the last of all
     * @param bytesMax at which a run ends, though another one may follow
     */
    public Runs(
            KeyOrder order,
            List<TableReader> tables,
            RangeDeletions ranges,
            byte @Nullable [] after,
            byte @Nullable [] until,
            long bytesMax,
            Wanted wanted) {
        this.order = order;
        this.ranges = ranges;
        this.after = after;
        this.until = until;
        this.bytesMax = bytesMax;
        List<TableReader> byKey = new ArrayList<>(tables);
        byKey.sort(Comparator.comparing(table -> table.properties().smallestKey(), order::compare));
        for (TableReader table : tables) {
            if (wanted.isLike(table)) {
                found.put(table, find(table, byKey));
            }
        }
    }

    /** Says of which tables something may be copied. */
    @FunctionalInterface
    public interface Wanted {
        /** Whether tables are to be written that are like this one. */
        boolean isLike(TableReader table);
    }

    /** Has smaller partitions be copied. For tests. @return what it was */
    public static long setBytesMin(long bytes) {
        long before = bytesMin;
        bytesMin = bytes;
        return before;
    }

    /** The runs of a table, ascending. */
    public List<TableReader.Run> of(TableReader table) {
        return found.getOrDefault(table, List.of());
    }

    private List<TableReader.Run> find(TableReader table, List<TableReader> byKey) {
        List<Other> others = new ArrayList<>();
        List<TableReader.Run> runs = new ArrayList<>();
        try {
            for (TableReader other : byKey) {
                if (other != table && overlap(other, table)) {
                    others.add(new Other(other));
                }
            }
            int first = -1;
            for (int i = 0; i < table.partitions(); i++) {
                if (!isWhole(table, i)) {
                    first = end(runs, first, i);
                    continue;
                }
                boolean goesOn = first >= 0
                        && table.end(i) - table.start(first) <= bytesMax
                        && !haveKeyIn(others, table.lastKey(i - 1), table.lastKey(i));
                if (!goesOn) {
                    first = end(runs, first, i);
                    if (!haveKeyIn(others, table.firstKey(i), table.lastKey(i))) {
                        first = i;
                    }
                }
            }
            end(runs, first, table.partitions());
            return runs;
        } finally {
            others.forEach(Other::close);
        }
    }

    private static int end(List<TableReader.Run> runs, int first, int end) {
        if (first >= 0) {
            runs.add(new TableReader.Run(first, end));
        }
        return -1;
    }

    private boolean overlap(TableReader a, TableReader b) {
        return order.compare(a.properties().smallestKey(), b.properties().largestKey()) <= 0
                && order.compare(b.properties().smallestKey(), a.properties().largestKey()) <= 0;
    }

    /** Whether a partition is one to be copied, as far as other tables have no say in it. */
    private boolean isWhole(TableReader table, int i) {
        if (table.end(i) - table.start(i) < bytesMin || table.contents(i).garbage() > 0) {
            return false; // a first entry that is an older version of the last key before it is garbage
        }
        byte[] first = table.firstKey(i);
        byte[] last = table.lastKey(i);
        return (after == null || order.compare(first, after) > 0)
                && (until == null || order.compare(last, until) <= 0)
                && (i + 1 == table.partitions() || order.compare(last, table.firstKey(i + 1)) < 0)
                && !ranges.touch(first, last);
    }

    private static boolean haveKeyIn(List<Other> others, byte[] from, byte[] to) {
        for (Other other : others) {
            if (other.hasKeyIn(from, to)) {
                return true;
            }
        }
        return false;
    }

    /**
     * Looks that may read two blocks each. When some in a row have found a key, keys of tables lie all over each other's, and the next ones
     * would likely find one too: three times as many are left out after a look as were due before it in the row.
     */
    private static final class Looks {
        private int passed;
        private int left;

        /** Whether it is time for one. */
        boolean areDue() {
            if (left == 0) {
                return true;
            }
            left--;
            return false;
        }

        void found(boolean isKey) {
            left = isKey ? 3 * passed : 0;
            passed = isKey ? passed + 1 + left : 0;
        }
    }

    /** A table that is asked for keys. */
    private final class Other implements AutoCloseable {
        private final TableReader table;
        private final Buffer key = new Buffer(256, "compaction");
        private @Nullable InternalIterator iterator;
        private final Looks looksHere;

        Other(TableReader table) {
            this.table = table;
            looksHere = looksInto.computeIfAbsent(table, _ -> new Looks());
        }

        /** Whether it has a key of a range, ends included. */
        boolean hasKeyIn(byte[] from, byte[] to) {
            TableProperties properties = table.properties();
            if (order.compare(properties.largestKey(), from) < 0 || order.compare(properties.smallestKey(), to) > 0) {
                return false;
            }
            key.ensure(from.length, 0);
            MemorySegment.copy(from, 0, key.segment(), ValueLayout.JAVA_BYTE, 0, from.length);
            if (table.hasPartitions()) {
                int i = IndexBlock.search(order, table.root(), key.address(), from.length);
                if (i == table.partitions() || order.compare(table.firstKey(i), to) > 0) {
                    return false;
                }
                if (order.compare(table.firstKey(i), from) >= 0 || order.compare(table.lastKey(i), to) <= 0) {
                    return true;
                }
            }
            if (!looksHere.areDue() || !looks.areDue()) {
                return true;
            }
            InternalIterator keys = iterator == null ? table.iterator(0) : iterator;
            iterator = keys;
            keys.seek(key.address(), from.length, -1);
            boolean found = keys.isValid() && order.compare(to, keys.keyAddress(), keys.keyLength()) >= 0;
            looksHere.found(found);
            looks.found(found);
            return found;
        }

        @Override
        public void close() {
            key.close();
            if (iterator != null) {
                iterator.close();
            }
        }
    }
}
