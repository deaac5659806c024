package dev.catena.engine.log;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Who may flush: one thread at a time, the owner. The others queue up, park, and are woken when what they wait for is durable or when
 * it is their turn to flush.
 *
 * <ol>
 *   <li>A thread whose bytes are not durable becomes the owner if there is none, and flushes everything published so far, other
 *       threads' bytes included.
 *   <li>If there is an owner the thread pushes itself onto a stack and parks.
 *   <li>The owner, when done, takes the whole stack, wakes those whose bytes are durable now, and hands the ownership on to the first
 *       of the rest. Only those that can go on are woken.
 * </ol>
 *
 * <p>Nobody is forgotten: a thread that has pushed itself tries once more to become the owner, and an owner that found nobody to
 * hand over to looks at the stack once more after it gave up the ownership; one of the two sees the other.
 *
 * <p>What only the owner touches is handed from owner to owner by the volatile write that makes the next one.
 */
final class FlushOwnership {
    /** The position of a thread that waits to own, whatever is durable. */
    static final long OWN = Long.MAX_VALUE;

    private static final int WAITING = 0;
    private static final int DURABLE = 1;
    private static final int OWNER = 2;

    private static final VarHandle OWNED;
    private static final VarHandle STACK;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            OWNED = lookup.findVarHandle(FlushOwnership.class, "owned", int.class);
            STACK = lookup.findVarHandle(FlushOwnership.class, "stack", Waiter.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final ThreadLocal<Waiter> waiters = ThreadLocal.withInitial(Waiter::new);

    @SuppressWarnings("UnusedVariable") // through OWNED
    private volatile int owned;

    @SuppressWarnings("UnusedVariable") // through STACK
    private volatile @Nullable Waiter stack;

    /** The owner's: those taken from the stack that still wait, first come first. */
    private @Nullable Waiter queueHead;

    private @Nullable Waiter queueTail;

    /** The owner's: how many threads its predecessor's flush served; what to expect of the next. */
    private int served;

    /** A thread that waits; each has one for all its waits in this log. */
    private static final class Waiter {
        final Thread thread = Thread.currentThread();
        long position;

        @Nullable
        Waiter next;

        volatile int state;
    }

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
        if (tryOwn()) {
            return true;
        }
        Waiter me = waiters.get();
        me.position = position;
        me.state = WAITING;
        push(me);
        if (tryOwn()) {
            // There may be no owner left to see what was pushed. This thread is the owner now, and the entry on the
            // stack is its
            // own: release() drops it or, when it is a later owner's, finds this thread past it. Take it out here
            // instead.
            drain();
            remove(me);
            return true;
        }
        boolean interrupted = false;
        while (me.state == WAITING) {
            LockSupport.park(this);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            me.thread.interrupt();
        }
        return me.state == OWNER;
    }

    /** How many threads the flush before this one served: about as many are going to publish soon. Owner only. */
    int served() {
        return served;
    }

    /** How many threads wait. Owner only. */
    int waiting() {
        drain();
        int count = 0;
        for (Waiter w = queueHead; w != null; w = w.next) {
            count++;
        }
        return count;
    }

    /**
     * Gives the ownership up.
     *
     * @param durable everything before this position is durable
     * @param failed whether nobody is to wait for durability any more, since it will not come
     */
    void release(long durable, boolean failed) {
        int count = 1;
        while (true) {
            drain();
            Waiter done = null;
            Waiter doneTail = null;
            Waiter rest = null;
            Waiter restTail = null;
            for (Waiter w = queueHead; w != null; ) {
                Waiter next = w.next;
                w.next = null;
                if (w.position <= durable || (failed && w.position != OWN)) {
                    if (doneTail == null) {
                        done = w;
                    } else {
                        doneTail.next = w;
                    }
                    doneTail = w;
                    count++;
                } else {
                    if (restTail == null) {
                        rest = w;
                    } else {
                        restTail.next = w;
                    }
                    restTail = w;
                }
                w = next;
            }
            served = count;
            Waiter successor = rest;
            queueHead = rest == null ? null : rest.next;
            queueTail = queueHead == null ? null : restTail;
            if (successor != null) {
                successor.next = null;
                wake(successor, OWNER);
            } else {
                OWNED.setVolatile(this, 0);
            }
            while (done != null) {
                Waiter next = done.next;
                done.next = null;
                wake(done, DURABLE);
                done = next;
            }
            if (successor != null || STACK.getVolatile(this) == null || !tryOwn()) {
                return;
            }
        }
    }

    private static void wake(Waiter waiter, int state) {
        Thread thread = waiter.thread;
        waiter.state = state; // from here on the waiter may use itself again
        LockSupport.unpark(thread);
    }

    private void push(Waiter me) {
        Waiter top;
        do {
            top = stack;
            me.next = top;
        } while (!STACK.compareAndSet(this, top, me));
    }

    /** Moves the stack to the end of the queue, oldest first. */
    private void drain() {
        Waiter taken = (Waiter) STACK.getAndSet(this, null);
        Waiter oldestFirst = null;
        Waiter newest = taken;
        while (taken != null) {
            Waiter next = taken.next;
            taken.next = oldestFirst;
            oldestFirst = taken;
            taken = next;
        }
        if (oldestFirst == null) {
            return;
        }
        if (queueTail == null) {
            queueHead = oldestFirst;
        } else {
            queueTail.next = oldestFirst;
        }
        queueTail = newest;
    }

    private void remove(Waiter me) {
        Waiter before = null;
        for (Waiter w = queueHead; w != null; before = w, w = w.next) {
            if (w == me) {
                if (before == null) {
                    queueHead = w.next;
                } else {
                    before.next = w.next;
                }
                if (queueTail == w) {
                    queueTail = before;
                }
                w.next = null;
                return;
            }
        }
        // An owner in between took it and settled it.
    }
}
