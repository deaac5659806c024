package dev.catena.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** How an operation is encoded in batches and log records: {@code u8 kind, varint key length, varint value length, key, value}. */
final class Operations {
    static final int DELETE = 0;
    static final int PUT = 1;

    private Operations() {}

    /** Writes kind and lengths; returns the offset after them. */
    static long putHeader(MemorySegment into, long offset, int kind, int keyBytes, int valueBytes) {
        into.set(ValueLayout.JAVA_BYTE, offset, (byte) kind);
        return putVarint(into, putVarint(into, offset + 1, keyBytes), valueBytes);
    }

    /** Bytes of kind and lengths. */
    static int headerBytes(int keyBytes, int valueBytes) {
        return 1 + varintBytes(keyBytes) + varintBytes(valueBytes);
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
