package dev.catena.compare.chains;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * The log that the kernel keeps flushing: one chain, never sealed, a step for each group. A group takes records until the kernel takes
 * the group, which it does when it issues the step, by exchanging the word that says how much there is to write. A writer puts its
 * record in place and then confirms the word; if the word is gone, the record may or may not be in what was written, and goes into the
 * next group as well. Who finds no open group opens the next: puts the record there and publishes the step. As long as a flush is in
 * flight that takes no system call; only a chain that has run dry is woken by one.
 *
 * <p>The leader learns of durability from the step's state, by looking.
 */
final class ResidentLog extends GroupLog {
    private static final int GROUPS = 256;
    private static final VarHandle LENGTH = ValueLayout.JAVA_LONG.varHandle();
    private static final int LOOKS = 200;

    /** Records that have a place in a group, by group modulo {@link #GROUPS}. */
    private final AtomicIntegerArray places = new AtomicIntegerArray(GROUPS);

    private volatile long open;
    private boolean started;

    ResidentLog(Setting setting, Path path) {
        super(setting, path, GROUPS, GROUPS);
    }

    private static long block(long group) {
        return group % GROUPS * BLOCK;
    }

    private static long word(long group) {
        return (long) GROUPS * BLOCK + group % GROUPS * Long.BYTES;
    }

    /** The group's step: groups are numbered from 1, steps from 0. */
    private static int step(long group) {
        return (int) (group - 1);
    }

    @Override
    long add(MemorySegment record) {
        while (true) {
            long group = open;
            int place = group == 0 ? RECORDS : places.getAndIncrement((int) (group % GROUPS));
            if (place < RECORDS) {
                MemorySegment.copy(record, 0, blocks.segment(), block(group) + (long) place * RECORD, RECORD);
                // Succeeds only before the kernel takes the group: then it takes this record too.
                if (LENGTH.compareAndSet(blocks.segment(), word(group), (long) BLOCK, (long) BLOCK)) {
                    return group;
                }
            }
            long opened = open(group, record);
            if (opened > 0) {
                return opened;
            }
        }
    }

    /** Opens the group after this one, with a first record; 0 if another thread was faster. */
    private synchronized long open(long after, MemorySegment record) {
        if (open != after) {
            return 0;
        }
        long group = after + 1;
        if (group > GROUPS) {
            chain.awaitStep(step(group - GROUPS));
        }
        blocks.segment().asSlice(block(group), BLOCK).fill((byte) 0);
        MemorySegment.copy(record, 0, blocks.segment(), block(group), RECORD);
        places.set((int) (group % GROUPS), 1);
        LENGTH.setVolatile(blocks.segment(), word(group), (long) BLOCK);
        chain.write(file, blocks, block(group), BLOCK, position(group))
                .durable()
                .lengthAt(blocks, word(group));
        if (started) {
            chain.publish();
        } else {
            chain.start();
            started = true;
        }
        open = group;
        return group;
    }

    @Override
    long lead(long durableSoFar) {
        int step = step(durableSoFar + 1);
        int looks = 0;
        while (!chain.isStepDone(step)) {
            if (chain.hasFailed()) {
                throw new IllegalStateException("a flush failed");
            }
            if (++looks % LOOKS == 0) {
                Thread.yield();
            } else {
                Thread.onSpinWait();
            }
        }
        long durable = durableSoFar + 1;
        while (durable < open && chain.isStepDone(step(durable + 1))) {
            durable++;
        }
        return durable;
    }
}
