package dev.catena.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Keys of the workloads, as db_bench makes them: 16 bytes, the key's number as 8 bytes big-endian (so numbers and keys sort alike),
 * then eight '0' characters.
 */
public final class KeyFormat {
    /** Bytes of a key. */
    public static final int KEY_BYTES = 16;

    private static final ValueLayout.OfLong BIG_ENDIAN =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final long ZEROS = 0x3030303030303030L;

    private KeyFormat() {}

    /** Writes the key with a number. */
    public static void write(MemorySegment key, long number) {
        key.set(BIG_ENDIAN, 0, number);
        key.set(BIG_ENDIAN, 8, ZEROS);
    }

    /** The number of a key. */
    public static long read(MemorySegment key) {
        return key.get(BIG_ENDIAN, 0);
    }
}
