package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;

/**
 * The resident ring of one lane on {@code kernel-hook}: a thread of the kernel's polls it ({@link SubmissionThread}), and
 * the program acts in that thread. No system call is made while that thread is awake.
 *
 * <p>Who acts: with requests in flight, the program and nobody else. With none, nothing can complete, so the lane's thread
 * does: it writes the first requests of a chain, or those after a pause, and shows them to the kernel all at once, with
 * which it hands the ring back. That nothing is in flight is told by the chain's word {@code dry}, which whoever takes it
 * exchanges for 0: the program may find more steps at the same moment.
 *
 * <p>Once taken over the lane's thread handles completions too, when it waits.
 */
final class PolledRing extends ResidentRing {
    /** Half of them for requests, half for messages. One page or two. */
    private static final int ENTRIES = 2 * MESSAGE_ENTRIES;

    private static final int COMPLETIONS = 4 * MESSAGE_ENTRIES;

    private final SubmissionThread thread;

    PolledRing(Steering steering, SubmissionThread thread, Watchdog watchdog) {
        super(steering, thread.ring(ENTRIES, COMPLETIONS), watchdog);
        this.thread = thread;
        thread.add(this);
    }

    @Override
    boolean advance(int chain, Ring mailbox) {
        ring.hold();
        interpreter.advance(chain);
        boolean ended = memory.getInt(memory.chain(chain) + Chain.STATE) == CHAIN_FINISHED;
        ring.flush();
        ring.wake();
        return ended;
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
