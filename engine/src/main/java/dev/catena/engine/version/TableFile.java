package dev.catena.engine.version;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.MergingIterator;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.entry.Undeleted;
import dev.catena.engine.entry.ValueSink;
import dev.catena.engine.table.LevelIterator;
import dev.catena.engine.table.TableReader;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A table and who still needs it. Each {@link Version} that has the table holds a reference; when the last is given back the
 * table is closed and, if no manifest names it any more, its file is handed to the deleter. Thread safe.
 *
 * <p><b>Without a reader.</b> A table that cannot be opened (its file is missing, cut, or damaged where it says what it holds) is known by what the
 * manifest says of it: whoever needs to know what it has of a key in its range is told of the damage. What is newer than all of it is
 * found without it. Nothing that it holds reaches beyond that range, deletions of ranges included, which are cut where a table ends. So all other
 * keys are as they are in the other tables.
 */
public final class TableFile implements LevelIterator.Source {
    private final TableMeta meta;

    /** Null when it cannot be opened. */
    private final @Nullable TableReader reader;

    private final Consumer<TableFile> deleter;
    private final KeyOrder order;
    private final long smallestPrefix;
    private final long largestPrefix;
    private final AtomicInteger references = new AtomicInteger(1);
    private volatile boolean obsolete;
    private volatile @Nullable CorruptionException damage;

    /**
     * Takes over the reader; the caller holds the first reference.
     *
     * @param deleter called once the table is closed, if it has become obsolete
     */
    public TableFile(TableMeta meta, TableReader reader, Consumer<TableFile> deleter) {
        this(meta, reader, null, reader.order(), deleter);
    }

    /** A table that cannot be opened; the rest as above. */
    TableFile(TableMeta meta, CorruptionException damage, KeyOrder order, Consumer<TableFile> deleter) {
        this(meta, null, damage, order, deleter);
    }

    private TableFile(
            TableMeta meta,
            @Nullable TableReader reader,
            @Nullable CorruptionException damage,
            KeyOrder order,
            Consumer<TableFile> deleter) {
        this.meta = meta;
        this.reader = reader;
        this.damage = damage;
        this.order = order;
        this.deleter = deleter;
        smallestPrefix = order.prefix(meta.smallest());
        largestPrefix = order.prefix(meta.largest());
    }

    /** What the manifest says of it. */
    public TableMeta meta() {
        return meta;
    }

    /** The order of the keys in it. */
    public KeyOrder order() {
        return order;
    }

    /** Whether it could be opened. */
    public boolean isOpen() {
        return reader != null;
    }

    /**
     * Its reader, for as long as the caller holds a reference.
     *
     * @throws CorruptionException when it could not be opened
     */
    public TableReader reader() {
        TableReader opened = reader;
        if (opened == null) {
            throw Objects.requireNonNull(damage).again();
        }
        return opened;
    }

    /** The deletions of ranges that it is known to hold; they concern other tables, too. */
    public RangeDeletions rangeDeletions() {
        TableReader opened = reader;
        return opened == null ? RangeDeletions.NONE : opened.rangeDeletions();
    }

    /** Looks a key of its range up: see {@link TableReader#get}. */
    Lookup get(MemorySegment key, long offset, int length, long snapshot, long floor, ValueSink sink) {
        if (reader == null && meta.largestSequence() <= floor) {
            return Lookup.ABSENT; // whatever it has of the key is deleted
        }
        return reader().get(key, offset, length, snapshot, floor, sink);
    }

    @Override
    public byte[] largestKey() {
        return meta.largest();
    }

    /**
     * A new iterator over what deletions of ranges leave of it to a snapshot.
     *
     * @param readahead as {@link TableReader#iterator} takes it
     */
    InternalIterator iterator(RangeDeletions ranges, long snapshot, long readahead) {
        if (!ranges.isEmpty()
                && ranges.newestOfAll(meta.smallest(), meta.largest(), snapshot) > meta.largestSequence()) {
            return MergingIterator.of(order, List.of());
        }
        TableReader opened = reader;
        if (opened == null) {
            return new UnknownEntries(this, snapshot);
        }
        InternalIterator entries = opened.iterator(readahead);
        return ranges.isEmpty() ? entries : new Undeleted(entries, ranges, snapshot, meta.largestSequence());
    }

    /** Compares its largest key with an off-heap key. */
    int compareLargest(long key, int length, long keyPrefix) {
        int compared = Long.compareUnsigned(largestPrefix, keyPrefix);
        return compared != 0 ? compared : order.compare(meta.largest(), key, length);
    }

    /** Compares its smallest key with an off-heap key. */
    int compareSmallest(long key, int length, long keyPrefix) {
        int compared = Long.compareUnsigned(smallestPrefix, keyPrefix);
        return compared != 0 ? compared : order.compare(meta.smallest(), key, length);
    }

    /** Says that it is damaged: it is read, as far as that goes, and not compacted. The first damage stays. */
    public void markDamaged(CorruptionException e) {
        if (damage == null) {
            damage = e;
        }
    }

    /** What is damaged in it, as far as is known; null for nothing. */
    public @Nullable CorruptionException damage() {
        return damage;
    }

    /** Says that no manifest names it any more. */
    public void markObsolete() {
        obsolete = true;
    }

    /** Adds a reference. */
    public void retain() {
        if (references.getAndIncrement() <= 0) {
            throw new AssertionError("table " + meta.number() + " was closed already");
        }
    }

    /** Gives a reference back. */
    public void release() {
        int left = references.decrementAndGet();
        if (left == 0) {
            if (reader != null) {
                reader.release();
            }
            if (obsolete) {
                deleter.accept(this);
            }
        } else if (left < 0) {
            throw new AssertionError("table " + meta.number() + " released too often");
        }
    }
}
