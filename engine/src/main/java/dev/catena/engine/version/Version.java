package dev.catena.engine.version;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MultiLookup;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.entry.ValueSink;
import dev.catena.engine.table.LevelIterator;
import dev.catena.engine.table.MissingFrames;
import dev.catena.engine.table.TableLookups;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The tables that make up the store at a moment. Immutable but for its reference count; a change makes a new version. Holds a
 * reference to each of its tables until its own last reference is given back.
 *
 * <p>Level 0: tables as flushed, newest first; their key ranges overlap. Other levels: by key, ranges apart. What a level has of a key
 * is newer than what lower levels (with higher numbers) have.
 */
public final class Version {
    private final KeyOrder order;
    private final List<List<TableFile>> levels;
    private final TableFile[][] arrays;
    private final boolean hasRangeDeletions;
    private final AtomicInteger references = new AtomicInteger(1);

    /** Retains the tables. The caller holds the first reference. */
    public Version(KeyOrder order, List<List<TableFile>> levels) {
        this.order = order;
        this.levels = levels.stream().map(List::copyOf).toList();
        arrays = new TableFile[levels.size()][];
        for (int level = 0; level < levels.size(); level++) {
            arrays[level] = levels.get(level).toArray(TableFile[]::new);
            for (TableFile table : arrays[level]) {
                table.retain();
            }
        }
        checkOrder();
        hasRangeDeletions =
                tables().stream().anyMatch(table -> !table.rangeDeletions().isEmpty());
    }

    /** The order of keys. */
    public KeyOrder order() {
        return order;
    }

    /** The tables of a level. */
    public List<TableFile> level(int level) {
        return levels.get(level);
    }

    /** How many levels there are. */
    public int levels() {
        return arrays.length;
    }

    /** Whether a table has deletions of ranges. */
    public boolean hasRangeDeletions() {
        return hasRangeDeletions;
    }

    /** All tables. */
    public List<TableFile> tables() {
        return levels.stream().flatMap(List::stream).toList();
    }

    /** How many tables level 0 has. */
    public int levelZeroTables() {
        return arrays[0].length;
    }

    /** Bytes of a level. */
    public long bytes(int level) {
        long bytes = 0;
        for (TableFile table : arrays[level]) {
            bytes += table.meta().bytes();
        }
        return bytes;
    }

    /**
     * A version that differs from this one.
     *
     * @param removed tables that it does not have
     * @param level where the added ones go
     * @param added tables that it has in addition; in level 0 newer than those there, or in the place of the removed ones
     */
    public Version with(Collection<TableFile> removed, int level, Collection<TableFile> added) {
        List<List<TableFile>> changed = new ArrayList<>();
        for (int i = 0; i < arrays.length; i++) {
            List<TableFile> tables = new ArrayList<>();
            int place = -1;
            for (TableFile table : arrays[i]) {
                if (!removed.contains(table)) {
                    tables.add(table);
                } else if (place < 0) {
                    place = tables.size();
                }
            }
            if (i == level && i == 0) {
                tables.addAll(Math.max(0, place), added);
            }
            if (i == level && i > 0) {
                tables.addAll(added);
                tables.sort(Comparator.comparing(table -> table.meta().smallest(), order::compare));
            }
            changed.add(tables);
        }
        return new Version(order, changed);
    }

    /**
     * Looks a key (off-heap) up in all tables, newest first.
     *
     * @param floor the sequence number up to which the key's versions are deleted, 0 for none
     */
    public Lookup get(MemorySegment key, int length, long snapshot, long floor, ValueSink sink) {
        long address = key.address();
        long prefix = order.prefix(address, length);
        for (TableFile table : arrays[0]) {
            if (table.compareSmallest(address, length, prefix) <= 0
                    && table.compareLargest(address, length, prefix) >= 0) {
                Lookup found = table.get(key, 0, length, snapshot, floor, sink);
                if (found != Lookup.ABSENT) {
                    return found;
                }
            }
        }
        for (int level = 1; level < arrays.length; level++) {
            TableFile[] tables = arrays[level];
            int index = firstNotBelow(tables, address, length, prefix);
            if (index < tables.length && tables[index].compareSmallest(address, length, prefix) <= 0) {
                Lookup found = tables[index].get(key, 0, length, snapshot, floor, sink);
                if (found != Lookup.ABSENT) {
                    return found;
                }
            }
        }
        return Lookup.ABSENT;
    }

    /** Looks many keys up, each block that several of them need read once, and many blocks at a time. */
    public void get(MultiLookup keys) {
        for (TableFile table : arrays[0]) {
            get(keys, new TableFile[] {table});
        }
        for (int level = 1; level < arrays.length; level++) {
            get(keys, arrays[level]);
        }
    }

    private static void get(MultiLookup keys, TableFile[] tables) {
        if (tables.length > 0 && !keys.isDone()) {
            try (MissingFrames missing = new MissingFrames();
                    LevelLookups lookups = new LevelLookups(tables, missing)) {
                keys.ask(lookups);
            }
        }
    }

