package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.KeyOrder;
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
    private int common;
    private long end;
    private long position;
    private boolean valid;

    /** The number of the entry that it stands on or has passed last; -1 before the first. */
    private int entry;

    private int keyLength;
    private long trailer;
    private long value;
    private int valueLength;

    BlockCursor(Path file) {
        this.file = file;
    }

    /** Turns to another block, checked with {@link Block#check}, and stands before its first entry. */
    void reset(long frameOffset, long block, int length) {
        this.frameOffset = frameOffset;
        this.block = block;
        this.length = length;
        end = block + length;
        common = Block.common(block);
        keyBuffer.ensure(common + 8L, 0);
        Memory.copy(block + Block.HEADER, keyBuffer.address(), common);
        rewind();
    }

    /** Stands before the first entry of the same block. */
    void rewind() {
        position = block + Block.HEADER + common;
        entry = -1;
        valid = false;
    }

    /** Stands nowhere and knows no block. */
    void clear() {
        valid = false;
        position = 0;
        end = 0;
    }

    /** Moves on to the next entry. False at the block's end. */
    boolean next() {
        long p = position;
        if (p >= end) {
            valid = false;
            return false;
        }
        int header = Memory.getInt(p);
        int rest;
        if ((header & 0x8080) == 0) {
            rest = header & 0xff;
            valueLength = header >>> 8 & 0xff;
            p += 2;
        } else {
            long varint = Block.varint(p);
            rest = (int) varint;
            p += varint >>> 32;
            varint = Block.varint(p);
            valueLength = (int) varint;
            p += varint >>> 32;
        }
        long trailerAddress = p + rest;
        value = trailerAddress + 8;
        position = value + valueLength;
        if ((rest | valueLength) < 0 || position > end) {
            throw malformed();
        }
        keyLength = common + rest;
        if (keyLength + 8L > keyBuffer.bytes()) {
            keyBuffer.ensure(keyLength + 8L, common);
        }
        long to = keyBuffer.address() + common;
        if (rest <= 32) {
            // Whole words: the trailer follows in the block, and the buffer has room.
            for (int i = 0; i < rest; i += 8) {
                Memory.putLong(to + i, Memory.getLong(p + i));
            }
        } else {
            Memory.copy(p, to, rest);
        }
        trailer = Memory.getLong(trailerAddress);
        entry++;
        valid = true;
        return true;
    }

    /** Moves to the first entry of an indexed block at or after (key, trailer). False when the block has none. */
    boolean seek(KeyOrder order, long key, int keyLength, long trailer) {
        int i = Block.search(order, block, length, key, keyLength, trailer);
        if (i == Block.count(block)) {
            valid = false;
            position = end;
            return false;
        }
        return to(Math.max(0, i));
    }

    /** Moves to an entry of an indexed block by its number, from 0. */
    boolean to(int number) {
        position = Block.entry(block, Block.slots(block, length), number);
        entry = number - 1;
        return next();
    }

    /** Moves to the last entry of an indexed block. */
    void toLast() {
        to(Block.count(block) - 1);
    }

    /** The number of the entry that it stands on. */
    int entry() {
        return entry;
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
        clear();
        return Block.malformed(file, frameOffset, "an entry that leaves the block");
    }

    @Override
    public void close() {
        clear();
        keyBuffer.close();
    }
}
