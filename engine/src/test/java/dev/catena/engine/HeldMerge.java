package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A merge operator, the last operand wins, that holds whoever merges until it is closed: a flush of a memtable that has a value and an
 * operand for a key, or a compaction of tables that do.
 */
final class HeldMerge implements MergeOperator, AutoCloseable {
    private final CountDownLatch merging = new CountDownLatch(1);
    private final CountDownLatch go = new CountDownLatch(1);
    private final AtomicInteger merges = new AtomicInteger();

    @Override
    public String name() {
        return "held";
    }

    @Override
    public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
        merges.getAndIncrement();
        merging.countDown();
        await(go);
        return operands.getLast();
    }

    /** Returns when somebody is held. */
    void awaitMerging() {
        await(merging);
    }

    /** How often it was called. */
    int merges() {
        return merges.get();
    }

    /** Lets everybody go, for good. */
    @Override
    public void close() {
        go.countDown();
    }

    static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(60, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
