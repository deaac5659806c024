package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.KIND_BELL;
import static dev.catena.io.internal.ChainLayout.KIND_RELEASE;

import dev.catena.io.memory.Threads;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * The kernel's thread that polls the submission queues of all {@link PolledRing}s of a backend. A ring that is used for
 * nothing else holds it, while lanes come and go.
 *
 * <p>Asleep, it is woken by a bell, which is cheaper than to enter a ring and needs no ring: a request of that ring waits on a futex word, and is done when
 * user space changes the word and wakes who waits there, this once. The program, which sees the completion, has another request wait.
 * No wake-up is lost:
 *
 * <ol>
 *   <li>The thread sets SQ_NEED_WAKEUP in each ring, then looks at the ring's queue once more, then sleeps if all were empty. User space shows requests
 *       first, then looks at that flag: either the thread sees them, or user space sees the flag.
 *   <li>When the thread goes to sleep, a request waits on the word. It is the thread itself that handles a completion of this ring, that is, runs the program,
 *       and the program puts the next request into the queue there and then: the thread finds it before it sleeps. If the word has changed
 *       since the program read it, the request completes at once, and all begins again.
 *   <li>So who saw the flag finds either a request that waits, and the thread, whose work its completion is, wakes up (or does not fall asleep);
 *       or a thread that is awake, and looks at all queues before it can sleep, after it has taken the flag back.
 * </ol>
 *
 * <p>Where the program is gone the thread is woken by entering a ring: then the word's last completion lies there unhandled.
 *
 * <p>A thread of ours looks now and then whether completions lie in one of the rings that nobody handled, and whether the
 * kernel's thread sleeps over work: then it has Java take the ring over, or wakes it. Thread safe.
 */
final class SubmissionThread implements AutoCloseable {
    /** How long it polls before it sleeps: it takes a core while it does. The kernel counts in ticks, so it is one or two of these. */
    private static final int IDLE_MILLIS = 1;

    /** One request waits for the bell; the place of the one before it is free a moment later. */
    private static final int HOLDER_ENTRIES = 4;

    private static final long WATCH_NANOS = 250_000_000;

    private final SharedMemory memory;
    private final Steering steering;
    private final Ring holder;
    private final int number;
    private final long entry;
    private final Watchdog watchdog;
    /** With the first completion that was in each when it was looked at last. */
    private final Map<PolledRing, Long> rings = new HashMap<>();

    private final Thread watcher;
    private boolean closing;

    SubmissionThread(Steering steering, Watchdog watchdog) {
        this.steering = steering;
        this.watchdog = watchdog;
        memory = steering.memory();
        holder = new Ring(memory, HOLDER_ENTRIES, 2 * HOLDER_ENTRIES, steering.setupFlags(true), IDLE_MILLIS, null);
        number = memory.allocateRing();
        entry = memory.ring(number);
        try {
            hangBell();
        } catch (RuntimeException e) {
            free();
            throw e;
        }
        watcher = Thread.ofPlatform().daemon().name("catena-watchdog").start(this::watch);
    }

    /** Has the program wait for the bell: it does so when a request of this kind has completed, whatever that was. */
    private void hangBell() {
        holder.describe(number, true);
        steering.bind(holder, number, true);
        holder.issue(ChainLayout.NOP, 0, 0, 0, 0, 0, ChainLayout.userData(KIND_BELL, number, 0, 0, 0));
        holder.wake();
    }

    /** Has the thread look at {@code ring}, to which requests were added, should it sleep or be about to. */
    void wake(Ring ring) {
        if (!ring.needsWakeup()) {
            return;
        }
        if (hears()) {
            int unused = memory.getAndAddInt(entry + ChainLayout.Ring.BELL, 1);
            Posix.futexWake(memory.base() + entry + ChainLayout.Ring.BELL);
        } else {
            ring.wake();
        }
    }

    /** Whether the program is there to wait for the bell again: it gave up, or did not see the last time, otherwise. */
    private boolean hears() {
        return memory.getIntAcquire(entry + ChainLayout.Ring.STEERING) != 0 && holder.firstCompletion() == Ring.NONE;
    }

    /** A new ring that the thread serves. */
    Ring ring(int entries, int completions) {
        return new Ring(memory, entries, completions, steering.setupFlags(true), IDLE_MILLIS, holder);
    }

    synchronized void add(PolledRing ring) {
        rings.put(ring, Ring.NONE);
    }

    synchronized void remove(PolledRing ring) {
        rings.remove(ring);
    }

    private void watch() {
        try (Ring sender = new Ring(memory, 1, 2, 0)) {
            while (look(sender)) {
                LockSupport.parkNanos(WATCH_NANOS);
            }
        }
    }

    private synchronized boolean look(Ring sender) {
        for (Map.Entry<PolledRing, Long> watched : rings.entrySet()) {
            PolledRing ring = watched.getKey();
            if (ring.isTakenOver()) {
                continue;
            }
            if (ring.ring.pending() > 0 && ring.ring.wake()) {
                watchdog.wakeUps.incrementAndGet();
            }
            long unhandled = ring.ring.firstCompletion();
            if (unhandled != Ring.NONE && unhandled == watched.setValue(unhandled)) {
                ring.send(KIND_RELEASE, 0, sender);
                ring.takeOver();
                ring.wakeWaiters();
            }
        }
        return !closing;
    }

    /** All its rings are closed. */
    @Override
    public void close() {
        synchronized (this) {
            closing = true;
        }
        Threads.end(watcher);
        free();
    }

    private void free() {
        steering.release(number);
        holder.close();
        memory.freeRing(number);
    }
}
