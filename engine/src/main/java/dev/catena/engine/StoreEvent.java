package dev.catena.engine;

/**
 * Something that a store did in the background, or that held up its writers: with why, how much and how long. What is known only at the
 * end is 0 in the event that says that it began.
 */
public sealed interface StoreEvent {
    /** Why, in words. */
    String reason();

    /** How long it took, in nanoseconds; 0 when it has just begun. */
    long nanos();

    /**
     * A memtable was written as tables of level 0.
     *
     * @param reason why, in words
     * @param entries in the memtable
     * @param memoryBytes of the memtable
     * @param tables written; none if nothing was left to write
     * @param bytes of the tables
     * @param nanos how long it took
     */
    record Flush(String reason, long entries, long memoryBytes, int tables, long bytes, long nanos)
            implements StoreEvent {}

    /**
     * Tables were merged into a level, or one was moved there as it is.
     *
     * @param reason why, in words
     * @param level where the upper tables are from; -1 for all levels
     * @param output the level that got the result
     * @param move whether a table was moved as it is
     * @param inputTables merged or moved
     * @param inputBytes of these
     * @param tables written or moved
     * @param bytes of these
     * @param copiedBytes those of them that were copied as they were, without being decoded
     * @param nanos how long it took
     */
    record Compaction(
            String reason,
            int level,
            int output,
            boolean move,
            int inputTables,
            long inputBytes,
            int tables,
            long bytes,
            long copiedBytes,
            long nanos)
            implements StoreEvent {}

    /**
     * Writers were held back, from the first one that had to wait to the first that had not.
     *
     * @param reason why the first had to wait, in words
     * @param writes held back
     * @param heldNanos how long, summed over writes
     * @param nanos from begin to end
     */
    record SlowDown(String reason, long writes, long heldNanos, long nanos) implements StoreEvent {}
}
