package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import java.util.Arrays;

/** Gathers separators and frame offsets and lays them out as {@link IndexBlock} says. Not thread safe. */
final class IndexBuilder implements AutoCloseable {
    private final int columns;
    private final KeyOrder order;
    private final Buffer separators = new Buffer(4096, "table builder");
    private long[] offsets;
    private int[] ends = new int[64];
    private int count;

    IndexBuilder(int columns, KeyOrder order) {
        this.columns = columns;
        this.order = order;
        offsets = new long[64 * columns];
    }

    int count() {
        return count;
    }

    /** Bytes of all separators. */
    int separatorBytes() {
        return count == 0 ? 0 : ends[count - 1];
    }

    /** Adds a frame that starts at these offsets, one a column (the second is ignored where there is one column). */
    void add(long separator, int length, long first, long second) {
        if (count == ends.length) {
            ends = Arrays.copyOf(ends, 2 * count);
            offsets = Arrays.copyOf(offsets, 2 * count * columns);
        }
        int start = separatorBytes();
        separators.ensure((long) start + length, start);
        Memory.copy(separator, separators.address() + start, length);
        offsets[count * columns] = first;
        if (columns == 2) {
            offsets[count * columns + 1] = second;
        }
        ends[count] = start + length;
        count++;
    }

    /**
     * Lays the index out in a buffer from byte {@code at} on and returns its bytes.
     *
     * @param firstEnd where the last frame of the first column ends
     * @param secondEnd of the second
     */
    int finish(Buffer to, long at, long firstEnd, long secondEnd) {
        long all = separators.address();
        int common = order == KeyOrder.BYTES ? ends[0] : 0;
        for (int i = 1; i < count; i++) {
            common = Keys.commonPrefix(all, common, all + ends[i - 1], ends[i] - ends[i - 1]);
        }
        long bytes = IndexBlock.HEADER
                + 8L * count
                + 8L * columns * (count + 1)
                + 4L * count
                + common
                + (separatorBytes() - (long) common * count);
        to.ensure(at + bytes, at);
        long block = to.address() + at;
        Memory.putInt(block, count);
        Memory.putInt(block + 4, columns);
        Memory.putInt(block + 8, common);
        Memory.putInt(block + 12, 0);
        long word = block + IndexBlock.HEADER;
        long offset = word + 8L * count;
        long end = offset + 8L * columns * (count + 1);
        long commonBytes = end + 4L * count;
        long rests = commonBytes + common;
        Memory.copy(all, commonBytes, common);
        int restsEnd = 0;
        int start = 0;
        for (int i = 0; i < count; i++) {
            int restLength = ends[i] - start - common;
            long rest = all + start + common;
            Memory.putLong(word + 8L * i, Keys.prefix(rest, restLength));
            for (int column = 0; column < columns; column++) {
                Memory.putLong(offset + 8 * (column * (count + 1L) + i), offsets[i * columns + column]);
            }
            Memory.copy(rest, rests + restsEnd, restLength);
            restsEnd += restLength;
            Memory.putInt(end + 4L * i, restsEnd);
            start = ends[i];
        }
        Memory.putLong(offset + 8L * count, firstEnd);
        if (columns == 2) {
            Memory.putLong(offset + 8 * (count + 1L + count), secondEnd);
        }
        return Math.toIntExact(bytes);
    }

    void clear() {
        count = 0;
        separators.shrink(1 << 20);
    }

    @Override
    public void close() {
        separators.close();
    }
}
