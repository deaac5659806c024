package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;
import dev.catena.io.internal.ChainLayout.Step;
import dev.catena.io.memory.Xxh64;

/**
 * The interpreter of chains: what happens when a request completes. It is {@code chain.bpf.h} in Java, function by
 * function, over the same memory; states and invariants are drawn there. It steers where no program does, and carries
 * a chain on from the same state when a program stopped doing so.
 *
 * <p>Not thread safe: a driver calls it from one thread at a time, and never while a program steers requests in flight
 * on the same ring.
 */
final class Interpreter {
    /** Where requests go. */
    interface Requests {
        /** Whether there is room for one more request. */
        boolean hasRoom();

        /**
         * Issues a request.
         *
         * @param opcode of the step
         * @param slot of the file, for all but a no-op
         * @param buffer offset in the shared memory
         */
        void issue(int opcode, int slot, long buffer, int length, long position, int rwFlags, long userData);
    }

    /** What a completion means for its step. */
    private enum Outcome {
        FAILS,
        WHOLE,
        GOES_ON,
        JUMPS
    }

    private final SharedMemory memory;
    private final Requests requests;

    Interpreter(SharedMemory memory, Requests requests) {
        this.memory = memory;
        this.requests = requests;
    }

    /** Issues what may be issued now, in order, and finishes the chain when nothing is left. */
    void advance(int number) {
        long chain = memory.chain(number);
        if (memory.getInt(chain + Chain.STATE) != CHAIN_RUNNING) {
            return;
        }
        while (true) {
            while (memory.getInt(chain + Chain.RESULT) == 0
                    && memory.getInt(chain + Chain.SCANNED) != memory.getIntAcquire(chain + Chain.PUBLISHED)) {
                int index = memory.getInt(chain + Chain.SCANNED);
                long step = memory.step(chain, index);
                if (memory.getInt(step + Step.ARRIVED) < memory.getShort(step + Step.JOIN)) {
                    memory.setInt(chain + Chain.SCANNED, index + 1); // the arrival that is still missing will issue it
                    continue;
                }
                int inFlight = memory.getInt(chain + Chain.IN_FLIGHT);
                if (Integer.compareUnsigned(inFlight, memory.getInt(chain + Chain.WINDOW)) >= 0
                        || ((memory.getShort(step + Step.DATA) & BARRIER) != 0 && inFlight != 0)) {
                    return;
                }
                memory.setInt(chain + Chain.SCANNED, index + 1);
                begin(chain, number, index);
            }
            if (memory.getInt(chain + Chain.IN_FLIGHT) != 0) {
                return;
            }
            if (memory.getInt(chain + Chain.RESULT) != 0 || isExhausted(chain)) {
                memory.setIntRelease(chain + Chain.STATE, CHAIN_FINISHED);
                return;
            }
            memory.setIntVolatile(chain + Chain.DRY, 1);
            if (memory.getIntAcquire(chain + Chain.SEALED) == 0
                    && memory.getInt(chain + Chain.SCANNED) == memory.getIntAcquire(chain + Chain.PUBLISHED)) {
                return;
            }
            memory.setInt(chain + Chain.DRY, 0);
        }
    }

    private boolean isExhausted(long chain) {
        return memory.getIntAcquire(chain + Chain.SEALED) != 0
                && memory.getInt(chain + Chain.SCANNED) == memory.getIntAcquire(chain + Chain.PUBLISHED);
    }

