package dev.catena.engine.log;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.Limits;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.Keys;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Operations as batches and log records hold them: {@code u8 kind, [varint family,] varint key length, varint value length, [u32 checksum,] key, value}
 * each, one after another. The kind's top bit says that the column family's number follows; without it, it is the default family's, 0. The next bit says that
 * there is a checksum: see {@link EntryChecksum}.
 * A deletion has value length 0; in a deletion of a range the key is its begin, the value its end. A varint holds 7 bits a byte, the low ones first, the top bit set on all but the last.
 *
 * <p>As an object: a cursor over encoded operations, of which nothing is believed: it checks every length against the bytes there
 * are. Not thread safe.
 */
public final class Operations {
    /** Set in a kind that is followed by a family's number. */
    private static final int IN_FAMILY = 0x80;

    /** Set in a kind when there is a checksum. */
    private static final int CHECKED = 0x40;

    private static final int CHECKSUM_BYTES = 4;

    private static final ValueLayout.OfInt CHECKSUM = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment bytes;
    private final byte @Nullable [] array; // null off the heap
    private final long end;
    private long next;
    private int kind;
    private int family;
    private boolean isChecked;
    private int checksum;
    private long keyOffset;
    private int keyLength;
    private int valueLength;

    /**
     * @param bytes where the operations are: off the heap, or in an array of bytes
     * @param offset where they start
     * @param length their bytes
     */
    public Operations(MemorySegment bytes, long offset, long length) {
        this.bytes = bytes;
        array = bytes.isNative() ? null : (byte[]) bytes.heapBase().orElseThrow();
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
        isChecked = (kind & CHECKED) != 0;
        kind &= ~CHECKED;
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
        if (isChecked && end - at >= CHECKSUM_BYTES) {
            checksum = bytes.get(CHECKSUM, at);
            at += CHECKSUM_BYTES;
        } else if (isChecked) {
            return false;
        }
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

    /** Whether it has a checksum. */
    public boolean isChecked() {
        return isChecked;
    }

    /** Its checksum, if it has one. */
    public int checksum() {
        return checksum;
    }

    /** Whether the operation is the one that its checksum is of; or has none. */
    public boolean isWhole() {
        return !isChecked || foundChecksum() == checksum;
    }

    private int foundChecksum() {
        if (array != null) {
            int base = (int) bytes.address(); // in the array
            return EntryChecksum.ofOperation(
                    kind,
                    family,
                    EntryChecksum.hash(array, base + (int) keyOffset, keyLength, EntryChecksum.KEY),
                    EntryChecksum.hash(array, base + (int) valueOffset(), valueLength, EntryChecksum.VALUE));
        }
        long base = bytes.address();
        return EntryChecksum.ofOperation(kind, family, base + keyOffset, keyLength, base + valueOffset(), valueLength);
    }

    /** What to throw when it is not. */
    public CorruptionException damage(Path store, String where) {
        return EntryChecksum.damage(
                store,
                where + " of column family number " + family,
                bytes.asSlice(keyOffset, keyLength).toArray(ValueLayout.JAVA_BYTE),
                checksum,
                foundChecksum());
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

    /** Writes what comes before the key, but leaves the checksum, if there is to be one, to {@link #putChecksum}; returns the offset of the key. */
    public static long putHeader(
            MemorySegment into, long offset, int kind, int family, int keyLength, int valueLength, boolean checked) {
        long at = offset + 1;
        int first = checked ? kind | CHECKED : kind;
        if (family == 0) {
            into.set(ValueLayout.JAVA_BYTE, offset, (byte) first);
        } else {
            into.set(ValueLayout.JAVA_BYTE, offset, (byte) (first | IN_FAMILY));
            at = putVarint(into, at, family);
        }
        at = putVarint(into, putVarint(into, at, keyLength), valueLength);
        return checked ? at + CHECKSUM_BYTES : at;
    }

    /** Writes the checksum in front of the key. */
    public static void putChecksum(MemorySegment into, long keyOffset, int checksum) {
        into.set(CHECKSUM, keyOffset - CHECKSUM_BYTES, checksum);
    }

    /** Bytes of what comes before the key. */
    public static int headerBytes(int family, int keyLength, int valueLength, boolean checked) {
        return 1
                + (family == 0 ? 0 : varintBytes(family))
                + varintBytes(keyLength)
                + varintBytes(valueLength)
                + (checked ? CHECKSUM_BYTES : 0);
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
