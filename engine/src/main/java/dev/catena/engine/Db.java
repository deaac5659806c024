package dev.catena.engine;

import dev.catena.engine.entry.Keys;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * An ordered map from byte strings to byte strings, kept in a directory. All methods are thread safe.
 *
 * <p>Every method throws {@link StoreClosedException} after {@link #close}, {@link StoreReadOnlyException} when it would write
 * after a failed write or to a store opened for reading, {@link CorruptionException} when bytes that it needs are damaged, and {@link StoreIoException} when the
 * operating system refuses something. Sizes are bounded by {@link Limits}. Keys and values are copied before a method returns.
 *
 * <p>A write is visible to readers as soon as it has its place in the log, before it is durable.
 */
public final class Db implements AutoCloseable {
    private static final MemorySegment NOTHING = MemorySegment.ofArray(new byte[0]);

    private final Store store;

    private Db(Store store) {
        this.store = store;
    }

    /**
     * Opens the store in a directory, and makes it when there is none (see {@link Options#withCreateIfMissing}). Replays its logs, so
     * that everything is there again that was durable, and perhaps more: a beginning of what was written, without gaps.
     *
     * @throws StoreLockedException when it is open already, in this process or another
     * @throws CorruptionException when the manifest, a log or the frame of a table is damaged
     */
    public static Db open(Path directory, Options options) {
        return new Db(Store.open(Objects.requireNonNull(directory), Objects.requireNonNull(options)));
    }

    /**
     * Opens the store in a directory for reading: nothing in the directory is written, made or removed, nor is any right to do that
     * needed. What is in logs only is read into memory, as much as that is. Methods that write throw {@link StoreReadOnlyException}.
     *
     * <p>Any number of readers, in any process, may have a store open at once. Not together with a writer: who opens a store for
     * reading while it is open for writing is refused, as the writer would remove files that the reader needs, and who opens it for
     * writing while somebody reads is refused too.
     *
     * @throws StoreLockedException when it is open for writing, in this process or another
     * @throws StoreIoException when there is no store
     * @throws CorruptionException as {@link #open}
     */
    public static Db openReadOnly(Path directory, Options options) {
        return new Db(Store.openReadOnly(Objects.requireNonNull(directory), Objects.requireNonNull(options)));
    }

    /**
     * Deletes a store's files, and its directory if nothing else is in it. What is not a store's stays. No error when there is none.
     *
     * @throws StoreLockedException when it is open, in this process or another
     */
    public static void destroy(Path directory) {
        Store.destroy(Objects.requireNonNull(directory));
    }

    /** Sets a key's value. */
    public void put(byte[] key, byte[] value, Durability durability) {
        Limits.checkKey(key.length);
        Limits.checkValue(value.length);
        Objects.requireNonNull(durability);
        store.write(
                Keys.PUT,
                MemorySegment.ofArray(key),
                key.length,
                MemorySegment.ofArray(value),
                value.length,
                durability);
    }

    /** Sets a key's value. */
    public void put(MemorySegment key, MemorySegment value, Durability durability) {
        int keyLength = Limits.checkKey(key.byteSize());
        int valueLength = Limits.checkValue(value.byteSize());
        Objects.requireNonNull(durability);
        store.write(Keys.PUT, key, keyLength, value, valueLength, durability);
    }

    /** Sets a key's value, buffered. */
    public void put(byte[] key, byte[] value) {
        put(key, value, Durability.BUFFERED);
    }

    /**
     * Has the store's {@link MergeOperator} apply an operand to a key's value, now or later: whoever reads sees it applied. Nothing is
     * read here.
     *
     * @throws IllegalStateException when the store has no merge operator
     */
    public void merge(byte[] key, byte[] operand, Durability durability) {
        merge(MemorySegment.ofArray(key), MemorySegment.ofArray(operand), durability);
    }

    /** As {@link #merge(byte[], byte[], Durability)}. */
    public void merge(MemorySegment key, MemorySegment operand, Durability durability) {
        int keyLength = Limits.checkKey(key.byteSize());
        int operandLength = Limits.checkValue(operand.byteSize());
        Objects.requireNonNull(durability);
        store.checkMerges();
        store.write(Keys.MERGE, key, keyLength, operand, operandLength, durability);
    }

    /** As {@link #merge(byte[], byte[], Durability)}, buffered. */
    public void merge(byte[] key, byte[] operand) {
        merge(key, operand, Durability.BUFFERED);
    }

    /** Removes a key; no error when it is not there. */
    public void delete(byte[] key, Durability durability) {
        Limits.checkKey(key.length);
        Objects.requireNonNull(durability);
        store.write(Keys.DELETE, MemorySegment.ofArray(key), key.length, NOTHING, 0, durability);
    }

    /** Removes a key; no error when it is not there. */
    public void delete(MemorySegment key, Durability durability) {
        int keyLength = Limits.checkKey(key.byteSize());
        Objects.requireNonNull(durability);
        store.write(Keys.DELETE, key, keyLength, NOTHING, 0, durability);
    }

    /** Removes a key, buffered. */
    public void delete(byte[] key) {
        delete(key, Durability.BUFFERED);
    }

    /**
     * Applies a batch, all of it or, after a crash, none; readers see all of it or none. The batch is not changed. Later operations of
     * the batch win over earlier ones. An empty synced batch makes everything written before durable.
     */
    public void write(Batch batch, Durability durability) {
        store.write(Objects.requireNonNull(batch), Objects.requireNonNull(durability));
    }

    /**
     * As {@link #write}, without waiting until the batch is durable: the future completes then, or at once when it is buffered. The batch
     * gets its place in the log, and is visible, before this returns; so calls of one thread are applied in their order, the caller may
     * use the batch again, and may be held back here when background work lags.
     *
     * <p>No thread waits for each batch: one commits for all. Whatever goes wrong arrives in the future. {@link #close} completes all
     * futures. What is hung on to the future runs in the common pool.
     */
    public CompletableFuture<@Nullable Void> writeAsync(Batch batch, Durability durability) {
        return store.writeAsync(Objects.requireNonNull(batch), Objects.requireNonNull(durability));
    }

    /**
     * As {@link #get(byte[])}, in one of the store's 16 threads for reading, which are started when needed. The key is copied. Whatever goes
     * wrong arrives in the future; after {@link #close} a {@link StoreClosedException}, also in those that still wait. What is hung on to
     * the future runs in that thread, so it should be short.
     */
    public CompletableFuture<byte @Nullable []> getAsync(byte[] key) {
        byte[] copy = key.clone();
        return store.<byte @Nullable []>readAsync(() -> get(copy));
    }

    /** A copy of a key's value, or null when the key is absent. */
    public byte @Nullable [] get(byte[] key) {
        return lookUp(key, null);
    }

    /** As {@link #get(byte[])}, as the store was when the snapshot was made. */
    public byte @Nullable [] get(byte[] key, Snapshot snapshot) {
        return lookUp(key, Objects.requireNonNull(snapshot));
    }

    private byte @Nullable [] lookUp(byte[] key, @Nullable Snapshot snapshot) {
        Limits.checkKey(key.length);
        Scratch scratch = Scratch.get();
        scratch.expectArray();
        return store.get(scratch.key(key), key.length, snapshot, scratch) ? scratch.takeArray() : null;
    }

    /** Copies as much of a key's value as fits. Returns the value's whole length in bytes, or -1 when the key is absent. */
    public long get(MemorySegment key, MemorySegment into) {
        return lookUp(key, into, null);
    }

    /** As {@link #get(MemorySegment, MemorySegment)}, as the store was when the snapshot was made. */
    public long get(MemorySegment key, MemorySegment into, Snapshot snapshot) {
        return lookUp(key, into, Objects.requireNonNull(snapshot));
    }

    private long lookUp(MemorySegment key, MemorySegment into, @Nullable Snapshot snapshot) {
        int length = Limits.checkKey(key.byteSize());
        Scratch scratch = Scratch.get();
        scratch.expectIn(into);
        boolean found = store.get(scratch.key(key), length, snapshot, scratch);
        return found ? scratch.takeLength() : -1;
    }

    /** A key's value where it lies, or null when the key is absent. Close it soon: it keeps the memory. */
    public @Nullable ValueView getView(MemorySegment key) {
        return view(key, null);
    }

    /** As {@link #getView(MemorySegment)}, as the store was when the snapshot was made. */
    public @Nullable ValueView getView(MemorySegment key, Snapshot snapshot) {
        return view(key, Objects.requireNonNull(snapshot));
    }

    private @Nullable ValueView view(MemorySegment key, @Nullable Snapshot snapshot) {
        int length = Limits.checkKey(key.byteSize());
        ValueView.Sink sink = new ValueView.Sink();
        return store.get(Scratch.get().key(key), length, snapshot, sink) ? sink.view() : null;
    }

    /**
     * Copies of several keys' values, in the order of the keys, null where a key is absent; all as of one moment. Keys may repeat.
     * A block of a table that several keys need is read once.
     */
    public List<byte @Nullable []> multiGet(List<byte[]> keys) {
        return lookUp(keys, null);
    }

    /** As {@link #multiGet(List)}, as the store was when the snapshot was made. */
    public List<byte @Nullable []> multiGet(List<byte[]> keys, Snapshot snapshot) {
        return lookUp(keys, Objects.requireNonNull(snapshot));
    }

    private List<byte @Nullable []> lookUp(List<byte[]> keys, @Nullable Snapshot snapshot) {
        for (byte[] key : keys) {
            Limits.checkKey(key.length);
        }
        return store.get(keys, snapshot);
    }

    /** Holds the store as it is now open to be read later. Close it, so that compaction may drop what only it sees. */
    public Snapshot snapshot() {
        return store.snapshot();
    }

    /** An iterator over the store as it is now. */
    public DbIterator iterator() {
        return store.iterator(IteratorOptions.defaults());
    }

    /** An iterator over the store as it was when the snapshot was made. The snapshot may be closed before it. */
    public DbIterator iterator(Snapshot snapshot) {
        return store.iterator(IteratorOptions.defaults().withSnapshot(snapshot));
    }

    /** An iterator over a part of the store, or over a snapshot. */
    public DbIterator iterator(IteratorOptions options) {
        return store.iterator(Objects.requireNonNull(options));
    }

    /** Writes what is in memtables to tables, and waits for it. */
    public void flush() {
        store.flush("flush asked for");
    }

    /** Flushes, merges all tables into the lowest level, and waits for it. */
    public void compact() {
        store.compact();
    }

    /**
     * Makes a copy of the store in a directory that does not exist yet: a store of its own, which holds all that was written before the
     * call, and of what is written meanwhile a beginning. Flushes first; the copy shares its tables with this store by hard links, or
     * has copies of them where links are not possible. Durable on return; after a crash it is there whole or not at all.
     *
     * @throws StoreIoException when the directory exists or its parent does not, or the operating system refuses something
     */
    public void checkpoint(Path directory) {
        store.checkpoint(Objects.requireNonNull(directory));
    }

    /** Figures about the store now. */
    public Stats stats() {
        return store.stats();
    }

    /** Reads every table and log and checks every checksum and the order of keys. Damage is reported, not thrown. */
    public VerifyReport verify(VerifyListener listener) {
        return store.verify(Objects.requireNonNull(listener));
    }

    /**
     * Waits for running operations, makes buffered writes durable and closes the store. Iterators still open throw from then on.
     * Closing twice is no error.
     */
    @Override
    public void close() {
        store.close();
    }
}