    /** One request of a chain has completed. Ignored if it was handled before. */
    void completed(long data, int result) {
        int number = ChainLayout.chain(data);
        int index = ChainLayout.index(data);
        long chain = memory.chain(number);
        long step = memory.step(chain, index);
        if (memory.getInt(chain + Chain.STATE) != CHAIN_RUNNING
                || memory.getInt(step + Step.STATE) != STEP_ISSUED
                || (memory.getInt(step + Step.ATTEMPT) & 0xff) != ChainLayout.attempt(data)) {
            return;
        }
        memory.setInt(step + Step.HANDLED, memory.getInt(step + Step.ATTEMPT));
        add(chain + Chain.IN_FLIGHT, -1);
        add(chain + Chain.COMPLETIONS, 1);
        int next = memory.getInt(step + Step.NEXT);
        int fanout = Math.min(memory.getShort(step + Step.FANOUT), MAX_FANOUT);
        int jump = memory.getInt(step + Step.JUMP);
        int opcode = memory.getByte(step + Step.OPCODE);
        Outcome outcome = Outcome.FAILS;
        int error = result;
        if (result < 0) {
            memory.setInt(step + Step.RESULT, result);
            int onError = memory.getByte(step + Step.ON_ERROR);
            if (onError == ERROR_RETRY
                    && memory.getInt(step + Step.RETRIED) < (memory.getByte(step + Step.RETRIES) & 0xff)
                    && memory.getInt(chain + Chain.RESULT) == 0) {
                add(step + Step.RETRIED, 1);
                add(chain + Chain.RETRIES, 1);
                outcome = Outcome.GOES_ON;
            } else if (onError == ERROR_JUMP) {
                outcome = Outcome.JUMPS;
            }
        } else if (opcode == READ || opcode == WRITE) {
            int done = memory.getInt(step + Step.DONE) + result;
            memory.setInt(step + Step.DONE, done);
            memory.setInt(step + Step.RESULT, done);
            memory.setLong(chain + Chain.BYTES_MOVED, memory.getLong(chain + Chain.BYTES_MOVED) + result);
            outcome = Outcome.WHOLE;
            if (Integer.compareUnsigned(done, memory.getInt(step + Step.LENGTH)) < 0) {
                add(chain + Chain.SHORT_IOS, 1);
                int onShort = memory.getByte(step + Step.ON_SHORT);
                if (onShort == SHORT_JUMP) {
                    outcome = Outcome.JUMPS;
                } else if (onShort == SHORT_CONTINUE && result > 0 && memory.getInt(chain + Chain.RESULT) == 0) {
                    outcome = Outcome.GOES_ON;
                } else if (onShort != SHORT_ACCEPT) {
                    outcome = Outcome.FAILS;
                    error = opcode == READ ? -Errno.ENODATA : result == 0 ? -Errno.ENOSPC : -Errno.EIO;
                }
            }
        } else {
            memory.setInt(step + Step.RESULT, result);
            outcome = Outcome.WHOLE;
        }
        if (outcome == Outcome.GOES_ON) {
            issue(chain, number, index);
            advance(number);
            return;
        }
        if (outcome == Outcome.WHOLE && !data(chain, step, opcode)) {
            outcome = Outcome.FAILS;
            error = -Errno.EBADMSG;
        }
        // From this store on the step's slot is its owner's again: nothing of it is read or written below.
        memory.setIntRelease(step + Step.STATE, outcome == Outcome.WHOLE ? STEP_DONE : STEP_FAILED);
        switch (outcome) {
            case WHOLE -> {
                add(chain + Chain.COMPLETED, 1);
                for (int i = 0; i < fanout && memory.getInt(chain + Chain.RESULT) == 0; i++) {
                    arrive(chain, number, next + i);
                }
            }
            case JUMPS -> jump(chain, number, index, jump);
            default -> fail(chain, index, error);
        }
        advance(number);
    }

    /** The step's data is whole: hash, compare, store. False if it does not have the expected hash. */
    private boolean data(long chain, long step, int opcode) {
        int actions = memory.getShort(step + Step.DATA);
        int value = memory.getInt(step + Step.VALUE);
        if ((actions & (ACCUMULATE | VERIFY | STORE_HASH)) != 0) {
            int length = memory.getInt(step + (opcode == READ || opcode == WRITE ? Step.DONE : Step.LENGTH));
            long hash = Xxh64.hash(
                    memory.segment(),
                    Integer.toUnsignedLong(memory.getInt(step + Step.BUFFER)),
                    length,
                    memory.getLong(step + Step.SEED));
            memory.setLong(step + Step.HASH, hash);
            if ((actions & VERIFY) != 0 && hash != memory.getLong(Integer.toUnsignedLong(value))) {
                return false;
            }
            if ((actions & ACCUMULATE) != 0) {
                memory.setLong(chain + Chain.SUM, memory.getLong(chain + Chain.SUM) + hash);
            }
            if ((actions & STORE_HASH) != 0) {
                memory.setLong(Integer.toUnsignedLong(value), hash);
            }
        }
        if ((actions & STORE_SUM) != 0) {
            memory.setLong(Integer.toUnsignedLong(value), memory.getLong(chain + Chain.SUM));
        }
        return true;
    }

