package dev.catena.io.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * XXH64 over memory: the same function as {@code catena_xxh64} of the steering program, so that what the kernel
 * accumulates can be checked in user space and the other way round.
 *
 * <p>Specification: Yann Collet, xxhash_spec.md, "XXH64 algorithm description". Little-endian reads. Thread safe.
 */
public final class Xxh64 {
    private static final long P1 = 0x9E3779B185EBCA87L;
    private static final long P2 = 0xC2B2AE3D27D4EB4FL;
    private static final long P3 = 0x165667B19E3779F9L;
    private static final long P4 = 0x85EBCA77C2B2AE63L;
    private static final long P5 = 0x27D4EB2F165667C5L;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** All of memory, by address. */
    private static final MemorySegment ALL = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private Xxh64() {}

    /**
     * The hash of {@code length} bytes at {@code offset} of {@code segment}. Heap memory is copied first: reads compile to
     * one instruction only while the compiler knows which kind of segment they are of.
     *
     * @throws IndexOutOfBoundsException if the bytes are not inside the segment
     * @throws IllegalStateException if the segment's scope is closed
     */
    public static long hash(MemorySegment segment, long offset, long length, long seed) {
        Objects.checkFromIndexSize(offset, length, segment.byteSize());
        if (!segment.isNative()) {
            return hashCopy(segment, offset, length, seed);
        }
        if (!segment.scope().isAlive()) {
            throw new IllegalStateException("the segment's scope is closed");
        }
        long hash = hash(segment.address() + offset, length, seed);
        Reference.reachabilityFence(segment);
        return hash;
    }

    private static long hashCopy(MemorySegment segment, long offset, long length, long seed) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(Math.max(1, length));
            MemorySegment.copy(segment, offset, copy, 0, length);
            return hash(copy.address(), length, seed);
        }
    }

    private static long hash(long address, long length, long seed) {
        long position = address;
        long end = address + length;
        long hash;
        if (length >= 32) {
            long a = seed + P1 + P2;
            long b = seed + P2;
            long c = seed;
            long d = seed - P1;
            for (; position + 32 <= end; position += 32) {
                a = round(a, ALL.get(LONG, position));
                b = round(b, ALL.get(LONG, position + 8));
                c = round(c, ALL.get(LONG, position + 16));
                d = round(d, ALL.get(LONG, position + 24));
            }
            hash = Long.rotateLeft(a, 1) + Long.rotateLeft(b, 7) + Long.rotateLeft(c, 12) + Long.rotateLeft(d, 18);
            hash = merge(merge(merge(merge(hash, a), b), c), d);
        } else {
            hash = seed + P5;
        }
        hash += length;
        for (; position + 8 <= end; position += 8) {
            hash = Long.rotateLeft(hash ^ round(0, ALL.get(LONG, position)), 27) * P1 + P4;
        }
        if (position + 4 <= end) {
            hash = Long.rotateLeft(hash ^ Integer.toUnsignedLong(ALL.get(INT, position)) * P1, 23) * P2 + P3;
            position += 4;
        }
        for (; position < end; position++) {
            hash = Long.rotateLeft(hash ^ (ALL.get(ValueLayout.JAVA_BYTE, position) & 0xffL) * P5, 11) * P1;
        }
        hash = (hash ^ hash >>> 33) * P2;
        hash = (hash ^ hash >>> 29) * P3;
        return hash ^ hash >>> 32;
    }

    private static long round(long lane, long word) {
        return Long.rotateLeft(lane + word * P2, 31) * P1;
    }

    private static long merge(long hash, long lane) {
        return (hash ^ round(0, lane)) * P1 + P4;
    }
}
