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
 * <p>Asleep, it is woken by a bell, a futex, and no ring is entered for that: a request of the holding ring waits on a
 * word, which never changes, and is done as soon as user space wakes who waits there. Its completion is work of the thread,
 * which so wakes up, and the program, which sees it, has another request wait. No wake-up is lost:
 *
 * <ol>
 *   <li>The thread sets SQ_NEED_WAKEUP in every ring, then looks at the ring's queue once more, and sleeps if all were
 *       empty. User space shows its requests first, then looks at that flag: either the thread sees the requests, or
 *       user space sees the flag and rings.
 *   <li>Whenever the thread goes to sleep, a request waits for the bell: it is the thread itself that handles completions
 *       of the holding ring, and runs the program as it does, so that the next request is in that ring's queue, where
 *       it finds it, before it can look whether to sleep.
 *   <li>So who rings finds a request that waits, and the thread wakes up, or does not fall asleep. Or else it finds
 *       none, rung for by somebody else: then the thread is awake, and looks at all queues after it has taken the flag
 *       back, which was seen before that.
 * </ol>
 *
 * <p>Where the program is gone, or could not go on, a bell's completion lies there unhandled: from then on a ring is entered to wake the
 * thread.
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
    private final long bell;
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
        bell = memory.base() + memory.ring(number) + ChainLayout.Ring.BELL;
        try {
            hangBell();
        } catch (RuntimeException e) {
            free();
            throw e;
        }
        watcher = Thread.ofPlatform().daemon().name("catena-watchdog").start(this::watch);
    }

    /** Has the program make a request wait for the bell: it does so whenever a request of that kind has completed. */
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
            Posix.futexWake(bell);
        } else {
            ring.wake();
        }
    }

    /** Whether a request waits for the bell whenever the thread sleeps; not if the program left the last one's completion unhandled. */
    private boolean hears() {
        return holder.firstCompletion() == Ring.NONE;
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
