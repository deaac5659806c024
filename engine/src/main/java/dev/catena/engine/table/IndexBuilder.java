package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import java.util.Arrays;

/** Gathers separators and frame offsets and lays them out as {@link IndexBlock} says. Not thread safe. */
final class IndexBuilder implements AutoCloseable {
    private final KeyOrder order;
    private final Buffer separators = new Buffer(4096, "table builder");
    private long[] offsets = new long[64];
    private int[] ends = new int[64];
    private int count;

    IndexBuilder(KeyOrder order) {
        this.order = order;
    }

    int count() {
        return count;
    }

    /** Bytes of all separators. */
    int separatorBytes() {
        return count == 0 ? 0 : ends[count - 1];
    }

    /** Adds what starts at an offset. */
    void add(long separator, int length, long offset) {
        if (count == ends.length) {
            ends = Arrays.copyOf(ends, 2 * count);
            offsets = Arrays.copyOf(offsets, 2 * count);
        }
        int start = separatorBytes();
        separators.ensure((long) start + length, start);
        Memory.copy(separator, separators.address() + start, length);
        offsets[count] = offset;
        ends[count] = start + length;
        count++;
    }

    /**
     * Lays the index out in a buffer from byte {@code at} on and returns its bytes.
     *
     * @param lastEnd where the last one ends
     */
    int finish(Buffer to, long at, long lastEnd) {
        long all = separators.address();
        int common = order == KeyOrder.BYTES ? ends[0] : 0;
        for (int i = 1; i < count; i++) {
            common = Keys.commonPrefix(all, common, all + ends[i - 1], ends[i] - ends[i - 1]);
        }
        long bytes = IndexBlock.HEADER
                + 8L * count
                + 8L * (count + 1)
                + 4L * count
                + common
                + (separatorBytes() - (long) common * count);
        to.ensure(at + bytes, at);
        long block = to.address() + at;
        Memory.putInt(block, count);
        Memory.putInt(block + 4, 1); // column
        Memory.putInt(block + 8, common);
        Memory.putInt(block + 12, 0);
        long word = block + IndexBlock.HEADER;
        long offset = word + 8L * count;
        long end = offset + 8L * (count + 1);
        long commonBytes = end + 4L * count;
        long rests = commonBytes + common;
        Memory.copy(all, commonBytes, common);
        int restsEnd = 0;
        int start = 0;
        for (int i = 0; i < count; i++) {
            int restLength = ends[i] - start - common;
            long rest = all + start + common;
            Memory.putLong(word + 8L * i, Keys.prefix(rest, restLength));
            Memory.putLong(offset + 8L * i, offsets[i]);
            Memory.copy(rest, rests + restsEnd, restLength);
            restsEnd += restLength;
            Memory.putInt(end + 4L * i, restsEnd);
            start = ends[i];
        }
        Memory.putLong(offset + 8L * count, lastEnd);
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
