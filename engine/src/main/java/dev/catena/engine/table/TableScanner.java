package dev.catena.engine.table;

import dev.catena.engine.entry.InternalIterator;

/** Sequential: {@link #seekToFirst} once, then {@link #next}; {@link #seek} is not supported. */
public final class TableScanner implements InternalIterator {
    TableScanner() {}

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
