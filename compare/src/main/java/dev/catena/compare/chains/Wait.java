package dev.catena.compare.chains;

import dev.catena.io.chain.Chain;

/**
 * Waiting for a step of a resident chain by looking at the shared memory: without an I/O system call, and nobody has to wake the one who
 * waits. When time is up there is {@link Chain#awaitStep} to sleep in, which also notices that nobody steers.
 */
final class Wait {
    private static final long LIMIT_NANOS = 200_000_000L;
    private static final int LOOKS = 64;

    private Wait() {}

    /**
     * Looks, without a pause, until the step is done, the chain has failed, or the time is up. Looks mostly at the step alone: the
     * chain's state is written at every completion, and each look at it would take that line away from the one who writes.
     */
    static void untilDone(Chain chain, int step) {
        long deadline = System.nanoTime() + LIMIT_NANOS;
        while (System.nanoTime() < deadline && !chain.hasFailed()) {
            for (int look = 0; look < LOOKS; look++) {
                if (chain.isStepDone(step)) {
                    return;
                }
                Thread.onSpinWait();
            }
        }
    }
}
