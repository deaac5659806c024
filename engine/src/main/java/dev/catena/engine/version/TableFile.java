package dev.catena.engine.version;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.MergingIterator;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.entry.Undeleted;
import dev.catena.engine.table.LevelIterator;
import dev.catena.engine.table.TableReader;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An open table and who still needs it. Each {@link Version} that has the table holds a reference; when the last is given back the
 * table is closed and, if no manifest names it any more, its file is handed to the deleter. Thread safe.
 */
public final class TableFile implements LevelIterator.Source {
    private final TableMeta meta;
    private final TableReader reader;
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
        this.meta = meta;
        this.reader = reader;
        this.deleter = deleter;
        order = reader.order();
        smallestPrefix = order.prefix(meta.smallest());
        largestPrefix = order.prefix(meta.largest());
    }

    /** What the manifest says of it. */
    public TableMeta meta() {
        return meta;
    }

    /** Its reader, for as long as the caller holds a reference. */
    public TableReader reader() {
        return reader;
    }

    @Override
    public byte[] largestKey() {
        return meta.largest();
    }

    /**
     * A new iterator over it.
     *
     * @param readahead as {@link TableReader#iterator} takes it
     */
    public InternalIterator open(long readahead) {
        return reader.iterator(readahead);
    }

    /** The same over what deletions of ranges leave to a snapshot. */
    public InternalIterator open(RangeDeletions ranges, long snapshot, long readahead) {
        if (ranges.isEmpty()) {
            return open(readahead);
        }
        return ranges.newestOfAll(meta.smallest(), meta.largest(), snapshot) > meta.largestSequence()
                ? MergingIterator.of(order, List.of())
                : new Undeleted(open(readahead), ranges, snapshot, meta.largestSequence());
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
            reader.release();
            if (obsolete) {
                deleter.accept(this);
            }
        } else if (left < 0) {
            throw new AssertionError("table " + meta.number() + " released too often");
        }
    }
}
