package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * The payload of an index frame and of the root: which frame may hold a key.
 *
 * <p>Frame i has a <b>separator</b>: a user key, as short as possible, at or after all keys of frame i and before all of frame
 * i + 1 (the same key when a key's versions go on in frame i + 1). A key, if present, is first in the first frame whose separator
 * is at or after it.
 *
 * <pre>
 *  0  u32 count, u32 columns, u32 bytes c that all separators begin with, u32 0
 * 16  u64 word[count]                    the 8 bytes after the first c of each separator, as a big-endian number, zero-padded
 *     u64 offset[columns][count + 1]     where frames start, and where the last one ends
 *     u32 end[count]                     where each separator's rest ends, counted from the first rest
 *     c bytes that all separators begin with
 *     the rest of each separator
 * </pre>
 *
 * <p>In other orders than that of unsigned bytes separators are keys, c is 0, and the words mean nothing.
 *
 * <p>An index frame has one column, the data frames, counted from the partition's start; the root has one, the partitions. Before version 4
 * of tables all offsets were those in the file, and the root had two columns, index frames and filter frames. A search compares the common
 * bytes once, then binary-searches the words, which lie close together, and looks at a rest only where words are equal.
 *
 * <p>Stateless; thread safe.
 */
final class IndexBlock {
    static final int HEADER = 16;

    private static final int COLUMNS = 4;
    private static final int COMMON = 8;

    private IndexBlock() {}

    static int count(long block) {
        return Memory.getInt(block);
    }

    /** Where frame {@code i} of a column starts; for {@code i = count} where the last one ends. */
    static long offset(long block, int column, int i) {
        long count = count(block);
        return Memory.getLong(block + HEADER + 8 * count + 8 * (column * (count + 1) + i));
    }

    /** The first frame whose separator is at or after a key; {@code count} when none is. */
    static int search(KeyOrder order, long block, long key, int keyLength) {
        if (order != KeyOrder.BYTES) {
            return searchWhole(order, block, key, keyLength);
        }
        int count = count(block);
        int common = Memory.getInt(block + COMMON);
        if (common > 0) {
            int same = Keys.commonPrefix(common(block), common, key, keyLength);
            if (same < common) {
                boolean before = same == keyLength
                        || (Memory.getByte(key + same) & 0xff) < (Memory.getByte(common(block) + same) & 0xff);
                return before ? 0 : count;
            }
        }
        long rest = key + common;
        int restLength = keyLength - common;
        long word = Keys.prefix(rest, restLength);
        long words = block + HEADER;
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            long other = Memory.getLong(words + 8L * middle);
            boolean before = other != word
                    ? Long.compareUnsigned(other, word) < 0
                    : compareRest(block, middle, rest, restLength) < 0;
            if (before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** The same in another order of keys, where separators are whole. */
    private static int searchWhole(KeyOrder order, long block, long key, int keyLength) {
        long ends = ends(block);
        long separators = common(block);
        int low = 0;
        int high = count(block);
        while (low < high) {
            int middle = (low + high) >>> 1;
            int start = middle == 0 ? 0 : Memory.getInt(ends + 4L * (middle - 1));
            int end = Memory.getInt(ends + 4L * middle);
            if (order.compare(separators + start, end - start, key, keyLength) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** Separator {@code i}. */
    static byte[] separator(long block, int i) {
        int common = Memory.getInt(block + COMMON);
        long ends = ends(block);
        int start = i == 0 ? 0 : Memory.getInt(ends + 4L * (i - 1));
        int length = Memory.getInt(ends + 4L * i) - start;
        byte[] separator = new byte[common + length];
        MemorySegment copy = MemorySegment.ofArray(separator);
        MemorySegment.copy(Memory.ALL, common(block), copy, 0, common);
        MemorySegment.copy(Memory.ALL, common(block) + common + start, copy, common, length);
        return separator;
    }

    /** Whether separator {@code i} is exactly a key. */
    static boolean separatorEquals(long block, int i, long key, int keyLength) {
        int common = Memory.getInt(block + COMMON);
        return keyLength >= common
                && Keys.commonPrefix(common(block), common, key, common) == common
                && compareRest(block, i, key + common, keyLength - common) == 0;
    }

    /** Compares separator {@code i} with a key that begins with the common bytes and goes on with this rest. */
    private static int compareRest(long block, int i, long rest, int restLength) {
        long ends = ends(block);
        int start = i == 0 ? 0 : Memory.getInt(ends + 4L * (i - 1));
        int end = Memory.getInt(ends + 4L * i);
        return Keys.compare(common(block) + Memory.getInt(block + COMMON) + start, end - start, rest, restLength);
    }

    private static long ends(long block) {
        long count = count(block);
        return block + HEADER + 8 * count + 8L * Memory.getInt(block + COLUMNS) * (count + 1);
    }

    private static long common(long block) {
        return ends(block) + 4L * count(block);
    }

    /**
     * Checks that everything lies inside the block and that the frames of column c follow one another inside
     * [lows[c], highs[c]].
     */
    static void check(Path file, long frameOffset, long block, long length, long[] lows, long[] highs) {
        int columns = lows.length;
        if (length < HEADER) {
            throw malformed(file, frameOffset, length + " bytes");
        }
        long count = Memory.getInt(block);
        long common = Memory.getInt(block + COMMON);
        long fixed = HEADER + 8 * count + 8L * columns * (count + 1) + 4 * count;
        if (count < 1 || common < 0 || Memory.getInt(block + COLUMNS) != columns || fixed + common > length) {
            throw malformed(file, frameOffset, count + " separators in " + length + " bytes");
        }
        long ends = ends(block);
        long rests = length - fixed - common;
        long previous = 0;
        for (int i = 0; i < count; i++) {
            long end = Memory.getInt(ends + 4L * i);
            if (end < previous || end > rests) {
                throw malformed(file, frameOffset, "separator " + i + " outside");
            }
            previous = end;
        }
        for (int column = 0; column < columns; column++) {
            long low = lows[column];
            for (int i = 0; i <= count; i++) {
                long offset = offset(block, column, i);
                boolean filterless = column == 1 && lows[1] == highs[1];
                long smallest = i == 0 || filterless ? low : low + TableFormat.FRAME_HEADER;
                if (offset < smallest || offset > highs[column]) {
                    throw malformed(file, frameOffset, "frame " + i + " at " + offset);
                }
                low = offset;
            }
        }
    }

    private static CorruptionException malformed(Path file, long frameOffset, String found) {
        return new CorruptionException(file, frameOffset, "a well-formed index", found);
    }
}
