package dev.catena.engine.table;

import dev.catena.engine.entry.InternalIterator;
import java.util.List;

public final class LevelIterator implements InternalIterator {
    /** One table of the level: its bounds, and how to open an iterator over it. */
    public interface Source {
        /** The largest user key in it. */
        byte[] largestKey();

        /** A new iterator, closed by the level iterator. */
        InternalIterator open();
    }

    /** @param sources in key order, not overlapping (the boundary user key of two neighbours may be the same) */
    public LevelIterator(List<? extends Source> sources) {}

    @Override
    public void seekToFirst() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void seek(long key, int length, long trailer) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void next() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean isValid() {
        throw new UnsupportedOperationException();
    }

    @Override
    public long keyAddress() {
        throw new UnsupportedOperationException();
    }

    @Override
    public int keyLength() {
        throw new UnsupportedOperationException();
    }

    @Override
    public long trailer() {
        throw new UnsupportedOperationException();
    }

    @Override
    public long valueAddress() {
        throw new UnsupportedOperationException();
    }

    @Override
    public int valueLength() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
