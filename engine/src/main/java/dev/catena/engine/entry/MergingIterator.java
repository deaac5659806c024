package dev.catena.engine.entry;

import java.util.List;

public final class MergingIterator implements InternalIterator {
    private MergingIterator() {}

    /**
     * An iterator over all entries of the inputs, in order. Owns the inputs: closing it closes them. Of no inputs: an empty one; of
     * one: that input itself.
     */
    public static InternalIterator of(List<? extends InternalIterator> inputs) {
        return inputs.size() == 1 ? inputs.get(0) : new MergingIterator();
    }

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
