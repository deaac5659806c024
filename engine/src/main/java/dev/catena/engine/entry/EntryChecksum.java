package dev.catena.engine.entry;

import dev.catena.engine.CorruptionException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * The checksum that goes with each key: computed when key and value are handed in, kept with them in batch, log and memtable, and
 * compared with the bytes of the table's block before that gets its own checksum. So what changes in memory in between is told, and
 * not written as if it were good.
 *
 * <p>32 bits, of which a part covers the bytes and a part what they are; so the latter can be exchanged without a look at the former:
 *
 * <pre>
 *   of an operation = bytes(key, value) ^ mix(family, kind)      in batches and in the log
 *   of an entry     = bytes(key, value) ^ mix(sequence, kind)    in memtables and while tables are written
 * </pre>
 *
 * <p>What is taken out is what the code believes then: if that has changed, the checksum is wrong from there on.
 *
 * <p><b>Bytes.</b> Key and value by themselves, as wyhash does it: 16 bytes a step are multiplied to 128 bits, whose halves are
 * folded; two such chains side by side. A change of any one bit changes the 64 bits of the result but for one case in 2^64. Pieces of 64 KiB
 * are chained, so that a long value can be hashed piece by piece. All numbers are read little-endian.
 *
 * <p>Thread safe.
 */
public final class EntryChecksum {
    /** Longer byte strings are hashed in pieces of so many bytes. */
    public static final int PIECE_BYTES = 64 << 10;

    /** What a key's hash begins with. */
    public static final long KEY = 0xa0761d6478bd642fL;

    /** What a value's hash begins with. */
    public static final long VALUE = 0xe7037ed1a0b428dbL;

    private static final long A = 0x8ebc6af09c88c6e3L;
    private static final long B = 0x589965cc75374cc3L;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private EntryChecksum() {}

    /** The checksum of an operation from the hashes of key and value. */
    public static int ofOperation(int kind, int family, long keyHash, long valueHash) {
        return fold(keyHash, valueHash) ^ mix(((long) family << 8) | kind);
    }

    /** The checksum of an operation, key and value off the heap. */
    public static int ofOperation(int kind, int family, long key, int keyLength, long value, int valueLength) {
        return ofOperation(kind, family, hash(key, keyLength, KEY), hash(value, valueLength, VALUE));
    }

    /** The checksum of an entry, key and value off the heap. */
    public static int ofEntry(long trailer, long key, int keyLength, long value, int valueLength) {
        return ofEntry(trailer, hash(key, keyLength, KEY), hash(value, valueLength, VALUE));
    }

    /** The checksum of an entry from the hashes of key and value. */
    public static int ofEntry(long trailer, long keyHash, long valueHash) {
        return fold(keyHash, valueHash) ^ mix(~trailer);
    }

    /** The checksum of the entry that an operation becomes. */
    public static int toEntry(int operationChecksum, int kind, int family, long trailer) {
        return operationChecksum ^ mix(((long) family << 8) | kind) ^ mix(~trailer);
    }

    /** What to throw when bytes in memory do not have their checksum. */
    public static CorruptionException damage(Path store, String where, byte[] key, int expected, int found) {
        return CorruptionException.inMemory(
                store, where, key, "key and value with checksum %08x".formatted(expected), "%08x".formatted(found));
    }

    private static int fold(long keyHash, long valueHash) {
        long both = keyHash ^ valueHash;
        return (int) (both ^ (both >>> 32));
    }

    private static int mix(long what) {
        return (int) (((what + 1) * B) >>> 32);
    }

    /** The hash of bytes off the heap; begun with {@link #KEY} or {@link #VALUE}, or, after a piece, with the hash of what was before. */
    public static long hash(long address, int length, long begin) {
        long at = address;
        long h = begin;
        int rest = length;
        for (; rest > PIECE_BYTES; rest -= PIECE_BYTES) {
            h = piece(at, PIECE_BYTES, h);
            at += PIECE_BYTES;
        }
        return piece(at, rest, h);
    }

    private static long piece(long address, int length, long begin) {
        long a = begin ^ length;
        long b = begin;
        if (length >= 16) {
            long at = address;
            long last = address + length - 16;
            for (; at + 16 < last; at += 32) {
                a = multiply(a ^ Memory.getLong(at), A ^ Memory.getLong(at + 8));
                b = multiply(b ^ Memory.getLong(at + 16), B ^ Memory.getLong(at + 24));
            }
            if (at < last) {
                a = multiply(a ^ Memory.getLong(at), A ^ Memory.getLong(at + 8));
            }
            b = multiply(b ^ Memory.getLong(last), B ^ Memory.getLong(last + 8));
            return multiply(a ^ A, b ^ B);
        }
        if (length >= 8) {
            return multiply(multiply(a ^ Memory.getLong(address), A ^ Memory.getLong(address + length - 8)), B);
        }
        long few = 0;
        for (int i = 0; i < length; i++) {
            few |= (Memory.getByte(address + i) & 0xffL) << (8 * i);
        }
        return multiply(multiply(a ^ few, A), B);
    }

    /** As {@link #hash(long, int, long)}, of bytes on the heap. */
    public static long hash(byte[] bytes, int offset, int length, long begin) {
        int at = offset;
        long h = begin;
        int rest = length;
        for (; rest > PIECE_BYTES; rest -= PIECE_BYTES) {
            h = piece(bytes, at, PIECE_BYTES, h);
            at += PIECE_BYTES;
        }
        return piece(bytes, at, rest, h);
    }

    private static long piece(byte[] bytes, int offset, int length, long begin) {
        long a = begin ^ length;
        long b = begin;
        if (length >= 16) {
            int at = offset;
            int last = offset + length - 16;
            for (; at + 16 < last; at += 32) {
                a = multiply(a ^ word(bytes, at), A ^ word(bytes, at + 8));
                b = multiply(b ^ word(bytes, at + 16), B ^ word(bytes, at + 24));
            }
            if (at < last) {
                a = multiply(a ^ word(bytes, at), A ^ word(bytes, at + 8));
            }
            b = multiply(b ^ word(bytes, last), B ^ word(bytes, last + 8));
            return multiply(a ^ A, b ^ B);
        }
        if (length >= 8) {
            return multiply(multiply(a ^ word(bytes, offset), A ^ word(bytes, offset + length - 8)), B);
        }
        long few = 0;
        for (int i = 0; i < length; i++) {
            few |= (bytes[offset + i] & 0xffL) << (8 * i);
        }
        return multiply(multiply(a ^ few, A), B);
    }

    private static long word(byte[] bytes, int at) {
        return (long) LONG.get(bytes, at);
    }

    /** As {@link #hash(long, int, long)}, of any segment: not as fast, as it is copied piece by piece. */
    public static long hash(MemorySegment bytes, int length, long begin) {
        try (Buffer piece = new Buffer(Math.clamp(length, 1, PIECE_BYTES), "checksum")) {
            int at = 0;
            long h = begin;
            for (; length - at > PIECE_BYTES; at += PIECE_BYTES) {
                MemorySegment.copy(bytes, at, piece.segment(), 0, PIECE_BYTES);
                h = piece(piece.address(), PIECE_BYTES, h);
            }
            MemorySegment.copy(bytes, at, piece.segment(), 0, length - at);
            return piece(piece.address(), length - at, h);
        }
    }

    private static long multiply(long x, long y) {
        return (x * y) ^ Math.unsignedMultiplyHigh(x, y);
    }
}
