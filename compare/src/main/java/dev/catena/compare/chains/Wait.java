package dev.catena.compare.chains;

import dev.catena.io.chain.Chain;
import java.util.concurrent.locks.LockSupport;

/**
 * Waiting for a step of a resident chain by looking at the shared memory: without an I/O system call, and nobody has to wake the one who
 * waits. When time is up there is {@link Chain#awaitStep} to sleep in, which also notices that nobody steers.
 */
final class Wait {
    private static final long LIMIT_NANOS = 200_000_000L;
    private static final long NAP_NANOS = 100_000;
    private static final int LOOKS = 64;

    private Wait() {}

    /** Looks without a pause. */
    static void spinUntilDone(Chain chain, int step) {
        long deadline = System.nanoTime() + LIMIT_NANOS;
        while (System.nanoTime() < deadline) {
            for (int look = 0; look < LOOKS; look++) {
                if (isDone(chain, step)) {
                    return;
                }
                Thread.onSpinWait();
            }
        }
    }

    /** Looks now and then. */
    static void napUntilDone(Chain chain, int step) {
        long deadline = System.nanoTime() + LIMIT_NANOS;
        while (!isDone(chain, step) && System.nanoTime() < deadline) {
            LockSupport.parkNanos(NAP_NANOS);
        }
    }

    private static boolean isDone(Chain chain, int step) {
        return chain.isStepDone(step) || chain.hasFailed();
    }
}
