package dev.catena.engine.memtable;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.ValueSink;
import java.lang.foreign.MemorySegment;

public final class Memtable {
    /** @param limitBytes about how many bytes it is going to hold: sizes the chunks of memory it takes; not enforced */
    public Memtable(long limitBytes) {}

    /**
     * Adds one version. One thread at a time. Sequence numbers of one key must ascend from call to call.
     *
     * @param kind {@link dev.catena.engine.entry.Keys#PUT} or {@link dev.catena.engine.entry.Keys#DELETE} (value length 0)
     * @param key any segment, on or off the heap; copied
     * @param value any segment; copied
     */
    public void put(
            long sequence,
            int kind,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength) {
        throw new UnsupportedOperationException();
    }

    /** Looks a key (off-heap) up as of a snapshot. Any thread, while the caller holds the memtable retained. */
    public Lookup find(MemorySegment key, long keyOffset, int keyLength, long snapshotSequence, ValueSink sink) {
        throw new UnsupportedOperationException();
    }

    /** A new iterator that retains the memtable until closed. It also shows entries that are added while it moves. */
    public InternalIterator iterator() {
        throw new UnsupportedOperationException();
    }

    /** Bytes that entries take up, bookkeeping included. Any thread. */
    public long memoryBytes() {
        throw new UnsupportedOperationException();
    }

    /** Versions added. Any thread. */
    public long entries() {
        throw new UnsupportedOperationException();
    }

    /** Adds a reference; a new memtable has one. The caller must hold one already (or otherwise know that it is not freed). */
    public void retain() {
        throw new UnsupportedOperationException();
    }

    /** Gives a reference back; the last one frees the memory. */
    public void release() {
        throw new UnsupportedOperationException();
    }
}
