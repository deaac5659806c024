package dev.catena.engine.log;

import dev.catena.engine.entry.Memory;
import java.lang.foreign.MemorySegment;

/**
 * XXH64 of bytes that come in pieces: for the few records that do not lie in one piece (those that wrap around the ring, and those
 * bigger than it). The usual record is hashed in place by {@link dev.catena.io.memory.Xxh64}, with the same result.
 *
 * <p>Not thread safe. Holds 32 bytes of off-heap memory: the caller's.
 */
final class HashStream {
    static final int SCRATCH_BYTES = 32;

    private static final long P1 = 0x9E3779B185EBCA87L;
    private static final long P2 = 0xC2B2AE3D27D4EB4FL;
    private static final long P3 = 0x165667B19E3779F9L;
    private static final long P4 = 0x85EBCA77C2B2AE63L;
    private static final long P5 = 0x27D4EB2F165667C5L;

    private final long scratch;
    private long seed;
    private long a;
    private long b;
    private long c;
    private long d;
    private long total;
    private int held;

    /** @param scratch address of {@link #SCRATCH_BYTES} bytes */
    HashStream(long scratch) {
        this.scratch = scratch;
    }

    void begin(long newSeed) {
        seed = newSeed;
        a = newSeed + P1 + P2;
        b = newSeed + P2;
        c = newSeed;
        d = newSeed - P1;
        total = 0;
        held = 0;
    }

    void update(MemorySegment bytes, long offset, long length) {
        long at = offset;
        long rest = length;
        total += length;
        if (held > 0) {
            int take = (int) Math.min(rest, SCRATCH_BYTES - held);
            MemorySegment.copy(bytes, at, Memory.ALL, scratch + held, take);
            held += take;
            at += take;
            rest -= take;
            if (held < SCRATCH_BYTES) {
                return;
            }
            stripe(Memory.ALL, scratch);
            held = 0;
        }
        while (rest >= SCRATCH_BYTES) {
            stripe(bytes, at);
            at += SCRATCH_BYTES;
            rest -= SCRATCH_BYTES;
        }
        MemorySegment.copy(bytes, at, Memory.ALL, scratch, rest);
        held = (int) rest;
    }

    long end() {
        long h;
        if (total >= SCRATCH_BYTES) {
            h = Long.rotateLeft(a, 1) + Long.rotateLeft(b, 7) + Long.rotateLeft(c, 12) + Long.rotateLeft(d, 18);
            h = merge(merge(merge(merge(h, a), b), c), d);
        } else {
            h = seed + P5;
        }
        h += total;
        int at = 0;
        for (; at + 8 <= held; at += 8) {
            h = Long.rotateLeft(h ^ round(0, Memory.getLong(scratch + at)), 27) * P1 + P4;
        }
        if (at + 4 <= held) {
            h = Long.rotateLeft(h ^ (Memory.getInt(scratch + at) & 0xffff_ffffL) * P1, 23) * P2 + P3;
            at += 4;
        }
        for (; at < held; at++) {
            h = Long.rotateLeft(h ^ (Memory.getByte(scratch + at) & 0xffL) * P5, 11) * P1;
        }
        h = (h ^ (h >>> 33)) * P2;
        h = (h ^ (h >>> 29)) * P3;
        return h ^ (h >>> 32);
    }

    private void stripe(MemorySegment bytes, long at) {
        a = round(a, bytes.get(LITTLE_ENDIAN, at));
        b = round(b, bytes.get(LITTLE_ENDIAN, at + 8));
        c = round(c, bytes.get(LITTLE_ENDIAN, at + 16));
        d = round(d, bytes.get(LITTLE_ENDIAN, at + 24));
    }

    private static long round(long accumulator, long lane) {
        return Long.rotateLeft(accumulator + lane * P2, 31) * P1;
    }

    private static long merge(long h, long accumulator) {
        return (h ^ round(0, accumulator)) * P1 + P4;
    }

    private static final java.lang.foreign.ValueLayout.OfLong LITTLE_ENDIAN =
            java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN);
}
