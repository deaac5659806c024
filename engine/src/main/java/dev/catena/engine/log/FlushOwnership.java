package dev.catena.engine.log;

import dev.catena.io.memory.WaitWord;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Who may flush: one thread at a time, the owner. The others wait until what they wait for is durable, or it is their turn.
 *
 * <ol>
 *   <li>A thread whose bytes are not durable becomes the owner if there is none, and flushes everything published so far, other
 *       threads' bytes included.
 *   <li>If there is an owner the thread sleeps: on this flush's word if the flush covers its bytes, else on the next one's.
 *   <li>The owner, when done, wakes all on its flush's word by one call, and one on the next word, to become the owner.
 * </ol>
 *
 * <p>A flush is known by its generation, counted when it ends; the words take turns. While the owner has not yet said how far its flush
 * goes ({@link #flushing}) everybody is taken for covered: at worst someone wakes for nothing and looks again.
 *
 * <p>Nobody is forgotten. A sleeper reads its word's value, then sees that the generation is still the same and owned, then sleeps only
 * if the value has not changed. Whoever was woken to become the owner and finds its bytes durable instead wakes the others on its word.
 */
final class FlushOwnership {
    /** The position of a thread that waits to own, whatever is durable. */
    static final long OWN = Long.MAX_VALUE;

    private static final VarHandle OWNED;

    static {
        try {
            OWNED = MethodHandles.lookup().findVarHandle(FlushOwnership.class, "owned", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final WaitWord even = new WaitWord();
    final WaitWord odd = new WaitWord(); // also the test's to look at

    @SuppressWarnings("UnusedVariable") // through OWNED
    private volatile int owned;

    /** Flushes that have ended. Moved by the owner. */
    private volatile long generation;

    /** Where the flush that is going on ends; everything is covered as long as that is not known. */
    private volatile long covered = OWN;

    private volatile long durable;
    private volatile boolean failed;

    /** The owner's: how many threads its predecessor's flush served. */
    private int served;

    /** The owner's. */
    private int expected;

    /** Takes the ownership if nobody has it. */
    boolean tryOwn() {
        return (int) OWNED.getVolatile(this) == 0 && OWNED.compareAndSet(this, 0, 1);
    }

    /** Takes the ownership, waiting for it as long as it takes. */
    void own() {
        if (!ownOrAwait(OWN)) {
            throw new AssertionError("waited for ownership and got durability");
        }
    }

    /**
     * Waits until either this thread is the owner (true) or an owner has released with everything before {@code position}
     * durable, or with a failure (false).
     */
    boolean ownOrAwait(long position) {
        WaitWord toLead = null;
        while (true) {
            if (position != OWN && (durable >= position || failed)) {
                if (toLead != null && toLead.waiting() > 0) {
                    toLead.wakeAll();
                }
                return false;
            }
            if (tryOwn()) {
                // Who did not sleep to lead is one of those that the last flush served, back again.
                expected = served + waiting() - (toLead == null ? 1 : 0);
                return true;
            }
            long flush = generation;
            boolean isCovered = position != OWN && position <= covered;
            WaitWord word = word(isCovered ? flush : flush + 1);
            int value = word.value();
            if (generation == flush && (int) OWNED.getVolatile(this) != 0) {
                word.await(value);
                toLead = isCovered ? null : word;
            }
        }
    }

    private WaitWord word(long flush) {
        return (flush & 1) == 0 ? even : odd;
    }

    /** The flush covers everything before {@code end}, and nothing after. Owner only. */
    void flushing(long end) {
        covered = end;
    }

    /** How many threads are likely to wait for the flush that the owner is about to begin, once those just woken are back. Owner only. */
    int expected() {
        return expected;
    }

    /** How many threads wait for the flush that the owner is about to begin. Owner only. */
    int waiting() {
        return word(generation).waiting();
    }

    /**
     * Gives the ownership up.
     *
     * @param durable everything before this position is durable
     * @param failed whether nobody is to wait for durability any more, since it will not come
     */
    void release(long durable, boolean failed) {
        long flush = generation;
        WaitWord done = word(flush);
        this.durable = durable;
        this.failed = failed;
        served = done.waiting() + 1;
        covered = OWN;
        generation = flush + 1;
        OWNED.setVolatile(this, 0);
        word(flush + 1).wakeOne();
        done.wakeAll();
    }
}
