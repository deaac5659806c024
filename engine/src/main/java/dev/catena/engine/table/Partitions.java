package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Memory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The payload of the partitions frame: where each partition of a table lies and what it holds. Its last key is the root's separator.
 *
 * <pre>
 *  0  u32 count, u32 0
 *  8  record[count], 96 bytes each:
 *      0 u64 start of the data    8 u64 start of the filter, which ends the data       16 u64 end of the filter
 *     24 u64 start of the index  32 u64 end of the index                               40 u64 stamp
 *     48 u64 entries             56 u64 garbage     64 u64 smallest sequence           72 u64 largest sequence
 *     80 u64 raw bytes           88 u32 end of the first key, counted from the first partition's     92 u32 0
 *     first keys
 * </pre>
 *
 * <p>Of tables before version 4, whose index frames count from the file's beginning, {@link #of} makes records with places only: start
 * and stamp are 0.
 *
 * <p>A frame of a partition has a checksum that is seeded with the partition's <b>stamp</b> and the frame's distance from the partition's
 * start: partitions are copied from table to table as they are, and yet a frame is only valid where it belongs.
 *
 * <p>Stateless; thread safe.
 */
final class Partitions {
    private static final int HEADER = 8;
    private static final int RECORD = 96;
    private static final int FILTER_START = 8;
    private static final int FILTER_END = 16;
    private static final int INDEX_START = 24;
    private static final int INDEX_END = 32;
    private static final int STAMP = 40;
    private static final int ENTRIES = 48;
    private static final int GARBAGE = 56;
    private static final int SMALLEST = 64;
    private static final int LARGEST = 72;
    private static final int RAW = 80;
    private static final int KEY_END = 88;

    private Partitions() {}

    /** What a partition holds, as counted while it was filled. */
    record Contents(long entries, long garbage, long smallestSequence, long largestSequence, long rawBytes) {
        /** With what another one holds. */
        Contents with(Contents other) {
            return new Contents(
                    entries + other.entries,
                    garbage + other.garbage,
                    Math.min(smallestSequence, other.smallestSequence),
                    Math.max(largestSequence, other.largestSequence),
                    rawBytes + other.rawBytes);
        }
    }

    /** A stamp that no other partition has: of the table that it was first written to, by its number there. */
    static long stamp(long table, int partition) {
        long mixed = table << 24 ^ partition;
        mixed = (mixed ^ mixed >>> 33) * 0xff51afd7ed558ccdL;
        mixed = (mixed ^ mixed >>> 33) * 0xc4ceb9fe1a85ec53L;
        return mixed ^ mixed >>> 33;
    }

    static long start(long partitions, int i) {
        return Memory.getLong(record(partitions, i));
    }

    static long filterStart(long partitions, int i) {
        return Memory.getLong(record(partitions, i) + FILTER_START);
    }

    static long filterEnd(long partitions, int i) {
        return Memory.getLong(record(partitions, i) + FILTER_END);
    }

    static long indexStart(long partitions, int i) {
        return Memory.getLong(record(partitions, i) + INDEX_START);
    }

    static long indexEnd(long partitions, int i) {
        return Memory.getLong(record(partitions, i) + INDEX_END);
    }

    /** What the checksum of a frame of a partition is seeded with, by the frame's offset in the file. */
    static long place(long partitions, int i, long offset) {
        long record = record(partitions, i);
        return Memory.getLong(record + STAMP) + offset - Memory.getLong(record);
    }

    static Contents contents(long partitions, int i) {
        long record = record(partitions, i);
        return new Contents(
                Memory.getLong(record + ENTRIES),
                Memory.getLong(record + GARBAGE),
                Memory.getLong(record + SMALLEST),
                Memory.getLong(record + LARGEST),
                Memory.getLong(record + RAW));
    }

    /** The first user key; of a table of version 4. */
    static byte[] firstKey(long partitions, int i) {
        int start = i == 0 ? 0 : Memory.getInt(record(partitions, i - 1) + KEY_END);
        int end = Memory.getInt(record(partitions, i) + KEY_END);
        return Memory.toArray(record(partitions, Memory.getInt(partitions)) + start, end - start);
    }

    private static long record(long partitions, int i) {
        return partitions + HEADER + (long) RECORD * i;
    }

    /** Bytes that {@link #of} makes. */
    static long bytesOf(int count) {
        return HEADER + (long) RECORD * count;
    }

