package dev.catena.engine;

/**
 * The store as it was at a moment, to be read later: {@link Db#snapshot} makes one, {@link Db#get(byte[], Snapshot)}
 * {@link Db#multiGet(java.util.List, Snapshot)} and {@link Db#iterator(Snapshot)} read through it.
 *
 * <p>It is a sequence number that is held open. While it is open, flushes and compactions keep the versions of keys that it sees, so a
 * snapshot kept for long costs the disk space of what is overwritten meanwhile, but pins no memory and no files.
 *
 * <p>Thread safe. Reading through a closed snapshot throws {@link StoreClosedException}; a read that began before goes on as if it were
 * open, and so does an iterator. Closing the store ends its snapshots.
 */
public final class Snapshot implements AutoCloseable {
    private final Store store;
    private final long sequence;
    private volatile boolean closed;

    Snapshot(Store store, long sequence) {
        this.store = store;
        this.sequence = sequence;
    }

    /** The newest operation that it sees: operations of a store are numbered from 1. */
    public long sequence() {
        return sequence;
    }

    /** Lets go of what only it sees. Closing twice, or after the store, is no error. */
    @Override
    public void close() {
        closed = true;
        store.snapshotClosed(this);
    }

    /**
     * The sequence number, for a reader that has pinned a state of the store: what the snapshot sees stays in that state even if the
     * snapshot is closed after this.
     */
    long sequenceFor(Store reader) {
        if (reader != store) {
            throw new IllegalArgumentException("the snapshot is of another store");
        }
        if (closed) {
            throw new StoreClosedException("snapshot");
        }
        return sequence;
    }
}
