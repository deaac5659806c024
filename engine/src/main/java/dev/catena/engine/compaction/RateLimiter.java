package dev.catena.engine.compaction;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Bounds the bytes a second that background work writes. Flushes go first: they wait for other flushes only, while compactions wait for
 * all. Who was idle may write a tenth of a second's bytes at once. Thread safe.
 */
public final class RateLimiter {
    private static final long BURST_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long SLEEP_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final long bytesPerSecond;
    private final BooleanSupplier stopping;

    /** When what was written so far would be written at the rate; of flushes, and of all. */
    private long flushesDone = System.nanoTime();

    private long allDone = flushesDone;

    /**
     * @param bytesPerSecond 0 for no bound
     * @param stopping when true nobody waits
     */
    public RateLimiter(long bytesPerSecond, BooleanSupplier stopping) {
        this.bytesPerSecond = bytesPerSecond;
        this.stopping = stopping;
    }

    /** Notes bytes that a flush has written, and waits until it may write more. */
    public void flushed(long bytes) {
        await(bytes, true, stopping);
    }

    /** Notes bytes that a compaction has written, and waits until it may write more, or is over. */
    public void compacted(long bytes, BooleanSupplier over) {
        await(bytes, false, () -> stopping.getAsBoolean() || over.getAsBoolean());
    }

    private void await(long bytes, boolean flush, BooleanSupplier over) {
        if (bytesPerSecond == 0) {
            return;
        }
        long until = note((long) (bytes * 1e9 / bytesPerSecond), flush);
        boolean interrupted = false;
        for (long left = until - System.nanoTime();
                left > 0 && !over.getAsBoolean();
                left = until - System.nanoTime()) {
            interrupted |= Thread.interrupted(); // parking would return at once
            LockSupport.parkNanos(this, Math.min(left, SLEEP_NANOS));
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized long note(long nanos, boolean flush) {
        long earliest = System.nanoTime() - BURST_NANOS;
        allDone = Math.max(allDone, earliest) + nanos;
        if (flush) {
            flushesDone = Math.max(flushesDone, earliest) + nanos;
        }
        return flush ? flushesDone : allDone;
    }
}