    /** Makes records at an address for a table before version 4, from its root. */
    static void of(long root, long to) {
        int count = IndexBlock.count(root);
        MemorySegment all = Memory.ALL.asSlice(to, bytesOf(count));
        all.fill((byte) 0);
        Memory.putInt(to, count);
        for (int i = 0; i < count; i++) {
            long record = record(to, i);
            Memory.putLong(record + INDEX_START, IndexBlock.offset(root, 0, i));
            Memory.putLong(record + INDEX_END, IndexBlock.offset(root, 0, i + 1));
            Memory.putLong(record + FILTER_START, IndexBlock.offset(root, 1, i));
            Memory.putLong(record + FILTER_END, IndexBlock.offset(root, 1, i + 1));
        }
    }

    /**
     * Checks that as many partitions as expected lie one behind the other before {@code end}, and that keys lie inside.
     *
     * @param withFilters whether each has a filter; else none has
     */
    static void check(
            Path file, long frameOffset, long partitions, long length, int count, long end, boolean withFilters) {
        if (length < bytesOf(count) || Memory.getInt(partitions) != count) {
            throw malformed(file, frameOffset, length + " bytes for " + count + " partitions");
        }
        long keys = length - bytesOf(count);
        long before = 0;
        long keyBefore = 0;
        for (int i = 0; i < count; i++) {
            long start = start(partitions, i);
            long filter = filterStart(partitions, i);
            long index = indexStart(partitions, i);
            long keyEnd = Integer.toUnsignedLong(Memory.getInt(record(partitions, i) + KEY_END));
            if (start < before
                    || filter <= start + TableFormat.FRAME_HEADER
                    || (withFilters ? index <= filter + TableFormat.FRAME_HEADER : index != filter)
                    || filterEnd(partitions, i) != index
                    || indexEnd(partitions, i) <= index + TableFormat.FRAME_HEADER
                    || indexEnd(partitions, i) > end) {
                throw malformed(file, frameOffset, "partition " + i + " at " + start);
            }
            if (keyEnd < keyBefore || keyEnd > keys) {
                throw malformed(file, frameOffset, "the first key of partition " + i + " outside");
            }
            before = indexEnd(partitions, i);
            keyBefore = keyEnd;
        }
    }

    private static CorruptionException malformed(Path file, long frameOffset, String found) {
        return new CorruptionException(file, frameOffset, "partitions one behind the other", found);
    }

    /** Gathers records and first keys and lays them out. Not thread safe. */
    static final class Builder implements AutoCloseable {
        private static final int WORDS = RECORD / Long.BYTES;
        private final Buffer keys = new Buffer(4096, "table builder");
        private long[] records = new long[16 * WORDS];
        private long keyBytes;
        private int count;

        int count() {
            return count;
        }

        /** Adds the first key of the next partition. */
        void begin(long key, int length) {
            keys.ensure(keyBytes + length, keyBytes);
            Memory.copy(key, keys.address() + keyBytes, length);
            keyBytes += length;
        }

        /** Adds the record of the partition that was begun: data, filter and index follow one another. */
        void add(long start, long filterStart, long indexStart, long end, long stamp, Contents contents) {
            if (count * WORDS == records.length) {
                records = Arrays.copyOf(records, 2 * records.length);
            }
            int at = count * WORDS;
            records[at++] = start;
            records[at++] = filterStart;
            records[at++] = indexStart;
            records[at++] = indexStart;
            records[at++] = end;
            records[at++] = stamp;
            records[at++] = contents.entries;
            records[at++] = contents.garbage;
            records[at++] = contents.smallestSequence;
            records[at++] = contents.largestSequence;
            records[at++] = contents.rawBytes;
            records[at] = keyBytes;
            count++;
        }

        /** Adds one that was copied to so many bytes further on, from its record in another table. */
        void add(byte[] firstKey, long from, int i, long moved) {
            keys.ensure(keyBytes + firstKey.length, keyBytes);
            MemorySegment.copy(firstKey, 0, keys.segment(), ValueLayout.JAVA_BYTE, keyBytes, firstKey.length);
            keyBytes += firstKey.length;
            add(
                    start(from, i) + moved,
                    filterStart(from, i) + moved,
                    indexStart(from, i) + moved,
                    indexEnd(from, i) + moved,
                    Memory.getLong(record(from, i) + STAMP),
                    contents(from, i));
        }

        /** Lays all out in a buffer from byte {@code at} on and returns its bytes. */
        int finish(Buffer to, long at) {
            long bytes = bytesOf(count) + keyBytes;
            to.ensure(at + bytes, at);
            long partitions = to.address() + at;
            Memory.putLong(partitions, count);
            for (int i = 0; i < count * WORDS; i++) {
                Memory.putLong(partitions + HEADER + 8L * i, records[i]);
            }
            Memory.copy(keys.address(), record(partitions, count), keyBytes);
            return Math.toIntExact(bytes);
        }

        @Override
        public void close() {
            keys.close();
        }
    }
}
