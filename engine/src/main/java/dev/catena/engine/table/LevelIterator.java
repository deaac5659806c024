package dev.catena.engine.table;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The tables of one level as one: they are in key order and do not overlap, so one of them at a time is open.
 *
 * <p>Not thread safe.
 */
public final class LevelIterator<S extends LevelIterator.Source> implements InternalIterator {
    /** One table of the level. */
    public interface Source {
        /** The largest user key in it. */
        byte[] largestKey();
    }

    private final KeyOrder order;
    private final List<S> sources;
    private final Function<S, InternalIterator> opener;
    private int at = -1;
    private @Nullable InternalIterator current;

    /**
     * Stands nowhere.
     *
     * @param order of keys
     * @param sources in that order, not overlapping, not empty tables; neighbours may both have versions of the key between them
     * @param opener makes an iterator over a table, which the level iterator closes
     */
    public LevelIterator(KeyOrder order, List<S> sources, Function<S, InternalIterator> opener) {
        this.order = order;
        this.sources = sources;
        this.opener = opener;
    }

    @Override
    public void seekToFirst() {
        InternalIterator table = open(0);
        if (table != null) {
            table.seekToFirst();
            skipEnded(1);
        }
    }

    @Override
    public void seekToLast() {
        InternalIterator table = open(sources.size() - 1);
        if (table != null) {
            table.seekToLast();
            skipEnded(-1);
        }
    }

    @Override
    public void seek(long key, int length, long trailer) {
        int source = firstNotBelow(key, length);
        InternalIterator table = open(source);
        while (table != null) {
            table.seek(key, length, trailer);
            if (table.isValid()) {
                return;
            }
            // It may end with newer versions of the key; the next one then begins with others.
            table = open(++source);
        }
    }

    @Override
    public void seekBefore(long key, int length, long trailer) {
        int source = firstNotBelow(key, length);
        while (source < sources.size() && order.compare(sources.get(source).largestKey(), key, length) == 0) {
            source++; // the next one may begin with other versions of the key
        }
        source = Math.min(source, sources.size() - 1);
        InternalIterator table = open(source);
        while (table != null) {
            table.seekBefore(key, length, trailer);
            if (table.isValid()) {
                return;
            }
            table = open(--source);
        }
    }

    /** The first source whose largest key is at or after a key; as many as there are when none is. */
    private int firstNotBelow(long key, int length) {
        int low = 0;
        int high = sources.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (order.compare(sources.get(middle).largestKey(), key, length) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    @Override
    public void next() {
        InternalIterator table = current();
        table.next();
        if (!table.isValid()) {
            skipEnded(1);
        }
    }

    @Override
    public void prev() {
        InternalIterator table = current();
        table.prev();
        if (!table.isValid()) {
            skipEnded(-1);
        }
    }

    @Override
    public boolean isValid() {
        InternalIterator table = current;
        return table != null && table.isValid();
    }

    @Override
    public long keyAddress() {
        return current().keyAddress();
    }

    @Override
    public int keyLength() {
        return current().keyLength();
    }

    @Override
    public long trailer() {
        return current().trailer();
    }

    @Override
    public long valueAddress() {
        return current().valueAddress();
    }

    @Override
    public int valueLength() {
        return current().valueLength();
    }

    @Override
    public void close() {
        InternalIterator table = current;
        current = null;
        at = -1;
        if (table != null) {
            table.close();
        }
    }

    private InternalIterator current() {
        InternalIterator table = current;
        if (table == null) {
            throw new IllegalStateException("the iterator stands on no entry");
        }
        return table;
    }

    /** From a table's end to the next entry in the next table (step 1) or the one before (-1), or to nowhere after the last. */
    private void skipEnded(int step) {
        while (current != null && !current.isValid()) {
            InternalIterator table = open(at + step);
            if (table != null && step > 0) {
                table.seekToFirst();
            } else if (table != null) {
                table.seekToLast();
            }
        }
    }

    private @Nullable InternalIterator open(int source) {
        if (source != at) {
            close();
            if (source >= 0 && source < sources.size()) {
                current = opener.apply(sources.get(source));
                at = source;
            }
        }
        return current;
    }
}
