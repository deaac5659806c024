package dev.catena.engine.entry;

import java.lang.foreign.MemorySegment;

/** Takes a value found by a lookup. */
@FunctionalInterface
public interface ValueSink {
    /**
     * Called at most once a lookup, from the thread that looks up.
     *
     * @param segment memory that holds the value, valid during the call only; off the heap unless the value was just merged
     * @param offset where the value starts in it
     * @param length the value's bytes, from 0
     */
    void accept(MemorySegment segment, long offset, int length);

    /**
     * Called for each operand that a lookup comes upon, newest first, before the value that they apply to, if there is one.
     *
     * @return whether to go on; else the lookup ends with {@link Lookup#MERGE}, as it does for all who only want values
     */
    default boolean operand(MemorySegment segment, long offset, int length) {
        return false;
    }

    /**
     * Called after {@link #accept} with who keeps the value's memory, which stays until {@link Keeper#release} is called with the handle.
     *
     * @return whether the sink wants that; else the memory is the keeper's again after the call
     */
    default boolean keep(Keeper keeper, long handle) {
        return false;
    }

    /** Who keeps memory that is being read. */
    @FunctionalInterface
    interface Keeper {
        /** Gives the memory back. Any thread. */
        void release(long handle);
    }
}