    /** Lookups of ascending keys in tables whose ranges are apart and ascend: one of them at a time is open. */
    private static final class LevelLookups implements MultiLookup.Source, AutoCloseable {
        private final TableFile[] tables;
        private final MissingFrames missing;
        private int at = -1;
        private @Nullable TableLookups open;

        LevelLookups(TableFile[] tables, MissingFrames missing) {
            this.tables = tables;
            this.missing = missing;
        }

        @Override
        public void prepare() {
            missing.read();
        }

        @Override
        public void release() {
            missing.release();
        }

        @Override
        public @Nullable Lookup find(
                MemorySegment key, long offset, int length, long snapshot, long floor, ValueSink sink) {
            long address = Memory.address(key, offset, length);
            long prefix = tables[0].order().prefix(address, length);
            int index = firstNotBelow(tables, address, length, prefix);
            if (index == tables.length || tables[index].compareSmallest(address, length, prefix) > 0) {
                return Lookup.ABSENT;
            }
            if (!tables[index].isOpen()) {
                return tables[index].get(key, offset, length, snapshot, floor, sink);
            }
            TableLookups lookups = open;
            if (lookups == null || index != at) {
                close();
                lookups = tables[index].reader().lookups(missing);
                open = lookups;
                at = index;
            }
            return lookups.find(key, offset, length, snapshot, floor, sink);
        }

        @Override
        public void close() {
            TableLookups lookups = open;
            open = null;
            if (lookups != null) {
                lookups.close();
            }
        }
    }

    /**
     * Adds iterators over all its entries in a range of keys, and perhaps others; the caller closes them, and holds a reference to this
     * version until then.
     *
     * @param lower the smallest key of the range, or null
     * @param upper the smallest key above it, or null
     * @param ranges deletions of ranges, for entries that they delete not to show
     * @param snapshot deletions that are newer do not count
     * @param readahead as {@link dev.catena.engine.table.TableReader#iterator} takes it
     */
    public void addIterators(
            List<InternalIterator> iterators,
            byte @Nullable [] lower,
            byte @Nullable [] upper,
            RangeDeletions ranges,
            long snapshot,
            long readahead) {
        for (TableFile table : within(0, lower, upper)) {
            iterators.add(table.iterator(ranges, snapshot, readahead));
        }
        for (int level = 1; level < arrays.length; level++) {
            List<TableFile> tables = within(level, lower, upper);
            if (tables.size() == 1) {
                iterators.add(tables.getFirst().iterator(ranges, snapshot, readahead));
            } else if (!tables.isEmpty()) {
                iterators.add(new LevelIterator<>(order, tables, table -> table.iterator(ranges, snapshot, readahead)));
            }
        }
    }

    private List<TableFile> within(int level, byte @Nullable [] lower, byte @Nullable [] upper) {
        if (lower == null && upper == null) {
            return levels.get(level);
        }
        return levels.get(level).stream()
                .filter(table -> (lower == null || order.compare(table.meta().largest(), lower) >= 0)
                        && (upper == null || order.compare(table.meta().smallest(), upper) < 0))
                .toList();
    }

    /** The tables of a level whose key range meets the given one (ends included). */
    public List<TableFile> overlapping(int level, byte[] smallest, byte[] largest) {
        List<TableFile> found = new ArrayList<>();
        for (TableFile table : arrays[level]) {
            if (order.compare(table.meta().largest(), smallest) >= 0
                    && order.compare(table.meta().smallest(), largest) <= 0) {
                found.add(table);
            }
        }
        return found;
    }

    /** Index of the first table whose largest key is at or after a key. */
    private static int firstNotBelow(TableFile[] tables, long key, int length, long prefix) {
        int low = 0;
        int high = tables.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (tables[middle].compareLargest(key, length, prefix) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private void checkOrder() {
        for (int level = order.isKnown() ? 1 : arrays.length; level < arrays.length; level++) {
            for (int i = 1; i < arrays[level].length; i++) {
                byte[] before = arrays[level][i - 1].meta().largest();
                byte[] after = arrays[level][i].meta().smallest();
                if (order.compare(before, after) >= 0) {
                    String overlap = "level " + level + " has overlapping tables "
                            + arrays[level][i - 1].meta().number() + " and "
                            + arrays[level][i].meta().number();
                    if (order == KeyOrder.BYTES) {
                        throw new AssertionError(overlap);
                    }
                    throw order.failed("does not keep to the order that tables were written in: " + overlap);
                }
            }
        }
    }

    /** Adds a reference. */
    public void retain() {
        if (references.getAndIncrement() <= 0) {
            throw new AssertionError("version was dropped already");
        }
    }

    /** Gives a reference back; the last one lets go of the tables. */
    public void release() {
        int left = references.decrementAndGet();
        if (left == 0) {
            for (TableFile[] tables : arrays) {
                for (TableFile table : tables) {
                    table.release();
                }
            }
        } else if (left < 0) {
            throw new AssertionError("version released too often");
        }
    }
}
