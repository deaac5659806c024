package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;
import dev.catena.io.internal.ChainLayout.Step;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.locks.LockSupport;

/**
 * A lane of the resident placement: chains run on a {@link ResidentRing}, steered in the kernel from first to last. Who
 * waits for a chain sleeps on a word of the chain, a futex; the program has the kernel wake it when the chain has ended or
 * the step that is waited for is done. To wait is: read the word, look at what is waited for, sleep while the word has the
 * value read. Why nobody sleeps too long: see the invariants in {@code chain.bpf.h}.
 *
 * <p>Should Java take the ring over, it wakes who waits. A wake-up that found no place is made up for when the waiting has
 * taken too long.
 */
final class ResidentDriver implements Driver {
    private static final long PATIENCE_SECONDS = 10;
    /** PATIENCE_SECONDS as a struct timespec. */
    private static final MemorySegment PATIENCE =
            Arena.global().allocateFrom(ValueLayout.JAVA_LONG, PATIENCE_SECONDS, 0);

    private static final long POLL_NANOS = 100_000;

    private final SharedMemory memory;
    private final ResidentRing resident;

    ResidentDriver(SharedMemory memory, ResidentRing resident) {
        this.memory = memory;
        this.resident = resident;
    }

    @Override
    public void start(int chain) {
        long at = memory.chain(chain);
        memory.setInt(at + Chain.RING, resident.number());
        memory.setIntRelease(at + Chain.STATE, CHAIN_RUNNING);
        resident.advance(chain);
    }

    @Override
    public void publish(int chain) {
        long dry = memory.chain(chain) + Chain.DRY;
        // Steps in flight: whoever handles the next completion sees what was published. So does who made it dry, if in
        // time.
        if (memory.getIntVolatile(dry) != 0 && memory.getAndSetInt(dry, 0) != 0) {
            resident.advance(chain);
        }
    }

    @Override
    public void await(int chain) {
        long at = memory.chain(chain);
        boolean late = false;
        int seen = memory.getIntAcquire(at + Chain.WAKES);
        while (memory.getIntAcquire(at + Chain.STATE) < CHAIN_ENDING) {
            late = sleep(at, seen);
            seen = memory.getIntAcquire(at + Chain.WAKES);
        }
        count(late);
        // The program is writing its last request, which takes no longer than this thread took to see that; unless it
        // was interrupted.
        while (memory.getIntAcquire(at + Chain.STATE) != CHAIN_FINISHED) {
            Thread.yield();
        }
    }

    @Override
    public void awaitStep(int chain, int index) {
        long at = memory.chain(chain);
        long state = memory.step(at, index) + Step.STATE;
        if (memory.getIntAcquire(state) >= STEP_DONE) {
            return;
        }
        boolean late = false;
        memory.setIntVolatile(at + Chain.AWAITED, index + 1);
        int seen = memory.getIntAcquire(at + Chain.WAKES);
        while (memory.getIntVolatile(state) < STEP_DONE && memory.getIntAcquire(at + Chain.STATE) < CHAIN_ENDING) {
            late = sleep(at, seen);
            seen = memory.getIntAcquire(at + Chain.WAKES);
        }
        count(late);
        memory.setInt(at + Chain.AWAITED, 0);
    }

    /** Sleeps until the word is not {@code seen}, or it is time to look; true if nobody woke this thread for long. */
    private boolean sleep(long chain, int seen) {
        if (resident.isTakenOver()) {
            resident.poll();
            LockSupport.parkNanos(POLL_NANOS);
            return false;
        }
        int result = Posix.futexWait(memory.base() + chain + Chain.WAKES, seen, PATIENCE);
        if (result < 0 && result != -Errno.ETIMEDOUT && result != -Errno.EINTR && result != -Errno.EAGAIN) {
            throw new RingException("futex", -result);
        }
        boolean late = result == -Errno.ETIMEDOUT;
        count(late && resident.isTakenOver());
        return late;
    }

    private void count(boolean lost) {
        if (lost) {
            resident.watchdog.lostWakes.incrementAndGet();
        }
    }

    @Override
    public void close() {
        resident.leave();
    }
}
