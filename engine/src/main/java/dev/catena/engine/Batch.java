package dev.catena.engine;

import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.log.Operations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes that take effect together: after a crash all of them are there or none, and no reader sees some of them. Keys and values are
 * copied in as they are added, in the form that the log stores. Operations may be for several column families of a store: those that
 * name none are for its default family. Each has a checksum from when it was added, which goes with it (see {@link Options#withKeyChecksums}). May be reused after {@link #clear}. Not thread safe.
 *
 * <p>Adding throws {@link IllegalArgumentException} when key or value are longer than {@link Limits} allow, or the batch would be.
 */
public final class Batch {
    private static final int OPERATION_HEADER_BYTES_MAX = 1 + 5 + 5 + 5 + 4;
    private static final byte[] NOTHING = {};

    private byte[] bytes = new byte[256];
    private MemorySegment view = MemorySegment.ofArray(bytes);
    private int size;
    private int count;

    /** The families that its operations name, each once. */
    private final List<Family> families = new ArrayList<>();

    /** Whether there are operations that name no family, and operands among them. */
    private boolean usesDefault;

    private boolean mergesDefault;

    /** An empty batch. */
    public Batch() {}

    /** Adds a put. */
    public Batch put(byte[] key, byte[] value) {
        return add(Keys.PUT, null, key, value);
    }

    /** Adds a put. */
    public Batch put(MemorySegment key, MemorySegment value) {
        return add(Keys.PUT, null, key, value);
    }

    /** Adds a put to a column family. */
    public Batch put(ColumnFamily family, byte[] key, byte[] value) {
        return add(Keys.PUT, family.family, key, value);
    }

    /** Adds a put to a column family. */
    public Batch put(ColumnFamily family, MemorySegment key, MemorySegment value) {
        return add(Keys.PUT, family.family, key, value);
    }

    /** Adds an operand of the default family's merge operator. */
    public Batch merge(byte[] key, byte[] operand) {
        return add(Keys.MERGE, null, key, operand);
    }

    /** Adds an operand of the default family's merge operator. */
    public Batch merge(MemorySegment key, MemorySegment operand) {
        return add(Keys.MERGE, null, key, operand);
    }

    /**
     * Adds an operand of a column family's merge operator.
     *
     * @throws IllegalStateException when the family has no merge operator
     */
    public Batch merge(ColumnFamily family, byte[] key, byte[] operand) {
        family.family.checkMerges();
        return add(Keys.MERGE, family.family, key, operand);
    }

    /** Adds an operand. As {@link #merge(ColumnFamily, byte[], byte[])}. */
    public Batch merge(ColumnFamily family, MemorySegment key, MemorySegment operand) {
        family.family.checkMerges();
        return add(Keys.MERGE, family.family, key, operand);
    }

    /** Adds a deletion. Deleting what is not there is no error. */
    public Batch delete(byte[] key) {
        return add(Keys.DELETE, null, key, NOTHING);
    }

    /** Adds a deletion. Deleting what is not there is no error. */
    public Batch delete(MemorySegment key) {
        return add(Keys.DELETE, null, key, MemorySegment.ofArray(NOTHING));
    }

    /** Adds a deletion in a column family. Deleting what is not there is no error. */
    public Batch delete(ColumnFamily family, byte[] key) {
        return add(Keys.DELETE, family.family, key, NOTHING);
    }

    /** Adds a deletion in a column family. Deleting what is not there is no error. */
    public Batch delete(ColumnFamily family, MemorySegment key) {
        return add(Keys.DELETE, family.family, key, MemorySegment.ofArray(NOTHING));
    }

    /** Adds the deletion of all keys from begin to end, which itself is not deleted. Not after begin, there are none. */
    public Batch deleteRange(byte[] begin, byte[] end) {
        Limits.checkKey(end.length);
        return add(Keys.DELETE_RANGE, null, begin, end);
    }

    /** Adds the deletion of a range. As {@link #deleteRange(byte[], byte[])}. */
    public Batch deleteRange(MemorySegment begin, MemorySegment end) {
        int unused = Limits.checkKey(end.byteSize());
        return add(Keys.DELETE_RANGE, null, begin, end);
    }

    /** Adds the deletion of a range of a column family. As {@link #deleteRange(byte[], byte[])}. */
    public Batch deleteRange(ColumnFamily family, byte[] begin, byte[] end) {
        Limits.checkKey(end.length);
        return add(Keys.DELETE_RANGE, family.family, begin, end);
    }

    /** Adds the deletion of a range of a column family. As {@link #deleteRange(byte[], byte[])}. */
    public Batch deleteRange(ColumnFamily family, MemorySegment begin, MemorySegment end) {
        int unused = Limits.checkKey(end.byteSize());
        return add(Keys.DELETE_RANGE, family.family, begin, end);
    }

    /** Operations in it. */
    public int count() {
        return count;
    }

    /** Bytes that it takes in the log. */
    public long bytes() {
        return size;
    }

    /** Empties it; its memory is kept. */
    public void clear() {
        size = 0;
        count = 0;
        families.clear();
        usesDefault = false;
        mergesDefault = false;
    }

    /** The families that its operations name, each once. */
    List<Family> families() {
        return families;
    }

    /** Whether there are operations that name no family. */
    boolean usesDefault() {
        return usesDefault;
    }

    /** Whether there are operands among those. */
    boolean mergesDefault() {
        return mergesDefault;
    }

    /** The encoded operations: bytes 0 to {@link #bytes()} of this segment; valid until the next change. */
    MemorySegment encoded() {
        return view;
    }

    private Batch add(int kind, @Nullable Family family, byte[] key, byte[] value) {
        Limits.checkKey(key.length);
        Limits.checkValue(value.length);
        int checksum = EntryChecksum.ofOperation(
                kind,
                family == null ? 0 : family.number,
                EntryChecksum.hash(key, 0, key.length, EntryChecksum.KEY),
                EntryChecksum.hash(value, 0, value.length, EntryChecksum.VALUE));
        header(kind, family, key.length, value.length);
        Operations.putChecksum(view, size, checksum);
        System.arraycopy(key, 0, bytes, size, key.length);
        size += key.length;
        System.arraycopy(value, 0, bytes, size, value.length);
        size += value.length;
        return this;
    }

    private Batch add(int kind, @Nullable Family family, MemorySegment key, MemorySegment value) {
        int keyBytes = Limits.checkKey(key.byteSize());
        int valueBytes = Limits.checkValue(value.byteSize());
        int before = size;
        header(kind, family, keyBytes, valueBytes);
        int at = size;
        MemorySegment.copy(key, ValueLayout.JAVA_BYTE, 0, bytes, at, keyBytes);
        int valueAt = at + keyBytes;
        MemorySegment.copy(value, ValueLayout.JAVA_BYTE, 0, bytes, valueAt, valueBytes);
        int checksum = EntryChecksum.ofOperation(
                kind,
                family == null ? 0 : family.number,
                EntryChecksum.hash(bytes, at, keyBytes, EntryChecksum.KEY),
                EntryChecksum.hash(bytes, valueAt, valueBytes, EntryChecksum.VALUE));
        Operations.putChecksum(view, at, checksum);
        size = valueAt + valueBytes;
        if (!Memory.isCopy(key, 0, view, at, keyBytes) || !Memory.isCopy(value, 0, view, valueAt, valueBytes)) {
            size = before;
            count--;
            throw new IllegalStateException("key or value was changed while it was added");
        }
        return this;
    }

    private void header(int kind, @Nullable Family family, int keyBytes, int valueBytes) {
        long needed = (long) size + OPERATION_HEADER_BYTES_MAX + keyBytes + valueBytes;
        if (needed > Limits.BATCH_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "batch of " + needed + " bytes: at most " + Limits.BATCH_BYTES_MAX + " are allowed");
        }
        if (needed > bytes.length) {
            bytes = Arrays.copyOf(bytes, (int)
                    Math.min(Limits.BATCH_BYTES_MAX, Math.max(needed, (long) bytes.length * 2)));
            view = MemorySegment.ofArray(bytes);
        }
        if (family == null) {
            usesDefault = true;
            mergesDefault |= kind == Keys.MERGE;
        } else if (!families.contains(family)) {
            families.add(family);
        }
        size = (int)
                Operations.putHeader(view, size, kind, family == null ? 0 : family.number, keyBytes, valueBytes, true);
        count++;
    }
}
