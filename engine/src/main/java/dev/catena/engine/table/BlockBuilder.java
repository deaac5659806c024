package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;

/**
 * Builds one data block after another in off-heap memory, with room for the frame's header in front of the payload. The layout is
 * {@link Block}'s.
 *
 * <p>Entries are added with whole keys. What they all begin with is known when the block is full: the bytes that the first and the
 * last key share. Then they are taken out of each entry, in place; bytes only ever move towards the block's beginning.
 *
 * <p>Not thread safe.
 */
final class BlockBuilder implements AutoCloseable {
    private static final int ENTRIES = TableFormat.FRAME_HEADER + Block.HEADER;
    private static final int VARINTS = 10;

    private final KeyOrder order;
    private final Buffer buffer;
    private final Buffer firstKey = new Buffer(256, "table builder");
    private final Buffer lastKey = new Buffer(256, "table builder");
    private int lastKeyLength;
    private long length = ENTRIES;
    private int count;

    /** Bytes that all keys added begin with. */
    private int common;

    BlockBuilder(int blockBytes, KeyOrder order) {
        this.order = order;
        buffer = new Buffer(2L * blockBytes + 4096, "table builder");
    }

    boolean isEmpty() {
        return count == 0;
    }

    /** Bytes of the payload if finished now, nearly. */
    long payloadBytes() {
        return length - TableFormat.FRAME_HEADER - (count - 1L) * common;
    }

    /** The last key added, until the next is; also after {@link #clear}. */
    long lastKey() {
        return lastKey.address();
    }

    int lastKeyLength() {
        return lastKeyLength;
    }

    void add(long key, int keyLength, long trailer, long value, int valueLength) {
        if (count == 0) {
            firstKey.ensure(keyLength, 0);
            Memory.copy(key, firstKey.address(), keyLength);
            common = order == KeyOrder.BYTES ? keyLength : 0;
        } else {
            common = Keys.commonPrefix(firstKey.address(), common, key, keyLength);
        }
        count++;
        buffer.ensure(length + VARINTS + keyLength + 8 + valueLength, length);
        long start = buffer.address();
        long position = Block.putVarint(start + length, keyLength);
        position = Block.putVarint(position, valueLength);
        Memory.copy(key, position, keyLength);
        position += keyLength;
        Memory.putLong(position, trailer);
        position += 8;
        Memory.copy(value, position, valueLength);
        length = position + valueLength - start;

        lastKey.ensure(keyLength, 0);
        Memory.copy(key, lastKey.address(), keyLength);
        lastKeyLength = keyLength;
    }

    /** Completes the payload, which is then at {@link #payload()}, and returns its bytes. */
    int finish() {
        long payload = payload();
        Memory.putInt(payload, count);
        Memory.putInt(payload + 4, common);
        if (common > 0) {
            removeCommon(payload + Block.HEADER);
        }
        return Math.toIntExact(length - TableFormat.FRAME_HEADER);
    }

    private void removeCommon(long entries) {
        long from = entries;
        long to = entries + common;
        for (int i = 0; i < count; i++) {
            long varint = Block.varint(from);
            int keyLength = (int) varint;
            from += varint >>> 32;
            varint = Block.varint(from);
            int valueLength = (int) varint;
            from += (varint >>> 32) + common;
            // Where the first entry's lengths go, its common bytes were: those are written last, from the copy.
            to = Block.putVarint(to, keyLength - common);
            to = Block.putVarint(to, valueLength);
            long rest = keyLength - common + 8L + valueLength;
            if (to != from) {
                Memory.copy(from, to, rest);
            }
            from += rest;
            to += rest;
        }
        Memory.copy(firstKey.address(), entries, common);
        length = to - buffer.address();
    }

    /** Where the payload starts; {@link TableFormat#FRAME_HEADER} writable bytes are in front of it. */
    long payload() {
        return buffer.address() + TableFormat.FRAME_HEADER;
    }

    /** Begins the next block; gives memory back that is more than {@code keepBytes}. */
    void clear(long keepBytes) {
        buffer.shrink(keepBytes);
        length = ENTRIES;
        count = 0;
        common = 0;
    }

    @Override
    public void close() {
        buffer.close();
        firstKey.close();
        lastKey.close();
    }
}
