package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;
import dev.catena.io.internal.ChainLayout.Step;
import java.util.concurrent.locks.LockSupport;

/**
 * A lane of the resident placement: chains run on a {@link ResidentRing}, steered in the kernel from first to last;
 * this lane's mailbox, a plain ring of its own, gets one completion when a chain has finished, and one for a step that
 * is waited for.
 *
 * <p>Should Java take the ring over, a message wakes who waits. One that was lost is made up for when the waiting has taken too long.
 */
final class ResidentDriver implements Driver {
    private static final int ENTRIES = 8;
    private static final long PATIENCE_MILLIS = 10_000;
    private static final long POLL_NANOS = 100_000;

    private final SharedMemory memory;
    private final ResidentRing resident;
    private final Ring mailbox;
    private int finishMessages;

    ResidentDriver(SharedMemory memory, ResidentRing resident) {
        this.memory = memory;
        this.resident = resident;
        this.mailbox = new Ring(memory, ENTRIES, 64, 0);
    }

    @Override
    public void start(int chain) {
        long at = memory.chain(chain);
        memory.setInt(at + Chain.RING, resident.number());
        memory.setInt(at + Chain.MAILBOX, mailbox.descriptor());
        memory.setIntRelease(at + Chain.STATE, CHAIN_RUNNING);
        advance(chain);
    }

    @Override
    public void publish(int chain) {
        long dry = memory.chain(chain) + Chain.DRY;
        // Steps in flight: whoever handles the next completion sees what was published. So does who made it dry, if in
        // time.
        if (memory.getIntVolatile(dry) != 0 && memory.getAndSetInt(dry, 0) != 0) {
            advance(chain);
        }
    }

    private void advance(int chain) {
        if (resident.advance(chain, mailbox)) {
            finishMessages++;
        }
    }

    @Override
    public void await(int chain) {
        while (!isFinished(chain) || (finishMessages == 0 && !resident.isTakenOver())) {
            if (waitForMessage() && isFinished(chain)) {
                resident.watchdog.lostMessages.incrementAndGet(); // there was no room for it
                break;
            }
        }
        finishMessages = 0;
    }

    @Override
    public void awaitStep(int chain, int index) {
        long at = memory.chain(chain);
        long state = memory.step(at, index) + Step.STATE;
        if (memory.getIntAcquire(state) >= STEP_DONE) {
            return;
        }
        memory.setIntVolatile(at + Chain.AWAITED, index + 1);
        while (memory.getIntVolatile(state) < STEP_DONE && !isFinished(chain)) {
            waitForMessage();
        }
        memory.setInt(at + Chain.AWAITED, 0);
    }

    private boolean isFinished(int chain) {
        return memory.getIntAcquire(memory.chain(chain) + Chain.STATE) == CHAIN_FINISHED;
    }

    /** Waits for a message, or until it is time to look; true if none came in that time. */
    private boolean waitForMessage() {
        if (resident.isTakenOver()) {
            resident.poll();
            LockSupport.parkNanos(POLL_NANOS);
            takeMessages();
            return false;
        }
        int result = mailbox.hasCompletion() ? 0 : mailbox.await(0, PATIENCE_MILLIS);
        boolean late = result == -Errno.ETIME;
        if (result < 0 && !late && result != -Errno.EINTR && result != -Errno.EAGAIN) {
            throw new RingException("io_uring_enter", -result);
        }
        takeMessages();
        return late;
    }

    private void takeMessages() {
        while (mailbox.hasCompletion()) {
            long data = mailbox.completionData();
            int result = mailbox.completionResult();
            mailbox.takeCompletion();
            if (kind(data) == KIND_ENDED) {
                finishMessages++;
            } else if (result < 0 && kind(data) != KIND_AWAITED) {
                throw new RingException("message to the resident ring", -result);
            }
        }
    }

    @Override
    public void close() {
        resident.leave();
        mailbox.close();
    }
}
