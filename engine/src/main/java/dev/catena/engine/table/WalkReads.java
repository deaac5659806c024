package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.MemoryAccount.Owner;
import org.jspecify.annotations.Nullable;

/**
 * Where a walk through a table gets the frames that the cache does not have, and with them those that come next on the way.
 *
 * <p>By itself it reads more at once the longer the walk is, and as soon as it had to wait for the device for that, has what comes next
 * read while the walk goes on ({@link ReadAhead}). As long as everything comes out of the kernel's memory, there is nothing to wait for
 * and a plain read is cheapest. Who says how much is to be read ahead has it read like that from the first.
 *
 * <p>Not thread safe.
 */
final class WalkReads implements AutoCloseable {
    private static final String OWNER = "iterator";

    /** Blocks since the last seek that are read alone, to the cache, before the walk is taken for a long one. */
    private static final int BLOCKS_ALONE = 4;

    private static final long ALONE_MIN = 64L << 10;
    private static final long ALONE_MAX = 256L << 10;

    /** What is read ahead at most when nobody says how much. */
    private static final int AUTOMATIC_BYTES = 2 << 20;

    /** A plain read that takes longer than that, and half a nanosecond a byte, did not come out of memory. */
    static volatile long fastNanos = 12_000; // changed by tests only

    private static final int BYTES_PER_NANO = 2;

    private final TableReader table;

    /** As the user says, or {@link TableReader#AUTOMATIC_READAHEAD}. */
    private final long wanted;

    private int blocksAlone;
    private long aloneBytes = ALONE_MIN;
    private @Nullable Buffer buffer;

    /** What of the file is in the buffer. */
    private long start;

    private long end;
    private @Nullable ReadAhead ahead;
    private boolean mayReadAhead = true;

    /** Bytes of the buffer that the store's account knows of. */
    private long charged;

    WalkReads(TableReader table, long wanted) {
        this.table = table;
        this.wanted = wanted;
    }

    /** The walk was sought to somewhere. */
    void restart() {
        blocksAlone = 0;
        aloneBytes = ALONE_MIN;
        if (ahead != null) {
            ahead.restart();
        }
    }

    /** As {@link #restart}, in the middle of a seek: the next block is read alone. */
    void restartAlone() {
        blocksAlone = 0;
    }

    /** Whether the next block that is not in the cache is to be read alone, and to the cache. */
    boolean isNextAlone() {
        return blocksAlone++ < (wanted > 0 ? 1 : BLOCKS_ALONE);
    }

    /** Where a frame of a partition is in memory, until the next call. */
    long frame(long offset, long frameEnd, int partition, boolean backward) {
        Buffer read = buffer;
        if (read != null && offset >= start && frameEnd <= end) {
            return read.address() + (offset - start);
        }
        if (wanted > 0 && mayReadAhead) {
            openAhead(wanted, true);
        }
        if (ahead != null) {
            long found = ahead.frame(offset, frameEnd, partition, backward);
            if (found != 0) {
                return found;
            }
        }
        return readAlone(offset, frameEnd, partition, backward);
    }

    @Override
    public void close() {
        if (ahead != null) {
            ahead.close();
        }
        if (buffer != null) {
            buffer.close();
        }
        table.cache().account().charge(Owner.ITERATORS, -charged);
    }

    private void openAhead(long bytes, boolean whole) {
        mayReadAhead = false;
        ahead = table.reads().readAhead(table, bytes, whole);
    }

    private long readAlone(long offset, long frameEnd, int partition, boolean backward) {
        Buffer to = buffer;
        if (to == null) {
            to = new Buffer(ALONE_MIN, OWNER);
            buffer = to;
        }
        long most = wanted < 0 ? aloneBytes : Math.min(wanted, ALONE_MAX);
        long left = backward ? frameEnd : table.layout().dataEnd() - offset;
        long length = Math.max(frameEnd - offset, Math.min(most, left));
        long from = backward ? frameEnd - length : offset;
        start = 0;
        end = 0;
        to.shrink(Math.max(length, ALONE_MAX));
        to.ensure(length, 0);
        long began = System.nanoTime();
        table.readFully(to.segment(), length, from);
        boolean slow = System.nanoTime() - began > fastNanos + length / BYTES_PER_NANO;
        start = from;
        end = from + length;
        if (to.bytes() != charged) {
            table.cache().account().charge(Owner.ITERATORS, to.bytes() - charged);
            charged = to.bytes();
        }
        if (wanted < 0 && aloneBytes > ALONE_MIN && slow && mayReadAhead) {
            openAhead(AUTOMATIC_BYTES, false);
            if (ahead != null) {
                // The frame that leaves the buffer begins, or ends, about there.
                long overlap = 2 * (frameEnd - offset);
                ahead.begin(
                        backward ? Math.min(start + overlap, end) : Math.max(start, end - overlap),
                        partition,
                        backward);
            }
        }
        aloneBytes = Math.min(2 * aloneBytes, ALONE_MAX);
        return to.address() + (offset - from);
    }
}
