package dev.catena.compare.chains;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The log of callers that wait: the leader closes the open group and writes it itself, by a chain of one step in its own context. The
 * next group fills meanwhile; two blocks take turns.
 */
final class LedLog extends GroupLog {
    /** Times that a leader steps back to let those just woken come with their next record. */
    private static final int LINGER = 2;

    private static final int COUNT_BITS = 8;
    private static final int COUNT_MASK = (1 << COUNT_BITS) - 1;

    /** The open group's number, and how many records have a place in it. */
    private final AtomicLong open = new AtomicLong(1L << COUNT_BITS);
    /** Records of a group that are all there, by group modulo 2. */
    private final AtomicInteger[] filled = {new AtomicInteger(), new AtomicInteger()};

    private int flushedLast;

    LedLog(Setting setting, Path path) {
        super(setting, path, 2, 1);
    }

    @Override
    long add(MemorySegment record) {
        while (true) {
            long state = open.get();
            int count = (int) state & COUNT_MASK;
            if (count == RECORDS) {
                Thread.yield(); // full: whoever leads will close it
            } else if (open.compareAndSet(state, state + 1)) {
                long group = state >>> COUNT_BITS;
                MemorySegment.copy(record, 0, blocks.segment(), block(group) + (long) count * RECORD, RECORD);
                filled[(int) group & 1].incrementAndGet();
                return group;
            }
        }
    }

    private static long block(long group) {
        return (group & 1) * BLOCK;
    }

    @Override
    long lead(long durableSoFar) {
        for (int i = 0; i < LINGER && ((int) open.get() & COUNT_MASK) < flushedLast; i++) {
            Thread.yield();
        }
        long group = durableSoFar + 1;
        int count = (int) open.getAndSet((group + 1) << COUNT_BITS) & COUNT_MASK;
        AtomicInteger there = filled[(int) group & 1];
        while (there.get() < count) {
            Thread.onSpinWait();
        }
        there.set(0);
        flushedLast = count;
        long end = (long) count * RECORD;
        blocks.segment().asSlice(block(group) + end, BLOCK - end).fill((byte) 0);
        chain.begin();
        chain.write(file, blocks, block(group), BLOCK, position(group)).durable();
        chain.run().throwIfFailed("append to", file.path(), position(group));
        return group;
    }
}