    private void begin(long chain, int number, int index) {
        long step = memory.step(chain, index);
        memory.setInt(step + Step.ARRIVED, 0);
        memory.setInt(step + Step.DONE, 0);
        memory.setInt(step + Step.RETRIED, 0);
        issue(chain, number, index);
    }

    private void arrive(long chain, int number, int index) {
        long step = memory.step(chain, index);
        add(step + Step.ARRIVED, 1);
        if (Integer.compareUnsigned(index, memory.getInt(chain + Chain.SCANNED)) < 0
                && memory.getInt(step + Step.STATE) != STEP_ISSUED
                && memory.getInt(step + Step.ARRIVED) >= memory.getShort(step + Step.JOIN)) {
            begin(chain, number, index);
        }
    }

    private void jump(long chain, int number, int from, int to) {
        if (Integer.compareUnsigned(to, memory.getInt(chain + Chain.SCANNED)) < 0
                && memory.getInt(memory.step(chain, to) + Step.STATE) != STEP_ISSUED) {
            begin(chain, number, to);
        } else {
            fail(chain, from, -Errno.EINVAL);
        }
    }

    /** Issues what is left of a step. A step that cannot be issued fails the chain. */
    private void issue(long chain, int number, int index) {
        long step = memory.step(chain, index);
        int opcode = memory.getByte(step + Step.OPCODE);
        int slot = memory.getInt(step + Step.FILE);
        long buffer = Integer.toUnsignedLong(memory.getInt(step + Step.BUFFER));
        int length = memory.getInt(step + Step.LENGTH);
        int actions = memory.getShort(step + Step.DATA);
        if (opcode < NOP
                || opcode > SYNC
                || Integer.compareUnsigned(slot, MAX_FILES) >= 0
                || buffer + Integer.toUnsignedLong(length) > memory.segment().byteSize()
                || ((actions & (ACCUMULATE | VERIFY | STORE_HASH)) != 0
                        && Integer.compareUnsigned(length, MAX_HASHED) > 0)) {
            memory.setInt(step + Step.STATE, STEP_FAILED);
            fail(chain, index, -Errno.EINVAL);
            return;
        }
        long budget = memory.getLong(chain + Chain.BUDGET);
        if (budget == 0) {
            memory.setInt(step + Step.STATE, STEP_FAILED);
            fail(chain, index, -Errno.ELOOP);
            return;
        }
        if (!requests.hasRoom()) {
            memory.setInt(step + Step.STATE, STEP_FAILED);
            fail(chain, index, -Errno.EBUSY);
            return;
        }
        int done = memory.getInt(step + Step.DONE);
        if (done == 0) {
            memory.setLong(
                    step + Step.POSITION,
                    (actions & OFFSET_INDIRECT) != 0
                            ? memory.getLong(Integer.toUnsignedLong(memory.getInt(step + Step.OFFSET_AT)))
                            : memory.getLong(step + Step.OFFSET));
        }
        int attempt = memory.getInt(step + Step.ATTEMPT) + 1;
        memory.setInt(step + Step.ATTEMPT, attempt);
        memory.setInt(step + Step.STATE, STEP_ISSUED);
        memory.setLong(chain + Chain.BUDGET, budget - 1);
        add(chain + Chain.IN_FLIGHT, 1);
        add(chain + Chain.ISSUED_BY_USER, 1);
        requests.issue(
                opcode,
                slot,
                buffer + done,
                length - done,
                memory.getLong(step + Step.POSITION) + done,
                memory.getInt(step + Step.RW_FLAGS),
                ChainLayout.userData(KIND_STEP, memory.getInt(chain + Chain.RING), number, index, attempt));
    }

    private void fail(long chain, int index, int error) {
        if (memory.getInt(chain + Chain.RESULT) == 0) {
            memory.setInt(chain + Chain.RESULT, error);
            memory.setInt(chain + Chain.FAILED_STEP, index);
        }
    }

    private void add(long offset, int value) {
        memory.setInt(offset, memory.getInt(offset) + value);
    }
}
