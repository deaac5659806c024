package dev.catena.engine;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;

/**
 * Walks the store's keys upwards in unsigned byte order, as they were when the iterator was made. It pins memory and files: close it
 * soon. Used by one thread at a time; {@link #close} may come from any thread, as may the store's.
 *
 * <p>A new iterator stands nowhere: call {@link #seekToFirst} or {@link #seek} first. Every method but {@link #close} throws
 * {@link StoreClosedException} once the iterator or its store is closed, and {@link CorruptionException} when a table's block that
 * it needs is damaged.
 */
public final class DbIterator implements AutoCloseable {
    // How it works: the merge of all memtables and tables yields every version of every key, newest first. Skipped are
    // versions newer
    // than the snapshot, deletions, and every version of a key after its first visible one (`settled` holds that key).
    //
    // An operation marks itself as running and then looks whether the iterator is closed; who closes does it the other
    // way round and
    // waits for the operation. So memory is never freed under a running operation, and none begins after.

    private static final int FIRST_KEY_BYTES = 256;
    private static final VarHandle RUNNING;
    private static final VarHandle CLOSED;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            RUNNING = lookup.findVarHandle(DbIterator.class, "running", boolean.class);
            CLOSED = lookup.findVarHandle(DbIterator.class, "closed", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final ReadState state;
    private final InternalIterator entries;
    private final long snapshot;
    private final Consumer<DbIterator> closer;

    private boolean valid;

    /** The key whose newest visible version has been seen; length -1 when there is none. */
    private MemorySegment settled = NativeMemory.allocate(FIRST_KEY_BYTES, "iterator");

    private int settledLength = -1;

    /** What {@link #keySegment} and {@link #valueSegment} show: heap memory, so that a view kept too long shows old bytes at worst. */
    private byte[] keyBytes = new byte[64];

    private byte[] valueBytes = new byte[256];

    @SuppressWarnings("UnusedVariable") // through RUNNING
    private boolean running;

    @SuppressWarnings("UnusedVariable") // through CLOSED
    private boolean closed;

    /**
     * @param state referenced for this iterator; released through the closer
     * @param entries closed by this iterator
     * @param snapshot the largest sequence number to see
     * @param closer called once, when this closes
     */
    DbIterator(ReadState state, InternalIterator entries, long snapshot, Consumer<DbIterator> closer) {
        this.state = state;
        this.entries = entries;
        this.snapshot = snapshot;
        this.closer = closer;
    }

    /** Moves to the smallest key, if any. */
    public void seekToFirst() {
        begin();
        try {
            valid = false;
            entries.seekToFirst();
            settledLength = -1;
            findVisible();
        } catch (ChainIoException e) {
            throw Store.readFailed(e);
        } finally {
            end();
        }
    }

    /** Moves to the smallest key that is not below the given one, if any. */
    public void seek(byte[] key) {
        Limits.checkKey(key.length);
        seek(Scratch.get().key(key), key.length);
    }

    /** Moves to the smallest key that is not below the given one, if any. */
    public void seek(MemorySegment key) {
        int length = Limits.checkKey(key.byteSize());
        seek(Scratch.get().key(key), length);
    }

    private void seek(MemorySegment key, int length) {
        begin();
        try {
            valid = false;
            entries.seek(key, 0, length, Keys.seekTrailer(snapshot));
            settledLength = -1;
            findVisible();
        } catch (ChainIoException e) {
            throw Store.readFailed(e);
        } finally {
            end();
        }
    }

    /** Whether it stands on an entry. */
    public boolean isValid() {
        if ((boolean) CLOSED.getVolatile(this)) {
            throw new StoreClosedException("iterator");
        }
        return valid;
    }

    /** Moves to the next key. @throws IllegalStateException when it stands on no entry */
    public void next() {
        begin();
        try {
            checkValid();
            valid = false;
            settle();
            entries.next();
            findVisible();
        } catch (ChainIoException e) {
            throw Store.readFailed(e);
        } finally {
            end();
        }
    }

    /** A copy of the key. @throws IllegalStateException when it stands on no entry */
    public byte[] key() {
        begin();
        try {
            checkValid();
            int length = entries.keyLength();
            return length == 0 ? new byte[0] : Memory.toArray(entries.keyAddress(), length);
        } finally {
            end();
        }
    }

    /** A copy of the value. @throws IllegalStateException when it stands on no entry */
    public byte[] value() {
        begin();
        try {
            checkValid();
            int length = entries.valueLength();
            return length == 0 ? new byte[0] : Memory.toArray(entries.valueAddress(), length);
        } finally {
            end();
        }
    }

    /** The key's bytes, read-only, valid until the iterator moves or closes. */
    public MemorySegment keySegment() {
        begin();
        try {
            checkValid();
            int length = entries.keyLength();
            if (length > keyBytes.length) {
                keyBytes = new byte[Math.max(length, 2 * keyBytes.length)];
            }
            if (length > 0) {
                MemorySegment.copy(Memory.ALL, ValueLayout.JAVA_BYTE, entries.keyAddress(), keyBytes, 0, length);
            }
            return MemorySegment.ofArray(keyBytes).asSlice(0, length).asReadOnly();
        } finally {
            end();
        }
    }

    /** The value's bytes, read-only, valid until the iterator moves or closes. */
    public MemorySegment valueSegment() {
        begin();
        try {
            checkValid();
            int length = entries.valueLength();
            if (length > valueBytes.length) {
                valueBytes = new byte[Math.max(length, (int) Math.min(Limits.VALUE_BYTES_MAX, 2L * valueBytes.length))];
            }
            if (length > 0) {
                MemorySegment.copy(Memory.ALL, ValueLayout.JAVA_BYTE, entries.valueAddress(), valueBytes, 0, length);
            }
            return MemorySegment.ofArray(valueBytes).asSlice(0, length).asReadOnly();
        } finally {
            end();
        }
    }

    /** Lets go of what it pins. Closing twice is no error. */
    @Override
    public void close() {
        if (!CLOSED.compareAndSet(this, false, true)) {
            return;
        }
        while ((boolean) RUNNING.getVolatile(this)) {
            Thread.yield(); // a virtual thread leaves its carrier to who uses the iterator
        }
        valid = false;
        try {
            entries.close();
        } finally {
            NativeMemory.free(settled);
            closer.accept(this);
        }
    }

    ReadState state() {
        return state;
    }

    private void findVisible() {
        while (entries.isValid()) {
            long trailer = entries.trailer();
            if (Keys.sequence(trailer) <= snapshot && !isSettled()) {
                if (Keys.kind(trailer) == Keys.PUT) {
                    valid = true;
                    return;
                }
                settle();
            }
            entries.next();
        }
    }

    private boolean isSettled() {
        int length = entries.keyLength();
        return length == settledLength && Keys.compare(entries.keyAddress(), length, settled.address(), length) == 0;
    }

    private void settle() {
        int length = entries.keyLength();
        if (length > settled.byteSize()) {
            MemorySegment larger = NativeMemory.allocate(2L * length, "iterator");
            NativeMemory.free(settled);
            settled = larger;
        }
        Memory.copy(entries.keyAddress(), settled.address(), length);
        settledLength = length;
    }

    private void checkValid() {
        if (!valid) {
            throw new IllegalStateException("the iterator stands on no entry");
        }
    }

    private void begin() {
        RUNNING.setVolatile(this, true);
        if ((boolean) CLOSED.getVolatile(this)) {
            RUNNING.setRelease(this, false);
            throw new StoreClosedException("iterator");
        }
    }

    private void end() {
        RUNNING.setRelease(this, false);
    }
}
