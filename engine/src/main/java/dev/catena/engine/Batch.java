package dev.catena.engine;

import dev.catena.engine.entry.Keys;
import dev.catena.engine.log.Operations;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Writes that take effect together: after a crash all of them are there or none, and no reader sees some of them. Keys and values are
 * copied in as they are added, in the form that the log stores ({@code u8 kind, varint key length, varint value length, key,
 * value} for each operation). May be reused after {@link #clear}. Not thread safe.
 */
public final class Batch {
    private static final int OPERATION_HEADER_BYTES_MAX = 1 + 5 + 5;

    private byte[] bytes = new byte[256];
    private MemorySegment view = MemorySegment.ofArray(bytes);
    private int size;
    private int count;
    private boolean merges;

    /** An empty batch. */
    public Batch() {}

    /**
     * Adds a put.
     *
     * @throws IllegalArgumentException when key or value are longer than {@link Limits} allow, or the batch would be
     */
    public Batch put(byte[] key, byte[] value) {
        return add(Keys.PUT, key, value);
    }

    private Batch add(int kind, byte[] key, byte[] value) {
        Limits.checkKey(key.length);
        Limits.checkValue(value.length);
        header(kind, key.length, value.length);
        System.arraycopy(key, 0, bytes, size, key.length);
        size += key.length;
        System.arraycopy(value, 0, bytes, size, value.length);
        size += value.length;
        return this;
    }

    /** Adds a put. As {@link #put(byte[], byte[])}. */
    public Batch put(MemorySegment key, MemorySegment value) {
        return add(Keys.PUT, key, value);
    }

    private Batch add(int kind, MemorySegment key, MemorySegment value) {
        int keyBytes = Limits.checkKey(key.byteSize());
        int valueBytes = Limits.checkValue(value.byteSize());
        header(kind, keyBytes, valueBytes);
        MemorySegment.copy(key, ValueLayout.JAVA_BYTE, 0, bytes, size, keyBytes);
        size += keyBytes;
        MemorySegment.copy(value, ValueLayout.JAVA_BYTE, 0, bytes, size, valueBytes);
        size += valueBytes;
        return this;
    }

    /**
     * Adds an operand of the store's merge operator.
     *
     * @throws IllegalArgumentException as {@link #put(byte[], byte[])}
     */
    public Batch merge(byte[] key, byte[] operand) {
        return add(Keys.MERGE, key, operand);
    }

    /** Adds an operand. As {@link #merge(byte[], byte[])}. */
    public Batch merge(MemorySegment key, MemorySegment operand) {
        return add(Keys.MERGE, key, operand);
    }

    /** Adds a deletion. Deleting what is not there is no error. */
    public Batch delete(byte[] key) {
        Limits.checkKey(key.length);
        header(Keys.DELETE, key.length, 0);
        System.arraycopy(key, 0, bytes, size, key.length);
        size += key.length;
        return this;
    }

    /** Adds a deletion. As {@link #delete(byte[])}. */
    public Batch delete(MemorySegment key) {
        int keyBytes = Limits.checkKey(key.byteSize());
        header(Keys.DELETE, keyBytes, 0);
        MemorySegment.copy(key, ValueLayout.JAVA_BYTE, 0, bytes, size, keyBytes);
        size += keyBytes;
        return this;
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
        merges = false;
    }

    /** Whether it has operands. */
    boolean hasMerges() {
        return merges;
    }

    /** The encoded operations: bytes 0 to {@link #bytes()} of this segment; valid until the next change. */
    MemorySegment encoded() {
        return view;
    }

    private void header(int kind, int keyBytes, int valueBytes) {
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
        merges |= kind == Keys.MERGE;
        size = (int) Operations.putHeader(view, size, kind, keyBytes, valueBytes);
        count++;
    }
}
