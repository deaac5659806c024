package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.ValueSink;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A data block's payload: entries in order, each without the bytes that its key shares with the key before it, and restart points,
 * where a key is whole, for binary search.
 *
 * <pre>
 * entry   = varint shared, varint unshared, varint value length, unshared key bytes, u64 trailer, value
 * block   = entry*, u32 offset of each restart, u32 restart count
 * varint  = 7 bits a byte, lowest first, the high bit set on all bytes but the last; at most 5 bytes
 * </pre>
 *
 * <p>Every 16th entry is a restart (shared is 0); elsewhere shared is as large as it can be. Searching uses that: while walking
 * towards a key, {@code matched} says how many bytes the key shares with the entry before; an entry that shares more with its
 * predecessor is still too small, one that shares less is already too large, and only one that shares as many is compared.
 *
 * <p>Payloads have passed their checksum before anything here reads them; lengths are checked against the block's bounds all the
 * same. A payload in memory is followed by at least {@link #SLACK} readable bytes, so words may be loaded at its very end.
 */
final class Block {
    /** Entries from one restart to the next. */
    static final int RESTART_INTERVAL = 16;

    /** Readable bytes after a payload in memory. */
    static final int SLACK = 16;

    private Block() {}

    static int restartCount(long block, int length) {
        return Memory.getInt(block + length - 4);
    }

    /** Address of the first restart offset, which is the end of the entries; {@link #check} has been called. */
    static long restarts(long block, int length) {
        return block + length - 4 - 4L * restartCount(block, length);
    }

    /** Checks that the restarts are inside the block and ascend. */
    static void check(Path file, long frameOffset, long block, int length) {
        if (length < 8) {
            throw malformed(file, frameOffset, "a block of " + length + " bytes");
        }
        int count = restartCount(block, length);
        if (count < 1 || count > (length - 4) / 4) {
            throw malformed(file, frameOffset, count + " restarts in " + length + " bytes");
        }
        long restarts = restarts(block, length);
        long end = restarts - block;
        long previous = -1;
        for (int i = 0; i < count; i++) {
            long restart = Integer.toUnsignedLong(Memory.getInt(restarts + 4L * i));
            if (restart <= previous || restart >= end || (i == 0 && restart != 0)) {
                throw malformed(file, frameOffset, "restart " + i + " at " + restart);
            }
            previous = restart;
        }
    }

    /**
     * Looks a key up.
     *
     * @return null when all entries are before (key, trailer), so that the block after this one may have it
     */
    static @Nullable Lookup find(
            Path file,
            long frameOffset,
            long block,
            int length,
            long key,
            int keyLength,
            long trailer,
            ValueSink sink) {
        long restarts = restarts(block, length);
        long position = block + searchRestarts(file, frameOffset, block, length, key, keyLength, trailer);
        int matched = 0;
        int previousLength = 0;
        while (position < restarts) {
            int shared;
            int unshared;
            int valueLength;
            int header = Memory.getInt(position);
            if ((header & 0x808080) == 0) {
                shared = header & 0xff;
                unshared = header >>> 8 & 0xff;
                valueLength = header >>> 16 & 0xff;
                position += 3;
            } else {
                long varint = varint(position);
                shared = (int) varint;
                position += varint >>> 32;
                varint = varint(position);
                unshared = (int) varint;
                position += varint >>> 32;
                varint = varint(position);
                valueLength = (int) varint;
                position += varint >>> 32;
            }
            long entryTrailer = position + unshared;
            long next = entryTrailer + 8 + valueLength;
            if ((shared | unshared | valueLength) < 0 || shared > previousLength || next > restarts) {
                throw malformed(file, frameOffset, "an entry that leaves the block");
            }
            previousLength = shared + unshared;
            if (shared < matched) {
                if (shared > 0) {
                    return Lookup.ABSENT;
                }
                // The next restart: not before what we look for, but maybe just that.
                matched = 0;
            }
            if (shared == matched) {
                int same = Keys.commonPrefix(position, unshared, key + shared, keyLength - shared);
                matched = shared + same;
                if (matched == keyLength) {
                    if (same < unshared) {
                        return Lookup.ABSENT;
                    }
                    long found = Memory.getLong(entryTrailer);
                    if (Long.compareUnsigned(found, trailer) <= 0) {
                        if (Keys.kind(found) != Keys.PUT) {
                            return Lookup.DELETED;
                        }
                        sink.accept(Memory.ALL, entryTrailer + 8, valueLength);
                        return Lookup.FOUND;
                    }
                } else if (same < unshared
                        && (Memory.getByte(position + same) & 0xff) > (Memory.getByte(key + matched) & 0xff)) {
                    return Lookup.ABSENT;
                }
            }
            position = next;
        }
        return null;
    }

    /** Offset of the last restart whose entry is before (key, trailer), of the first restart when none is. */
    static long searchRestarts(
            Path file, long frameOffset, long block, int length, long key, int keyLength, long trailer) {
        long restarts = restarts(block, length);
        int low = 0;
        int high = restartCount(block, length) - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            long position = block + Integer.toUnsignedLong(Memory.getInt(restarts + 4L * middle));
            long shared = varint(position);
            position += shared >>> 32;
            long unshared = varint(position);
            position += unshared >>> 32;
            position += varint(position) >>> 32;
            if ((int) shared != 0 || (int) unshared < 0 || position + (int) unshared + 8 > restarts) {
                throw malformed(file, frameOffset, "a restart that is none");
            }
            int order = Keys.compare(
                    position, (int) unshared, Memory.getLong(position + (int) unshared), key, keyLength, trailer);
            if (order < 0) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return Integer.toUnsignedLong(Memory.getInt(restarts + 4L * low));
    }

    /** A varint: its value in the low 32 bits (as an int, negative when too large), its bytes, 1 to 5, in the high ones. */
    static long varint(long address) {
        int first = Memory.getByte(address);
        if (first >= 0) {
            return 1L << 32 | first;
        }
        long value = first & 0x7f;
        for (int i = 1; i < 5; i++) {
            int next = Memory.getByte(address + i);
            value |= (next & 0x7fL) << (7 * i);
            if (next >= 0) {
                return (i + 1L) << 32 | (value > Integer.MAX_VALUE ? 0xffff_ffffL : value);
            }
        }
        return 5L << 32 | 0xffff_ffffL;
    }

    /** Stores a varint and returns the address after it. */
    static long putVarint(long address, int value) {
        long position = address;
        int rest = value;
        while (rest >>> 7 != 0) {
            Memory.putByte(position++, (byte) (rest | 0x80));
            rest >>>= 7;
        }
        Memory.putByte(position++, (byte) rest);
        return position;
    }

    static CorruptionException malformed(Path file, long frameOffset, String found) {
        return new CorruptionException(file, frameOffset, "a well-formed block", found);
    }
}
