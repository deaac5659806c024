package dev.catena.engine.entry;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Raw off-heap memory by address: one segment over all of it, and the accesses that the engine needs, each a single machine
 * instruction once compiled.
 *
 * <p>Nothing here checks bounds. Callers own the memory or have checked what they compute addresses from: whatever was read from a
 * file is checked against the bounds of its block before an address is made of it.
 *
 * <p>Thread safety: as plain memory; the names of ordered accesses say their order.
 */
public final class Memory {
    /** All of memory: an offset in this segment is an address. */
    public static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG_BIG_ENDIAN =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final VarHandle ALIGNED_LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.nativeOrder()).varHandle();

    private Memory() {}

    /** The byte at {@code address}, signed. */
    public static byte getByte(long address) {
        return ALL.get(ValueLayout.JAVA_BYTE, address);
    }

    /** Stores one byte. */
    public static void putByte(long address, byte value) {
        ALL.set(ValueLayout.JAVA_BYTE, address, value);
    }

    /** The little-endian 32-bit number at {@code address}, which need not be aligned. */
    public static int getInt(long address) {
        return ALL.get(INT, address);
    }

    /** Stores a little-endian 32-bit number. */
    public static void putInt(long address, int value) {
        ALL.set(INT, address, value);
    }

    /** The little-endian 64-bit number at {@code address}, which need not be aligned. */
    public static long getLong(long address) {
        return ALL.get(LONG, address);
    }

    /** Stores a little-endian 64-bit number. */
    public static void putLong(long address, long value) {
        ALL.set(LONG, address, value);
    }

    /** The big-endian 64-bit number at {@code address}: compared unsigned, it orders as its bytes do. */
    public static long getLongBigEndian(long address) {
        return ALL.get(LONG_BIG_ENDIAN, address);
    }

    /** The native-order 64-bit number at {@code address} (a multiple of 8); later accesses of this thread come after it. */
    public static long getLongAcquire(long address) {
        return (long) ALIGNED_LONG.getAcquire(ALL, address);
    }

    /** Stores a native-order 64-bit number at a multiple of 8; earlier accesses of this thread come before it. */
    public static void putLongRelease(long address, long value) {
        ALIGNED_LONG.setRelease(ALL, address, value);
    }

    /** Copies {@code length} bytes; the ranges may overlap. */
    public static void copy(long from, long to, long length) {
        MemorySegment.copy(ALL, from, ALL, to, length);
    }

    /** Copies {@code length} bytes into a new array. */
    public static byte[] toArray(long address, int length) {
        byte[] bytes = new byte[length];
        MemorySegment.copy(ALL, ValueLayout.JAVA_BYTE, address, bytes, 0, length);
        return bytes;
    }

    /**
     * The address of {@code length} bytes at {@code offset} of a native segment, bounds checked. The caller keeps the segment alive
     * for as long as the address is used.
     *
     * @throws IndexOutOfBoundsException when the range is not inside the segment
     * @throws IllegalArgumentException when the segment is on the heap
     */
    public static long address(MemorySegment segment, long offset, long length) {
        java.util.Objects.checkFromIndexSize(offset, length, segment.byteSize());
        if (!segment.isNative()) {
            throw new IllegalArgumentException("an off-heap segment is needed, not one over a heap array");
        }
        return segment.address() + offset;
    }

    /** Whether a range holds what another one does. */
    public static boolean isCopy(MemorySegment from, long offset, MemorySegment copy, long at, long length) {
        return MemorySegment.mismatch(from, offset, offset + length, copy, at, at + length) < 0;
    }
}
