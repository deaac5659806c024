package dev.catena.engine.table;

import dev.catena.engine.entry.InternalIterator;
import java.nio.file.Path;

/**
 * What walks through a table have in common: the entries of one block, then those of the next. Where blocks come from is the
 * subclass's. Not thread safe.
 */
abstract class BlockWalk implements InternalIterator {
    final BlockCursor cursor;

    BlockWalk(Path file) {
        cursor = new BlockCursor(file);
    }

    /** Stands before the first entry of the next frame; false, and nowhere, at the end of the data. */
    abstract boolean toNextFrame();

    @Override
    public final void next() {
        if (!cursor.next() && toNextFrame()) {
            cursor.next();
        }
    }

    @Override
    public final boolean isValid() {
        return cursor.isValid();
    }

    @Override
    public final long keyAddress() {
        return cursor.key();
    }

    @Override
    public final int keyLength() {
        return cursor.keyLength();
    }

    @Override
    public final long trailer() {
        return cursor.trailer();
    }

    @Override
    public final long valueAddress() {
        return cursor.value();
    }

    @Override
    public final int valueLength() {
        return cursor.valueLength();
    }
}
