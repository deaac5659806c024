package dev.catena.engine.table;

import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import java.util.Arrays;

/**
 * Builds one data block after another in off-heap memory, with room for the frame's header in front of the payload. The layout is
 * {@link Block}'s. Not thread safe.
 */
final class BlockBuilder implements AutoCloseable {
    private static final int VARINTS = 15;

    private final Buffer buffer;
    private final Buffer lastKey;
    private int lastKeyLength;
    private long length = TableFormat.FRAME_HEADER;
    private int[] restarts = new int[16];
    private int restartCount;
    private int sinceRestart;

    BlockBuilder(int blockBytes) {
        buffer = new Buffer(2L * blockBytes + 4096, "table builder");
        lastKey = new Buffer(256, "table builder");
    }

    boolean isEmpty() {
        return restartCount == 0;
    }

    /** Bytes of the payload if finished now. */
    long payloadBytes() {
        return length - TableFormat.FRAME_HEADER + 4L * restartCount + 4;
    }

    /** The last key added, until the next is; also after {@link #clear}. */
    long lastKey() {
        return lastKey.address();
    }

    int lastKeyLength() {
        return lastKeyLength;
    }

    void add(long key, int keyLength, long trailer, long value, int valueLength) {
        int shared;
        if (restartCount == 0 || sinceRestart == Block.RESTART_INTERVAL) {
            if (restartCount == restarts.length) {
                restarts = Arrays.copyOf(restarts, 2 * restartCount);
            }
            restarts[restartCount++] = Math.toIntExact(length - TableFormat.FRAME_HEADER);
            sinceRestart = 0;
            shared = 0;
        } else {
            shared = Keys.commonPrefix(lastKey.address(), lastKeyLength, key, keyLength);
        }
        sinceRestart++;
        int unshared = keyLength - shared;
        buffer.ensure(length + VARINTS + unshared + 8 + valueLength, length);
        long start = buffer.address();
        long position = start + length;
        if ((shared | unshared | valueLength) < 0x80) {
            Memory.putInt(position, shared | unshared << 8 | valueLength << 16);
            position += 3;
        } else {
            position = Block.putVarint(position, shared);
            position = Block.putVarint(position, unshared);
            position = Block.putVarint(position, valueLength);
        }
        Memory.copy(key + shared, position, unshared);
        position += unshared;
        Memory.putLong(position, trailer);
        position += 8;
        Memory.copy(value, position, valueLength);
        length = position + valueLength - start;

        lastKey.ensure(keyLength, shared);
        Memory.copy(key + shared, lastKey.address() + shared, unshared);
        lastKeyLength = keyLength;
    }

    /** Appends the restarts; the payload is then at {@link #payload()}. Returns its bytes. */
    int finish() {
        buffer.ensure(length + 4L * restartCount + 4, length);
        long position = buffer.address() + length;
        for (int i = 0; i < restartCount; i++) {
            Memory.putInt(position + 4L * i, restarts[i]);
        }
        position += 4L * restartCount;
        Memory.putInt(position, restartCount);
        return Math.toIntExact(position + 4 - payload());
    }

    /** Where the payload starts; {@link TableFormat#FRAME_HEADER} writable bytes are in front of it. */
    long payload() {
        return buffer.address() + TableFormat.FRAME_HEADER;
    }

    void clear(long keepBytes) {
        buffer.shrink(keepBytes);
        length = TableFormat.FRAME_HEADER;
        restartCount = 0;
        sinceRestart = 0;
    }

    @Override
    public void close() {
        buffer.close();
        lastKey.close();
    }
}
