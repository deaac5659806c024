package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

/**
 * The resident ring of one lane on {@code kernel-hook}: a thread of the kernel's polls it ({@link SubmissionThread}), and
 * the program acts in that thread. No system call is made while that thread is awake, and none on a ring to wake it.
 *
 * <p>Who acts: with requests in flight, the program and nobody else. With none, nothing can complete, so the lane's thread
 * does: it writes the first requests of a chain, or those after a pause, and shows them to the kernel all at once, with
 * which it hands the ring back. That nothing is in flight is told by the chain's word {@code dry}, which whoever takes it
 * exchanges for 0: the program may find more steps at the same moment; or by the chain's end, which {@link ResidentDriver}
 * does not tell before the program has written its last request for the chain.
 *
 * <p>Once taken over the lane's thread handles completions too, when it waits.
 */
final class PolledRing extends ResidentRing {
    /** Half of them for requests, half for wake-ups. One page or two. */
    private static final int ENTRIES = 2 * WAKE_ENTRIES;

    private static final int COMPLETIONS = 4 * WAKE_ENTRIES;

    private final SubmissionThread thread;

    PolledRing(Steering steering, SubmissionThread thread, Watchdog watchdog) {
        super(steering, thread.ring(ENTRIES, COMPLETIONS), watchdog);
        this.thread = thread;
        thread.add(this);
    }

    @Override
    void advance(int chain) {
        ring.hold();
        interpreter.advance(chain);
        ring.flush();
        thread.wake(ring);
    }

    @Override
    void poll() {
        reap();
    }

    @Override
    void leave() {
        thread.remove(this);
        close();
    }
}
