package dev.catena.engine;

import dev.catena.engine.entry.Keys;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * An ordered map from byte strings to byte strings, one of several in a store: with a name, with options of its own, and with tables of
 * its own, so that it can be dropped at once and its space given back. Families share the log: a {@link Batch} over several of them is
 * atomic, a {@link Snapshot} is of all of them. {@link Db#createColumnFamily} makes one. The {@link Db} is itself the family
 * {@value #DEFAULT}, which every store has. All methods are thread safe.
 *
 * <p>Every method throws {@link StoreClosedException} after {@link Db#close}, {@link ColumnFamilyDroppedException} once the family is
 * dropped, {@link StoreReadOnlyException} when it would write after a failed write or to a store opened for reading,
 * {@link CorruptionException} when bytes that it needs are damaged, and {@link StoreIoException} when the operating system refuses
 * something. Sizes are bounded by {@link Limits}. Keys and values are copied before a method returns.
 *
 * <p>A write is visible to readers as soon as it has its place in the log, before it is durable.
 */
public sealed class ColumnFamily permits Db {
    /** The name of the family that every store has. */
    public static final String DEFAULT = "default";

    private static final MemorySegment NOTHING = MemorySegment.ofArray(new byte[0]);

    final Family family;

    ColumnFamily(Family family) {
        this.family = family;
    }

    /** Its name. */
    public final String name() {
        return family.name;
    }

    /** The options that it was made or opened with; what is of the store as a whole is as the store has it. */
    public final Options options() {
        return family.options;
    }

    /** Sets a key's value. */
    public void put(byte[] key, byte[] value, Durability durability) {
        put(MemorySegment.ofArray(key), MemorySegment.ofArray(value), durability);
    }

    /** Sets a key's value. */
    public void put(MemorySegment key, MemorySegment value, Durability durability) {
        write(Keys.PUT, key, value, Limits.checkValue(value.byteSize()), durability);
    }

    /** Sets a key's value, buffered. */
    public void put(byte[] key, byte[] value) {
        put(key, value, Durability.BUFFERED);
    }

    /**
     * Has the family's {@link MergeOperator} apply an operand to a key's value, now or later: whoever reads sees it applied. Nothing is
     * read here.
     *
     * @throws IllegalStateException when the family has no merge operator
     */
    public void merge(byte[] key, byte[] operand, Durability durability) {
        merge(MemorySegment.ofArray(key), MemorySegment.ofArray(operand), durability);
    }

    /** As {@link #merge(byte[], byte[], Durability)}. */
    public void merge(MemorySegment key, MemorySegment operand, Durability durability) {
        family.checkMerges();
        write(Keys.MERGE, key, operand, Limits.checkValue(operand.byteSize()), durability);
    }

    /** As {@link #merge(byte[], byte[], Durability)}, buffered. */
    public void merge(byte[] key, byte[] operand) {
        merge(key, operand, Durability.BUFFERED);
    }

    /** Removes a key; no error when it is not there. */
    public void delete(byte[] key, Durability durability) {
        delete(MemorySegment.ofArray(key), durability);
    }

    /** Removes a key; no error when it is not there. */
    public void delete(MemorySegment key, Durability durability) {
        write(Keys.DELETE, key, NOTHING, 0, durability);
    }

    private void write(int kind, MemorySegment key, MemorySegment value, int valueLength, Durability durability) {
        int keyLength = Limits.checkKey(key.byteSize());
        Objects.requireNonNull(durability);
        family.store.write(family, kind, key, keyLength, value, valueLength, durability);
    }

    /** Removes a key, buffered. */
    public void delete(byte[] key) {
        delete(key, Durability.BUFFERED);
    }

    /**
     * Removes all keys from begin to end, which itself is not removed; none when it is not after begin. Costs as much as a put, however
     * many keys there are; what they took is given back by compaction.
     */
    public void deleteRange(byte[] begin, byte[] end, Durability durability) {
        deleteRange(MemorySegment.ofArray(begin), MemorySegment.ofArray(end), durability);
    }

    /** As {@link #deleteRange(byte[], byte[], Durability)}. */
    public void deleteRange(MemorySegment begin, MemorySegment end, Durability durability) {
        write(Keys.DELETE_RANGE, begin, end, Limits.checkKey(end.byteSize()), durability);
    }

    /** As {@link #deleteRange(byte[], byte[], Durability)}, buffered. */
    public void deleteRange(byte[] begin, byte[] end) {
        deleteRange(begin, end, Durability.BUFFERED);
    }

    /**
     * As {@link #get(byte[])}, in one of the store's 16 threads for reading, which are started when needed. The key is copied. Whatever goes
     * wrong arrives in the future; after {@link Db#close} a {@link StoreClosedException}, also in those that still wait. What is hung on to
     * the future runs in that thread, so it should be short.
     */
    public CompletableFuture<byte @Nullable []> getAsync(byte[] key) {
        byte[] copy = key.clone();
        return family.store.<byte @Nullable []>readAsync(() -> get(copy));
    }

    /** A copy of a key's value, or null when the key is absent. */
    public byte @Nullable [] get(byte[] key) {
        return lookUp(key, null);
    }

    /** As {@link #get(byte[])}, as it was when the snapshot was made. */
    public byte @Nullable [] get(byte[] key, Snapshot snapshot) {
        return lookUp(key, Objects.requireNonNull(snapshot));
    }

    private byte @Nullable [] lookUp(byte[] key, @Nullable Snapshot snapshot) {
        Limits.checkKey(key.length);
        Scratch scratch = Scratch.get();
        scratch.expectArray();
        return family.get(scratch.key(key), key.length, snapshot, scratch) ? scratch.takeArray() : null;
    }

    /** Copies as much of a key's value as fits. Returns the value's whole length in bytes, or -1 when the key is absent. */
    public long get(MemorySegment key, MemorySegment into) {
        return lookUp(key, into, null);
    }

    /** As {@link #get(MemorySegment, MemorySegment)}, as it was when the snapshot was made. */
    public long get(MemorySegment key, MemorySegment into, Snapshot snapshot) {
        return lookUp(key, into, Objects.requireNonNull(snapshot));
    }

    private long lookUp(MemorySegment key, MemorySegment into, @Nullable Snapshot snapshot) {
        int length = Limits.checkKey(key.byteSize());
        Scratch scratch = Scratch.get();
        scratch.expectIn(into);
        boolean found = family.get(scratch.key(key), length, snapshot, scratch);
        return found ? scratch.takeLength() : -1;
    }

    /** A key's value where it lies, or null when the key is absent. Close it soon: it keeps the memory. */
    public @Nullable ValueView getView(MemorySegment key) {
        return view(key, null);
    }

    /** As {@link #getView(MemorySegment)}, as it was when the snapshot was made. */
    public @Nullable ValueView getView(MemorySegment key, Snapshot snapshot) {
        return view(key, Objects.requireNonNull(snapshot));
    }

    private @Nullable ValueView view(MemorySegment key, @Nullable Snapshot snapshot) {
        int length = Limits.checkKey(key.byteSize());
        ValueView.Sink sink = new ValueView.Sink();
        return family.get(Scratch.get().key(key), length, snapshot, sink) ? sink.view() : null;
    }

    /**
     * Copies of several keys' values, in the order of the keys, null where a key is absent; all as of one moment. Keys may repeat.
     * A block of a table that several keys need is read once, and blocks that are not in the cache are read together.
     *
     * @throws CorruptionException when a block that one of the keys needs is damaged: no value is returned then, and lookups of single
     *     keys tell which are whole
     */
    public List<byte @Nullable []> multiGet(List<byte[]> keys) {
        return lookUp(keys, null);
    }

    /** As {@link #multiGet(List)}, as it was when the snapshot was made. */
    public List<byte @Nullable []> multiGet(List<byte[]> keys, Snapshot snapshot) {
        return lookUp(keys, Objects.requireNonNull(snapshot));
    }

    private List<byte @Nullable []> lookUp(List<byte[]> keys, @Nullable Snapshot snapshot) {
        for (byte[] key : keys) {
            Limits.checkKey(key.length);
        }
        return family.get(keys, snapshot);
    }

    /** An iterator over the family as it is now. */
    public DbIterator iterator() {
        return family.iterator(IteratorOptions.defaults());
    }

    /** An iterator over the family as it was when the snapshot was made. The snapshot may be closed before it. */
    public DbIterator iterator(Snapshot snapshot) {
        return family.iterator(IteratorOptions.defaults().withSnapshot(snapshot));
    }

    /** An iterator over a part of the family, or over a snapshot. */
    public DbIterator iterator(IteratorOptions options) {
        return family.iterator(Objects.requireNonNull(options));
    }

    /** Writes what is in the family's memtables to tables, and waits for it. */
    public void flush() {
        family.store.run(() -> family.flush("flush asked for"));
    }

    /**
     * Flushes, merges all tables of the family into the lowest level, and waits for it; a table there that shares keys with no other one stays as it is.
     * An interrupt does not end the wait.
     *
     * @throws CorruptionException when a table is damaged: it stays, with all that shares keys with it; all else was merged
     */
    public void compact() {
        family.store.run(family::compact);
    }

    /**
     * Flushes, and has all tables with keys of a range merged into the lowest level. Does not wait for that: the future completes when it
     * is done, or with what went wrong: {@link CorruptionException} if a table with keys of the range is damaged, which stays, with what could
     * only be merged with it; waiting for it may be interrupted, which leaves the compaction going. Cancelling the future ends
     * it within milliseconds; what was merged until then stays merged, nothing is lost. {@link Db#close} ends it too. Other compactions go
     * on between its parts.
     *
     * @param begin the smallest key of the range; null for no bound
     * @param end the smallest key above the range; null for no bound
     */
    public CompletableFuture<@Nullable Void> compact(byte @Nullable [] begin, byte @Nullable [] end) {
        List<CompletableFuture<@Nullable Void>> done = new ArrayList<>();
        family.store.run(
                () -> done.add(family.compact(begin == null ? null : begin.clone(), end == null ? null : end.clone())));
        return done.getFirst();
    }

    /** The name. */
    @Override
    public String toString() {
        return "column family " + family.name;
    }
}
