package dev.catena.engine.entry;

import java.lang.foreign.MemorySegment;

/** Takes a value found by a lookup. */
@FunctionalInterface
public interface ValueSink {
    /**
     * Called at most once a lookup, from the thread that looks up.
     *
     * @param segment off-heap memory that holds the value, valid during the call only
     * @param offset where the value starts in it
     * @param length the value's bytes, from 0
     */
    void accept(MemorySegment segment, long offset, int length);
}
