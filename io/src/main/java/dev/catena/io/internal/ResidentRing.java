package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The ring of the resident placement: one for all resident lanes of a process. The steering program writes requests into
 * it and handles what completes. User space writes nothing into it: it rings a doorbell, a message that completes on this
 * ring, so that whatever touches the queue does so in the program.
 *
 * <p>Who submits what the program wrote differs. Here, for {@code kernel-hook}, it is the kernel's submission thread,
 * which polls the queue; {@link LoopRing} has a thread of ours instead.
 *
 * <p>A thread looks now and then whether completions lie there that nobody handled, and whether the submission thread sleeps over work.
 *
 * <p>{@link #takeOver} ends the steering for good: the program lets go (told by a last message, under the ring's
 * completion lock), and the Java interpreter carries the chains on, under this object's lock, in the threads that wait.
 */
class ResidentRing implements AutoCloseable, Interpreter.Requests {
    private static final int ENTRIES = 1024;
    private static final int COMPLETIONS = 4096;
    /** How long the submission thread polls before it sleeps: it takes a core while it does. */
    private static final int IDLE_MILLIS = 1;

    private static final long WATCH_NANOS = 250_000_000;

    final SharedMemory memory;
    final Ring ring;
    final int number;
    private final Steering steering;
    private final long entry;
    private final Interpreter interpreter;
    final Watchdog watchdog;
    private volatile boolean takenOver;
    volatile boolean closing;
    private @Nullable Thread watcher;

    /** Called by the ring's thread, if it has one. */
    ResidentRing(Steering steering, Watchdog watchdog) {
        this.watchdog = watchdog;
        this.memory = steering.memory();
        this.steering = steering;
        ring = new Ring(memory, ENTRIES, COMPLETIONS, steering.setupFlags(true), IDLE_MILLIS, "rings");
        number = memory.allocateRing();
        entry = memory.ring(number);
        interpreter = new Interpreter(memory, this);
        ring.describe(number, true);
        steering.bind(ring, number, true);
    }

    /** As above, and watched. */
    static ResidentRing open(Steering steering, Watchdog watchdog) {
        ResidentRing ring = new ResidentRing(steering, watchdog);
        ring.watcher = Thread.ofPlatform().daemon().name("catena-watchdog").start(ring::watch);
        return ring;
    }

    final int number() {
        return number;
    }

    /** Whether Java steers, and no messages come. */
    final boolean isTakenOver() {
        return takenOver;
    }

    /** Has a chain looked at again: it was started, steps were published, or it was sealed. {@code mailbox} is a ring of the caller. */
    void doorbell(int chain, Ring mailbox) {
        if (takenOver) {
            advance(chain);
        } else {
            send(KIND_DOORBELL, chain, mailbox);
            ring.wake();
        }
    }

    /** A message that completes on this ring. */
    final void send(int kind, int chain, Ring mailbox) {
        mailbox.message(ring.descriptor(), userData(kind, number, chain, 0, 0));
        int result = mailbox.enter(1, 0);
        if (result < 0 && result != -Errno.EINTR) {
            throw new RingException("io_uring_enter", -result);
        }
    }

    /** Looks every so often whether the program still steers, until it does not or the ring is closed. */
    private void watch() {
        try (Ring mailbox = new Ring(memory, 1, 2, 0, 0, "rings")) {
            long unhandled = Ring.NONE;
            while (!closing && !takenOver) {
                LockSupport.parkNanos(WATCH_NANOS);
                if (ring.pending() > 0 && ring.wake()) {
                    watchdog.wakeUps.incrementAndGet();
                }
                long before = unhandled;
                unhandled = ring.firstCompletion();
                if (unhandled != Ring.NONE && unhandled == before && !closing) {
                    send(KIND_RELEASE, 0, mailbox);
                    takeOver();
                    wakeWaiters(mailbox);
                }
            }
        }
    }

    /** Sends a message to whoever may be waiting for one that will not come. */
    final void wakeWaiters(Ring sender) {
        for (int chain = 0; chain < MAX_CHAINS; chain++) {
            long at = memory.chain(chain);
            if (memory.getIntVolatile(at + Chain.STATE) == CHAIN_RUNNING && memory.getInt(at + Chain.RING) == number) {
                sender.message(memory.getInt(at + Chain.MAILBOX), userData(KIND_AWAITED, number, chain, 0, 0));
                sender.enter(sender.pending(), 0);
            }
        }
    }

    /** Called by threads that wait, once taken over. */
    void poll() {
        reap();
    }

    /** From now on Java steers. */
    final synchronized void takeOver() {
        if (!takenOver) {
            steering.release(number);
            memory.setIntVolatile(entry + ChainLayout.Ring.STEERING, 0); // already so, unless the program is gone
            takenOver = true;
            watchdog.handOvers.incrementAndGet();
        }
    }

    private synchronized void advance(int chain) {
        memory.setInt(memory.chain(chain) + Chain.DRY, 0);
        interpreter.advance(chain);
        reap();
    }

    /** Handles what has completed, once taken over. */
    final synchronized void reap() {
        while (ring.hasCompletion()) {
            long data = ring.completionData();
            int result = ring.completionResult();
            ring.takeCompletion();
            if (!isTagged(data)) {
                continue;
            }
            if (kind(data) == KIND_STEP) {
                interpreter.completed(data, result);
            } else if (kind(data) == KIND_DOORBELL) {
                memory.setInt(memory.chain(chain(data)) + Chain.DRY, 0);
                interpreter.advance(chain(data));
            }
            interpreter.feedStarved(number);
        }
        ring.wake();
    }

    @Override
    public final boolean hasRoom(int inFlight) {
        return ring.hasRoom(inFlight, MESSAGE_ENTRIES);
    }

    @Override
    public final void issueFault(int result, long userData) {
        ring.issueFault(result, userData);
    }

    @Override
    public final void issue(int opcode, int slot, long buffer, int length, long position, int rwFlags, long userData) {
        ring.issue(opcode, slot, buffer, length, position, rwFlags, userData);
    }

    @Override
    public void close() {
        closing = true;
        if (watcher != null) {
            end(watcher);
        }
        steering.release(number);
        ring.close();
        memory.freeRing(number);
    }

    /** Waits for a thread that was told to end; an interrupt does not hurry it. */
    static void end(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            LockSupport.unpark(thread);
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
