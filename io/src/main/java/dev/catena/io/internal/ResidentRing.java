package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The ring of the resident placement: one for all resident lanes of a process. The kernel's submission thread polls its
 * queue; the steering program writes the next requests into it and keeps its completion queue empty. User space writes
 * nothing into it: it rings a doorbell, a message that completes on this ring, so that whatever touches the queue does
 * so in the program, under the ring's completion lock.
 *
 * <p>{@link #takeOver} ends that for good: the program lets go (told by a last message, under the same lock), and the
 * Java interpreter carries the chains on, under this object's lock.
 */
final class ResidentRing implements AutoCloseable, Interpreter.Requests {
    private static final int ENTRIES = 1024;
    private static final int COMPLETIONS = 4096;
    /** How long the submission thread polls before it sleeps: it takes a core while it does. */
    private static final int IDLE_MILLIS = 1;

    private final SharedMemory memory;
    private final Steering steering;
    private final Ring ring;
    private final int number;
    private final long entry;
    private final Interpreter interpreter;
    private final AtomicLong handOvers;
    private volatile boolean takenOver;

    ResidentRing(Steering steering, AtomicLong handOvers) {
        this.handOvers = handOvers;
        this.memory = steering.memory();
        this.steering = steering;
        ring = new Ring(memory, ENTRIES, COMPLETIONS, Ring.SETUP_SQPOLL, IDLE_MILLIS, "rings");
        number = memory.allocateRing();
        entry = memory.ring(number);
        interpreter = new Interpreter(memory, this);
        ring.describe(number, true);
        steering.bind(ring, number, true);
    }

    int number() {
        return number;
    }

    int descriptor() {
        return ring.descriptor();
    }

    /** Wakes the submission thread if it sleeps. */
    void wake() {
        ring.wake();
    }

    boolean isTakenOver() {
        return takenOver;
    }

    /** Completions that nobody handled: the program keeps the queue empty while it steers. */
    boolean hasUnhandled() {
        return ring.hasCompletion();
    }

    /** From now on Java steers. {@code mailbox} is a ring of the caller, for the last message. */
    synchronized void takeOver(Ring mailbox) {
        if (takenOver) {
            return;
        }
        mailbox.message(ring.descriptor(), userData(KIND_RELEASE, number, 0, 0, 0));
        mailbox.enter(1, 0);
        memory.setIntVolatile(entry + ChainLayout.Ring.STEERING, 0); // already so, unless the program is gone
        takenOver = true;
        handOvers.incrementAndGet();
        reap();
    }

    /** In place of a doorbell, once taken over. */
    synchronized void advance(int chain) {
        memory.setInt(memory.chain(chain) + Chain.DRY, 0);
        interpreter.advance(chain);
        reap();
    }

    /** Handles what has completed, once taken over. */
    synchronized void reap() {
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
    public boolean hasRoom(int inFlight) {
        return ring.hasRoom(inFlight, MESSAGE_ENTRIES);
    }

    @Override
    public void issueFault(int result, long userData) {
        ring.issueFault(result, userData);
    }

    @Override
    public void issue(int opcode, int slot, long buffer, int length, long position, int rwFlags, long userData) {
        ring.issue(opcode, slot, buffer, length, position, rwFlags, userData);
    }

    @Override
    public void close() {
        steering.release(number);
        ring.close();
        memory.freeRing(number);
    }
}
