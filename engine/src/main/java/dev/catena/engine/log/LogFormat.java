package dev.catena.engine.log;

import dev.catena.engine.entry.Memory;

/**
 * The bytes of a log file, version 3. All numbers are little-endian.
 *
 * <p>A log is a stream of records from offset 0, each at a multiple of 8:
 *
 * <pre>
 *  0  u64 hash      XXH64 of the record's bytes 8 to its padded end; seed = log number * 0x9E3779B97F4A7C15 + position
 *  8  u32 payload   bytes after the header, without padding
 * 12  u32 log       low half of the log's number
 * 16  u64 sequence  of the first operation; of the next one to come when there are none
 * 24  u32 count     operations
 * 28  u32 distance  (position - A) / 8, where A is a record boundary before which all was durable when this was encoded
 * 32  payload, zero-padded to a multiple of 8
 * </pre>
 *
 * <p>The first record is the start record: no operations, payload {@code u64 magic, u32 version, u32 0}. A record without operations
 * and with payload {@code u64 next} says that the operations from its sequence on and before {@code next} are not in the log. Other records without
 * operations only attest. As the seed holds number and position, neither what a recycled file held before nor a
 * copy of a record inside a value passes for a record.
 *
 * <p>Versions 1 and 2 are the same; they miss no operations, operations have no checksums, and those of version 1 are all of the default family.
 */
final class LogFormat {
    static final int HASH = 0;
    static final int PAYLOAD = 8;
    static final int LOG = 12;
    static final int SEQUENCE = 16;
    static final int COUNT = 24;
    static final int DISTANCE = 28;
    static final int HEADER_BYTES = 32;

    /** "CATENALG" read as a little-endian number. */
    static final long MAGIC = 0x474C414E45544143L;

    static final int VERSION = 3;

    /** The oldest version that is read. It had no operands. */
    static final int VERSION_MIN = 1;

    static final int START_PAYLOAD_BYTES = 16;
    static final int SKIP_PAYLOAD_BYTES = 8;
    static final int START_BYTES = HEADER_BYTES + START_PAYLOAD_BYTES;

    /** What the log is written in: a multiple of the block that devices write whole. */
    static final int BLOCK_BYTES = 4096;

    private LogFormat() {}

    static long seed(long number, long position) {
        return number * 0x9E3779B97F4A7C15L + position;
    }

    static long recordBytes(long payloadBytes) {
        return (HEADER_BYTES + payloadBytes + 7) & -8;
    }

    static long blockFloor(long position) {
        return position & -BLOCK_BYTES;
    }

    static long blockCeiling(long position) {
        return (position + BLOCK_BYTES - 1) & -BLOCK_BYTES;
    }

    /** Writes all of a header but the hash. */
    static void putHeader(long address, long payload, long number, long sequence, int count, long distanceBytes) {
        long distance = distanceBytes >>> 3;
        if ((distanceBytes & 7) != 0 || distance > 0xffff_ffffL) {
            throw new AssertionError("distance of " + distanceBytes + " bytes");
        }
        Memory.putInt(address + PAYLOAD, (int) payload);
        Memory.putInt(address + LOG, (int) number);
        Memory.putLong(address + SEQUENCE, sequence);
        Memory.putInt(address + COUNT, count);
        Memory.putInt(address + DISTANCE, (int) distance);
    }
}
