package dev.catena.engine;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;

/**
 * Counts running operations, and closes: after that none begins, and the closer waits for those that run. Spread over several counters
 * so that threads do not fight for one cache line.
 */
final class Gate {
    private static final int STRIPES = 16;
    private static final int STRIDE = 32;
    private static final long POLL_NANOS = 100_000;

    private final AtomicIntegerArray inside = new AtomicIntegerArray((STRIPES + 1) * STRIDE);
    private final String what;
    private volatile boolean closed;

    /** @param what what is closed, for messages */
    Gate(String what) {
        this.what = what;
    }

    /** Begins an operation. Returns what to give to {@link #exit}. */
    int enter() {
        int stripe = (((int) Thread.currentThread().threadId() & (STRIPES - 1)) + 1) * STRIDE;
        inside.getAndIncrement(stripe);
        if (closed) {
            exit(stripe);
            throw new StoreClosedException(what);
        }
        return stripe;
    }

    /** Ends an operation. */
    void exit(int stripe) {
        inside.getAndDecrement(stripe);
    }

    boolean isClosed() {
        return closed;
    }

    /** Lets no more operations begin. */
    void close() {
        closed = true;
    }

    /** Waits, after {@link #close}, until no operation runs. */
    void awaitEmpty() {
        boolean interrupted = false;
        for (int i = 1; i <= STRIPES; i++) {
            while (inside.get(i * STRIDE) != 0) {
                interrupted |= Thread.interrupted(); // parking would return at once
                LockSupport.parkNanos(this, POLL_NANOS);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
