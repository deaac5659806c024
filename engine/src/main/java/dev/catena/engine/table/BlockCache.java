package dev.catena.engine.table;

public final class BlockCache implements AutoCloseable {
    /** @param capacityBytes bytes of blocks, bookkeeping included, held at most */
    public BlockCache(long capacityBytes) {}

    /** Bytes held now. */
    public long bytes() {
        throw new UnsupportedOperationException();
    }

    /** Lookups that found their block. */
    public long hits() {
        throw new UnsupportedOperationException();
    }

    /** Lookups that did not. */
    public long misses() {
        throw new UnsupportedOperationException();
    }

    /** Frees everything; no block may be in use, no table open. */
    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
