package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;
import dev.catena.io.internal.ChainLayout.Step;
import org.jspecify.annotations.Nullable;

/**
 * A lane on a ring of its own, run in the caller's context: who waits for the chain is inside io_uring_enter, submits
 * and reaps. This is the whole of the {@code user} backend; with a steering program attached it is the in-context
 * placement of {@code kernel-hook}, where most completions were already handled when they are reaped, and of {@code
 * kernel-loop}, where the program handles them all and io_uring_enter returns when what is waited for is there.
 *
 * <p>Who interprets: a completion that the program handled (the step's {@code handled} says so) is dropped. One that it
 * did not handle, on a ring it should steer, means that it no longer steers: the ring is taken over for good and the
 * Java interpreter goes on from the state in memory. Completions of this ring are only ever delivered to the thread
 * that submits, so program and interpreter never run at once; yet the interpreter must not act while requests are in
 * flight on a ring steered by the hook, because a completion may be delivered between any two of its instructions. The
 * loop acts in io_uring_enter only.
 */
final class RingDriver implements Driver, Interpreter.Requests {
    /** One page of SQEs: kernels before 6.10 map rings of one page only. */
    private static final int ENTRIES = 64;

    private final SharedMemory memory;
    private final @Nullable Steering steering;
    private final boolean actsInEnter;
    private final Ring ring;
    private final int number;
    private final long entry;
    private final Interpreter interpreter;
    private final Watchdog watchdog;

    RingDriver(SharedMemory memory, @Nullable Steering steering, Watchdog watchdog) {
        this.memory = memory;
        this.steering = steering;
        this.watchdog = watchdog;
        actsInEnter = steering != null && steering.actsInEnter();
        int flags = steering == null ? Ring.SETUP_COOP_TASKRUN : steering.setupFlags(false);
        ring = new Ring(memory, ENTRIES, 2 * ENTRIES, flags);
        number = memory.allocateRing();
        entry = memory.ring(number);
        interpreter = new Interpreter(memory, this);
        ring.describe(number, false);
        if (steering != null) {
            steering.bind(ring, number, false);
        }
    }

    @Override
    public void start(int chain) {
        long at = memory.chain(chain);
        memory.setInt(at + Chain.RING, number);
        memory.setIntRelease(at + Chain.STATE, CHAIN_RUNNING);
        interpreter.advance(chain);
    }

    @Override
    public void publish(int chain) {
        advanceIfOurs(chain);
        if (ring.pending() > 0 || memory.getInt(memory.chain(chain) + Chain.IN_FLIGHT) > 0) {
            enter(0, 0);
        }
    }

    private void advanceIfOurs(int chain) {
        long at = memory.chain(chain);
        if (memory.getIntVolatile(at + Chain.DRY) != 0) {
            memory.setInt(at + Chain.DRY, 0);
            interpreter.advance(chain);
        } else if (!isSteered() || actsInEnter) {
            interpreter.advance(chain);
        }
    }

    private boolean isSteered() {
        return memory.getIntAcquire(entry + ChainLayout.Ring.STEERING) != 0;
    }

    @Override
    public void await(int chain) {
        long at = memory.chain(chain);
        while (memory.getIntAcquire(at + Chain.STATE) != CHAIN_FINISHED) {
            // Once all steps have been looked at only what is in flight can complete: wait for all of it at once.
            boolean last = memory.getInt(at + Chain.SCANNED) == memory.getInt(at + Chain.PUBLISHED);
            waitFor(chain, last ? memory.getInt(at + Chain.IN_FLIGHT) : 1);
        }
    }

    @Override
    public void awaitStep(int chain, int index) {
        long at = memory.chain(chain);
        long state = memory.step(at, index) + Step.STATE;
        memory.setInt(at + Chain.AWAITED, index + 1);
        while (memory.getIntAcquire(state) < STEP_DONE && memory.getIntAcquire(at + Chain.STATE) != CHAIN_FINISHED) {
            waitFor(chain, 1);
        }
        memory.setInt(at + Chain.AWAITED, 0);
    }

    private void waitFor(int chain, int completions) {
        if (isInLoop() || !ring.hasCompletion()) {
            enter(chain + 1, Math.max(1, completions));
        } else {
            reap();
        }
    }

    /** Whether io_uring_enter runs the program, which handles what has completed; unless it was detached. */
    private boolean isInLoop() {
        return actsInEnter && isSteered();
    }

    /** Submits, waits for {@code completions} or, where the program decides, for {@code waiting}, and handles what has completed. */
    private void enter(int waiting, int completions) {
        boolean loop = isInLoop();
        memory.setInt(entry + ChainLayout.Ring.WAITING, waiting);
        int result = completions == 0 ? ring.poll(ring.pending()) : ring.enter(ring.pending(), completions);
        if (loop && result == -Errno.EINTR) {
            return; // what has completed is the program's, when it is entered again
        }
        boolean detached = loop && result == -Errno.EFAULT;
        if (result < 0 && !detached && result != -Errno.EINTR && result != -Errno.EAGAIN && result != -Errno.EBUSY) {
            throw new RingException("io_uring_enter", -result);
        }
        reap();
    }

    private void reap() {
        while (ring.hasCompletion()) {
            long data = ring.completionData();
            int result = ring.completionResult();
            ring.takeCompletion();
            if (!isTagged(data) || kind(data) != KIND_STEP) {
                continue;
            }
            if (steering != null && isSteered()) {
                long step = memory.step(memory.chain(chain(data)), slot(data));
                if (isHandled(memory.getInt(step + Step.HANDLED), data)) {
                    continue;
                }
                steering.release(number);
                memory.setIntVolatile(entry + ChainLayout.Ring.STEERING, 0);
                watchdog.handOvers.incrementAndGet();
            }
            interpreter.completed(data, result);
        }
    }

    @Override
    public boolean hasRoom(int inFlight) {
        return ring.hasRoom(inFlight, 0);
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
        if (steering != null) {
            steering.release(number);
        }
        ring.close();
        memory.freeRing(number);
    }
}
