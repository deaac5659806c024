package dev.catena.compare.chains;

import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Region;
import dev.catena.io.memory.WaitWord;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A log, boiled down: threads append records, and each append is durable when it returns. Records that come together make a group, a
 * block of the file, written over what was there with one direct, durable write.
 *
 * <p>One of those that wait sees to the durability of a group (the leader) and then wakes the others; what that means differs between
 * {@link LedLog} and {@link ResidentLog}. Groups are numbered from 1 and become durable in order.
 */
abstract class GroupLog implements AutoCloseable {
    static final int RECORD = 128;
    static final int BLOCK = 4096;
    static final int RECORDS = BLOCK / RECORD;

    final Chain chain;
    final ChainFile file;
    final Region blocks;
    private final ChainRuntime runtime;
    private final Lane lane;
    private final long fileBlocks;

    private final WaitWord changed = new WaitWord();
    private final AtomicBoolean led = new AtomicBoolean();
    private volatile long durable;
    private volatile boolean failed;

    GroupLog(Setting setting, Path path, int groups, int steps) {
        runtime = setting.runtime();
        file = runtime.open(path, ChainFile.Mode.READ_WRITE, ChainFile.Access.DIRECT);
        fileBlocks = file.size() / BLOCK;
        blocks = runtime.allocate((long) groups * (BLOCK + Long.BYTES), "log");
        lane = setting.lane(runtime);
        chain = lane.chain(steps, "log");
    }

    ChainRuntime runtime() {
        return runtime;
    }

    /** Where a group goes in the file. */
    long position(long group) {
        return group % fileBlocks * BLOCK;
    }

    /** Appends a record of {@link #RECORD} bytes; durable when it returns. */
    final void append(MemorySegment record) {
        long group = add(record);
        while (durable < group) {
            int seen = changed.value();
            if (durable >= group) {
                return;
            }
            if (failed) {
                throw new IllegalStateException("the log has failed");
            }
            if (!led.get() && led.compareAndSet(false, true)) {
                try {
                    durable = durable < group ? lead(durable) : durable;
                } catch (RuntimeException e) {
                    failed = true;
                    throw e;
                } finally {
                    led.set(false);
                    changed.wakeAll();
                }
            } else if (led.get()) {
                changed.await(seen);
            }
        }
    }

    /** Puts a record into a group and returns the group's number. */
    abstract long add(MemorySegment record);

    /** Makes more groups durable than were, and returns the last of them. One thread at a time. */
    abstract long lead(long durableSoFar);

    @Override
    public void close() {
        chain.close();
        lane.close();
        blocks.close();
        file.close();
        runtime.close();
    }
}
