package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;

/**
 * A ring of the resident placement: the steering program handles what completes and writes the requests that follow,
 * while the caller does something else. {@link PolledRing} is a lane's own, served by a thread of the kernel's; {@link
 * LoopRing} is one for all lanes, served by a thread of ours.
 *
 * <p>{@link #takeOver} ends the steering for good: the program lets go (told by a last message, under the ring's
 * completion lock), and the Java interpreter carries the chains on, under this object's lock.
 */
abstract class ResidentRing implements AutoCloseable, Interpreter.Requests {
    final SharedMemory memory;
    final Ring ring;
    final int number;
    private final Steering steering;
    private final long entry;
    final Interpreter interpreter;
    final Watchdog watchdog;
    private volatile boolean takenOver;

    /** Owns the ring, made by the calling thread and unused so far, and closes it if this throws. */
    ResidentRing(Steering steering, Ring ring, Watchdog watchdog) {
        this.watchdog = watchdog;
        this.memory = steering.memory();
        this.steering = steering;
        this.ring = ring;
        number = memory.allocateRing();
        entry = memory.ring(number);
        interpreter = new Interpreter(memory, this);
        ring.describe(number, true);
        try {
            steering.bind(ring, number, true);
        } catch (RuntimeException e) {
            free();
            throw e;
        }
    }

    final int number() {
        return number;
    }

    /** Whether Java steers, and nobody is woken. */
    final boolean isTakenOver() {
        return takenOver;
    }

    /**
     * Has a chain looked at that has nothing in flight: it was started, steps were published, or it was sealed.
     *
     */
    abstract void advance(int chain);

    /** A message that completes on this ring, sent by way of {@code sender}, which nobody else uses meanwhile. */
    final void send(int kind, int chain, Ring sender) {
        sender.message(ring.descriptor(), userData(kind, number, chain, 0, 0));
        int result = sender.enter(1, 0);
        if (sender.hasCompletion()) {
            result = sender.completionResult();
            sender.takeCompletion();
        }
        if (result < 0 && result != -Errno.EINTR) {
            throw new RingException("a message to the resident ring", -result);
        }
    }

    /** Wakes whoever waits for chains of this ring, to see that it was taken over. */
    final void wakeWaiters() {
        for (int chain = 0; chain < MAX_CHAINS; chain++) {
            long at = memory.chain(chain);
            if (memory.getIntVolatile(at + Chain.STATE) != CHAIN_IDLE && memory.getInt(at + Chain.RING) == number) {
                int unused = memory.getAndAddInt(at + Chain.WAKES, 1);
                Posix.futexWake(memory.base() + at + Chain.WAKES);
            }
        }
    }

    /** Called by threads that wait, once taken over. */
    abstract void poll();

    /** The lane that used it is closed. */
    abstract void leave();

    /** From now on Java steers. */
    final synchronized void takeOver() {
        if (!takenOver) {
            steering.release(number);
            memory.setIntVolatile(entry + ChainLayout.Ring.STEERING, 0); // already so, unless the program is gone
            takenOver = true;
            watchdog.handOvers.incrementAndGet();
        }
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
        return ring.hasRoom(inFlight, WAKE_ENTRIES);
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
        steering.release(number);
        free();
    }

    private void free() {
        ring.close();
        memory.freeRing(number);
    }
}
