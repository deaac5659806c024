package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import java.nio.file.Path;

/**
 * A position in one data block's payload, which the owner keeps in memory meanwhile. Keys are put together in a buffer of the
 * cursor; values are where they are. Not thread safe.
 */
final class BlockCursor implements AutoCloseable {
    private final Path file;
    private final Buffer keyBuffer = new Buffer(256, "iterator");
    private long frameOffset;
    private long block;
    private int length;
    private long entriesEnd;
    private long position;
    private boolean valid;
    private int shared;
    private int keyLength;
    private long trailer;
    private long value;
    private int valueLength;

    BlockCursor(Path file) {
        this.file = file;
    }

    /** Turns to another block, checked with {@link Block#check}, and stands nowhere in it. */
    void reset(long frameOffset, long block, int length) {
        this.frameOffset = frameOffset;
        this.block = block;
        this.length = length;
        entriesEnd = Block.restarts(block, length);
        rewind();
    }

    /** Stands before the first entry of the same block. */
    void rewind() {
        position = block;
        keyLength = 0;
        valid = false;
    }

    /** Stands nowhere and knows no block. */
    void clear() {
        valid = false;
        position = 0;
        entriesEnd = 0;
    }

    /** Moves on; from nowhere, to the first entry. False at the block's end. */
    boolean next() {
        long p = position;
        if (p >= entriesEnd) {
            valid = false;
            return false;
        }
        int header = Memory.getInt(p);
        int unshared;
        if ((header & 0x808080) == 0) {
            shared = header & 0xff;
            unshared = header >>> 8 & 0xff;
            valueLength = header >>> 16 & 0xff;
            p += 3;
        } else {
            long varint = Block.varint(p);
            shared = (int) varint;
            p += varint >>> 32;
            varint = Block.varint(p);
            unshared = (int) varint;
            p += varint >>> 32;
            varint = Block.varint(p);
            valueLength = (int) varint;
            p += varint >>> 32;
        }
        long trailerAddress = p + unshared;
        value = trailerAddress + 8;
        position = value + valueLength;
        if ((shared | unshared | valueLength) < 0 || shared > keyLength || position > entriesEnd) {
            throw malformed();
        }
        keyLength = shared + unshared;
        if (keyLength + 8L > keyBuffer.bytes()) {
            keyBuffer.ensure(keyLength + 8L, shared);
        }
        long to = keyBuffer.address() + shared;
        if (unshared <= 32) {
            // Whole words: the trailer follows in the block, and the buffer has room.
            for (int i = 0; i < unshared; i += 8) {
                Memory.putLong(to + i, Memory.getLong(p + i));
            }
        } else {
            Memory.copy(p, to, unshared);
        }
        trailer = Memory.getLong(trailerAddress);
        valid = true;
        return true;
    }

    /** Moves to the first entry at or after (key, trailer). False when the block has none. */
    boolean seek(long key, int length, long trailer) {
        position = block + Block.searchRestarts(file, frameOffset, block, this.length, key, length, trailer);
        keyLength = 0;
        int matched = 0;
        while (next()) {
            if (shared < matched) {
                return true;
            }
            if (shared == matched) {
                long found = keyBuffer.address();
                int same = Keys.commonPrefix(found + shared, keyLength - shared, key + shared, length - shared);
                matched = shared + same;
                if (matched == length) {
                    if (matched < keyLength || Long.compareUnsigned(this.trailer, trailer) <= 0) {
                        return true;
                    }
                } else if (matched < keyLength
                        && (Memory.getByte(found + matched) & 0xff) > (Memory.getByte(key + matched) & 0xff)) {
                    return true;
                }
            }
        }
        return false;
    }

    boolean isValid() {
        return valid;
    }

    long key() {
        return keyBuffer.address();
    }

    int keyLength() {
        return keyLength;
    }

    long trailer() {
        return trailer;
    }

    long value() {
        return value;
    }

    int valueLength() {
        return valueLength;
    }

    private CorruptionException malformed() {
        valid = false;
        position = entriesEnd;
        return Block.malformed(file, frameOffset, "an entry that leaves the block");
    }

    @Override
    public void close() {
        clear();
        keyBuffer.close();
    }
}
