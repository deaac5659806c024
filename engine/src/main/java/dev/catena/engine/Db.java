package dev.catena.engine;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * An ordered map from byte strings to byte strings, kept in a directory. All methods are thread safe.
 *
 * <p>Every method throws {@link StoreClosedException} after {@link #close}, {@link StoreReadOnlyException} when it would write
 * after a failed write, {@link CorruptionException} when bytes that it needs are damaged, and {@link StoreIoException} when the
 * operating system refuses something. Sizes are bounded by {@link Limits}.
 */
public final class Db implements AutoCloseable {
    private Db() {}

    /**
     * Opens the store in a directory, and makes it when there is none (see {@link Options#withCreateIfMissing}).
     *
     * @throws StoreLockedException when it is open already, in this process or another
     */
    public static Db open(Path directory, Options options) {
        throw new UnsupportedOperationException();
    }

    /** Sets a key's value. */
    public void put(byte[] key, byte[] value, Durability durability) {
        throw new UnsupportedOperationException();
    }

    /** Sets a key's value. */
    public void put(MemorySegment key, MemorySegment value, Durability durability) {
        throw new UnsupportedOperationException();
    }

    /** Sets a key's value, buffered. */
    public void put(byte[] key, byte[] value) {
        put(key, value, Durability.BUFFERED);
    }

    /** Removes a key; no error when it is not there. */
    public void delete(byte[] key, Durability durability) {
        throw new UnsupportedOperationException();
    }

    /** Removes a key; no error when it is not there. */
    public void delete(MemorySegment key, Durability durability) {
        throw new UnsupportedOperationException();
    }

    /** Removes a key, buffered. */
    public void delete(byte[] key) {
        delete(key, Durability.BUFFERED);
    }

    /** Applies a batch, all of it or, after a crash, none. The batch is not changed. */
    public void write(Batch batch, Durability durability) {
        throw new UnsupportedOperationException();
    }

    /** A copy of a key's value, or null when the key is absent. */
    public byte @Nullable [] get(byte[] key) {
        throw new UnsupportedOperationException();
    }

    /** Copies as much of a key's value as fits. Returns the value's whole length in bytes, or -1 when the key is absent. */
    public long get(MemorySegment key, MemorySegment into) {
        throw new UnsupportedOperationException();
    }

    /** An iterator over the store as it is now. */
    public DbIterator iterator() {
        throw new UnsupportedOperationException();
    }

    /** Writes what is in memtables to tables, and waits for it. */
    public void flush() {
        throw new UnsupportedOperationException();
    }

    /** Flushes, merges all tables into the lowest level, and waits for it. */
    public void compact() {
        throw new UnsupportedOperationException();
    }

    /** Figures about the store now. */
    public Stats stats() {
        throw new UnsupportedOperationException();
    }

    /** Reads every table and log and checks every checksum and the order of keys. Damage is reported, not thrown. */
    public VerifyReport verify(VerifyListener listener) {
        throw new UnsupportedOperationException();
    }

    /**
     * Waits for running operations, makes buffered writes durable and closes the store. Iterators still open throw from then on.
     * Closing twice is no error.
     */
    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }
}
