package dev.catena.engine;

import java.lang.foreign.MemorySegment;

/**
 * Walks the store's keys upwards in unsigned byte order, as they were when the iterator was made. It pins memory and files: close it
 * soon. Used by one thread at a time; {@link #close} may come from any thread, as may the store's.
 *
 * <p>A new iterator stands nowhere: call {@link #seekToFirst} or {@link #seek} first. Every method but {@link #close} throws
 * {@link StoreClosedException} once the iterator or its store is closed, and {@link CorruptionException} when a table's block that
 * it needs is damaged.
 */
public final class DbIterator implements AutoCloseable {
    DbIterator() {}

    /** Moves to the smallest key, if any. */
    public void seekToFirst() {
        throw new UnsupportedOperationException();
    }

    /** Moves to the smallest key that is not below the given one, if any. */
    public void seek(byte[] key) {
        throw new UnsupportedOperationException();
    }

    /** Moves to the smallest key that is not below the given one, if any. */
    public void seek(MemorySegment key) {
        throw new UnsupportedOperationException();
    }

    /** Whether it stands on an entry. */
    public boolean isValid() {
        throw new UnsupportedOperationException();
    }

    /** Moves to the next key. @throws IllegalStateException when it stands on no entry */
    public void next() {
        throw new UnsupportedOperationException();
    }

    /** A copy of the key. @throws IllegalStateException when it stands on no entry */
    public byte[] key() {
        throw new UnsupportedOperationException();
    }

    /** A copy of the value. @throws IllegalStateException when it stands on no entry */
    public byte[] value() {
        throw new UnsupportedOperationException();
    }

    /** The key's bytes, read-only, valid until the iterator moves or closes. */
    public MemorySegment keySegment() {
        throw new UnsupportedOperationException();
    }

    /** The value's bytes, read-only, valid until the iterator moves or closes. */
    public MemorySegment valueSegment() {
        throw new UnsupportedOperationException();
    }

    /** Lets go of what it pins. Closing twice is no error. */
    @Override
    public void close() {}
}
