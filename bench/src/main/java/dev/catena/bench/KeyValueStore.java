package dev.catena.bench;

import java.lang.foreign.MemorySegment;

/**
 * What the workloads need of a store, in the shape that costs every store least: a {@linkplain Session session} owns the buffers
 * that keys and values pass through, in the memory (heap or native) that the store likes best, and nothing is allocated an operation.
 *
 * <p>Stores are thread safe; sessions and cursors belong to one thread.
 */
public interface KeyValueStore extends AutoCloseable {
    /** What {@link Session#cursor(long)} takes for a store's own choice. */
    long AUTOMATIC_READAHEAD = -1;

    /** Opens a session for one thread. */
    Session session();

    /** Writes what is in memtables to tables, which also begins a new log, and waits. */
    void flush();

    /** Brings all data to the bottom level and waits, so that what is read afterwards lies the same way in every store. */
    void settle();

    /** Does {@link #flush} and waits until the store has no background work left of its own accord. */
    void awaitIdle();

    /** Bytes of tables written since it was opened, by flushes and compactions. */
    long tableBytesWritten();

    /** What runs underneath, for the report: a backend or a version. */
    String backend();

    @Override
    void close();

    /** One thread's access, with its buffers. */
    interface Session extends AutoCloseable {
        /** The key that the next operation uses: {@link KeyFormat#KEY_BYTES} bytes. */
        MemorySegment key();

        /**
         * The value that {@link #put} writes, and where {@link #get} and cursors leave one: {@link ValueSource#VALUE_BYTES} bytes,
         * unless the store was opened for others.
         */
        MemorySegment value();

        /** Sets the key's value; returns when it is durable if synced. */
        void put(boolean synced);

        /** Copies the key's value into {@link #value}; returns its length in bytes, or -1 when the key is absent. */
        long get();

        /** A cursor over the store as it is now. */
        default Cursor cursor() {
            return cursor(AUTOMATIC_READAHEAD);
        }

        /** The same, which reads so many bytes ahead; or as many as the store thinks best. */
        Cursor cursor(long readaheadBytes);

        @Override
        void close();
    }

    /**
     * Walks entries upwards. Each move that finds an entry copies its key and value into the session's buffers and returns true.
     */
    interface Cursor extends AutoCloseable {
        /** Moves to the first entry. */
        boolean first();

        /** Moves to the first entry that is not below the session's key. */
        boolean seek();

        /** Moves to the next entry. */
        boolean next();

        @Override
        void close();
    }
}
