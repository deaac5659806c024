package dev.catena.engine.log;

import dev.catena.engine.Limits;
import dev.catena.engine.entry.Keys;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * Operations as batches and log records hold them: {@code u8 kind, [varint family,] varint key length, varint value length, key, value}
 * each, one after another. The kind's top bit says that the column family's number follows; without it, it is the default family's, 0.
 * A deletion has value length 0; in a deletion of a range the key is its begin, the value its end. A varint holds 7 bits a byte, the low ones first, the top bit set on all but the last.
 *
 * <p>As an object: a cursor over encoded operations, of which nothing is believed: it checks every length against the bytes there
 * are. Not thread safe.
 */
public final class Operations {
    /** Set in a kind that is followed by a family's number. */
    private static final int IN_FAMILY = 0x80;

    private final MemorySegment bytes;
    private final long end;
    private long next;
    private int kind;
    private int family;
    private long keyOffset;
    private int keyLength;
    private int valueLength;

    /**
     * @param bytes where the operations are, on or off the heap
     * @param offset where they start
     * @param length their bytes
     */
    public Operations(MemorySegment bytes, long offset, long length) {
        this.bytes = bytes;
        this.next = offset;
        this.end = offset + length;
    }

    /** Moves to the next operation; false after the last, and when {@link #problem} has something to say. */
    public boolean next() {
        if (next == end) {
            return false;
        }
        kind = bytes.get(ValueLayout.JAVA_BYTE, next) & 0xff;
        long at = next + 1;
        family = 0;
        if (kind >= IN_FAMILY) {
            kind -= IN_FAMILY;
            long number = varint(at);
            if (number <= 0) {
                return false;
            }
            family = (int) number;
            at += varintBytes(family);
        }
        long key = varint(at);
        at += varintBytes((int) key);
        long value = key < 0 ? -1 : varint(at);
        at += varintBytes((int) value);
        boolean sane = (kind == Keys.PUT
                        || kind == Keys.MERGE
                        || (kind == Keys.DELETE && value == 0)
                        || (kind == Keys.DELETE_RANGE && value <= Limits.KEY_BYTES_MAX))
                && key >= 0
                && key <= Limits.KEY_BYTES_MAX
                && value >= 0
                && value <= Limits.VALUE_BYTES_MAX
                && key + value <= end - at;
        if (!sane) {
            return false;
        }
        keyOffset = at;
        keyLength = (int) key;
        valueLength = (int) value;
        next = at + key + value;
        return true;
    }

    /** What is wrong with the bytes, after {@link #next} returned false; null when they all were operations. */
    public @Nullable String problem() {
        return next == end ? null : "bytes that are no operation";
    }

    /** The operation's kind. */
    public int kind() {
        return kind;
    }

    /** The number of the column family that it is for. */
    public int family() {
        return family;
    }

    /** Where the key starts. */
    public long keyOffset() {
        return keyOffset;
    }

    /** The key's bytes. */
    public int keyLength() {
        return keyLength;
    }

    /** Where the value starts. */
    public long valueOffset() {
        return keyOffset + keyLength;
    }

    /** The value's bytes. */
    public int valueLength() {
        return valueLength;
    }

    /** Writes kind, family and lengths; returns the offset after them. */
    public static long putHeader(
            MemorySegment into, long offset, int kind, int family, int keyLength, int valueLength) {
        long at = offset + 1;
        if (family == 0) {
            into.set(ValueLayout.JAVA_BYTE, offset, (byte) kind);
        } else {
            into.set(ValueLayout.JAVA_BYTE, offset, (byte) (kind | IN_FAMILY));
            at = putVarint(into, at, family);
        }
        return putVarint(into, putVarint(into, at, keyLength), valueLength);
    }

    /** Bytes of kind, family and lengths. */
    public static int headerBytes(int family, int keyLength, int valueLength) {
        return 1 + (family == 0 ? 0 : varintBytes(family)) + varintBytes(keyLength) + varintBytes(valueLength);
    }

    private long varint(long offset) {
        long value = 0;
        for (int i = 0; i < 5 && offset + i < end; i++) {
            byte b = bytes.get(ValueLayout.JAVA_BYTE, offset + i);
            value |= (long) (b & 0x7f) << (7 * i);
            if (b >= 0) {
                return value <= Integer.MAX_VALUE && varintBytes((int) value) == i + 1 ? value : -1;
            }
        }
        return -1;
    }

    private static long putVarint(MemorySegment into, long offset, int value) {
        long at = offset;
        int rest = value;
        while (rest >= 0x80) {
            into.set(ValueLayout.JAVA_BYTE, at++, (byte) (rest | 0x80));
            rest >>>= 7;
        }
        into.set(ValueLayout.JAVA_BYTE, at++, (byte) rest);
        return at;
    }

    private static int varintBytes(int value) {
        return (38 - Integer.numberOfLeadingZeros(value | 1)) / 7;
    }
}
