package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.KIND_RELEASE;

import dev.catena.io.memory.Threads;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * The kernel's thread that polls the submission queues of all {@link PolledRing}s of a backend. A ring that is used for
 * nothing else holds it, while lanes come and go.
 *
 * <p>A thread of ours looks now and then whether completions lie in one of the rings that nobody handled, and whether the
 * kernel's thread sleeps over work: then it has Java take the ring over, or wakes it. Thread safe.
 */
final class SubmissionThread implements AutoCloseable {
    /** How long it polls before it sleeps: it takes a core while it does. The kernel counts in ticks, so it is one or two of these. */
    private static final int IDLE_MILLIS = 1;

    private static final long WATCH_NANOS = 250_000_000;

    private final SharedMemory memory;
    private final Steering steering;
    private final Ring holder;
    private final Watchdog watchdog;
    /** With the first completion that was in each when it was looked at last. */
    private final Map<PolledRing, Long> rings = new HashMap<>();

    private final Thread watcher;
    private boolean closing;

    SubmissionThread(Steering steering, Watchdog watchdog) {
        this.steering = steering;
        this.watchdog = watchdog;
        memory = steering.memory();
        holder = new Ring(memory, 1, 2, steering.setupFlags(true), IDLE_MILLIS, null);
        watcher = Thread.ofPlatform().daemon().name("catena-watchdog").start(this::watch);
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
        try (Ring mailbox = new Ring(memory, 1, 2, 0)) {
            while (look(mailbox)) {
                LockSupport.parkNanos(WATCH_NANOS);
            }
        }
    }

    private synchronized boolean look(Ring mailbox) {
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
                ring.send(KIND_RELEASE, 0, mailbox);
                ring.takeOver();
                ring.wakeWaiters(mailbox);
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
        holder.close();
    }
}
