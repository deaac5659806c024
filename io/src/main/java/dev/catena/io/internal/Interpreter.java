package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Account;
import dev.catena.io.internal.ChainLayout.Chain;
import dev.catena.io.internal.ChainLayout.Ring;
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
        /** Whether there is room for one more request of a chain that has {@code inFlight} in flight. */
        boolean hasRoom(int inFlight);

        /**
         * Issues a request.
         *
         * @param opcode of the step
         * @param slot of the file, for all but a no-op
         * @param buffer offset in the shared memory
         */
        void issue(int opcode, int slot, long buffer, int length, long position, int rwFlags, long userData);

        /** Issues a request that does nothing and completes with {@code result}. */
        void issueFault(int result, long userData);
    }

    /** What a completion means for its step. */
    private enum Outcome {
        FAILS,
        WHOLE,
        GOES_ON,
        JUMPS
    }

    private static final int LAST_STARVED = -1;
    /** RWF_DSYNC, RWF_SYNC, RWF_NOWAIT. */
    private static final int RW_FLAGS = 2 | 4 | 8;

    private final SharedMemory memory;
    private final Requests requests;

    Interpreter(SharedMemory memory, Requests requests) {
        this.memory = memory;
        this.requests = requests;
    }

    /** Issues what may be issued now, in order, and finishes the chain when nothing is left. */
    void advance(int number) {
        long chain = memory.chain(number);
        if (memory.getInt(chain + Chain.STATE) != CHAIN_RUNNING || memory.getInt(chain + Chain.STARVED) != 0) {
            return;
        }
        if (isRefused(chain)) {
            fail(chain, 0, -Errno.EINVAL);
        }
        while (memory.getInt(chain + Chain.DEFERRED) != 0
                && memory.getInt(chain + Chain.RESULT) == 0
                && hasRoom(chain)) {
            int index = memory.getInt(chain + Chain.DEFERRED) - 1;
            memory.setInt(chain + Chain.DEFERRED, memory.getInt(memory.step(chain, index) + Step.DEFERRED));
            issue(chain, number, index);
        }
        while (true) {
            while (memory.getInt(chain + Chain.RESULT) == 0 && !isScanned(chain)) {
                int index = memory.getInt(chain + Chain.SCANNED);
                long step = memory.step(chain, index);
                if (memory.getInt(step + Step.ARRIVED) < memory.getShort(step + Step.JOIN)) {
                    memory.setInt(chain + Chain.SCANNED, index + 1); // the arrival that is still missing will issue it
                    continue;
                }
                int inFlight = memory.getInt(chain + Chain.IN_FLIGHT);
                if (Integer.compareUnsigned(inFlight, memory.getInt(chain + Chain.WINDOW)) >= 0
                        || ((memory.getShort(step + Step.DATA) & BARRIER) != 0
                                && (inFlight != 0 || memory.getInt(chain + Chain.DEFERRED) != 0))) {
                    return;
                }
                if (!hasRoom(chain)) {
                    break;
                }
                memory.setInt(chain + Chain.SCANNED, index + 1);
                begin(chain, number, index);
            }
            if (memory.getInt(chain + Chain.IN_FLIGHT) != 0) {
                return;
            }
            if (memory.getInt(chain + Chain.RESULT) != 0 || isExhausted(chain)) {
                finish(chain);
                return;
            }
            if (memory.getInt(chain + Chain.DEFERRED) != 0 || !isScanned(chain)) {
                if (hasRoom(chain)) {
                    continue; // published meanwhile
                }
                starve(chain, number);
                return;
            }
            memory.setIntVolatile(chain + Chain.DRY, 1);
            if (memory.getIntAcquire(chain + Chain.SEALED) == 0 && isScanned(chain)) {
                return;
            }
            memory.setInt(chain + Chain.DRY, 0);
        }
    }

    private boolean isRefused(long chain) {
        int capacity = memory.getInt(chain + Chain.CAPACITY);
        return capacity < 1
                || capacity > MAX_STEPS
                || Integer.bitCount(capacity) != 1
                || Integer.compareUnsigned(memory.getInt(chain + Chain.WINDOW) - 1, MAX_WINDOW) >= 0;
    }

    private boolean hasRoom(long chain) {
        return requests.hasRoom(memory.getInt(chain + Chain.IN_FLIGHT));
    }

    private boolean isScanned(long chain) {
        return memory.getInt(chain + Chain.SCANNED) == memory.getIntAcquire(chain + Chain.PUBLISHED);
    }

    private boolean isExhausted(long chain) {
        return memory.getIntAcquire(chain + Chain.SEALED) != 0
                && memory.getInt(chain + Chain.DEFERRED) == 0
                && isScanned(chain);
    }

    private void finish(long chain) {
        long account = account(chain);
        count(account + Account.CHAINS, 1);
        countLatency(account + Account.CHAIN_LATENCY, memory.getLong(chain + Chain.STARTED_AT));
        if (memory.getInt(chain + Chain.RESULT) != 0) {
            count(account + Account.FAILED, 1);
            count(
                    account + Account.DROPS,
                    memory.getInt(chain + Chain.PUBLISHED) - memory.getInt(chain + Chain.SCANNED));
        }
        memory.setIntRelease(chain + Chain.STATE, CHAIN_FINISHED);
    }

    /** There is no room and nothing in flight: some other completion of the ring will advance the chain. */
    private void starve(long chain, int number) {
        long ring = memory.ring(memory.getInt(chain + Chain.RING));
        if (memory.getInt(chain + Chain.STARVED) == 0) {
            int first = memory.getInt(ring + Ring.STARVED);
            memory.setInt(chain + Chain.STARVED, first != 0 ? first : LAST_STARVED);
            memory.setInt(ring + Ring.STARVED, number + 1);
        }
    }

    /** A request of the ring has completed: advances a chain that found no room before. */
    void feedStarved(int ringNumber) {
        long ring = memory.ring(ringNumber);
        int starved = memory.getInt(ring + Ring.STARVED) - 1;
        if (starved >= 0) {
            long next = memory.chain(starved) + Chain.STARVED;
            memory.setInt(ring + Ring.STARVED, memory.getInt(next) == LAST_STARVED ? 0 : memory.getInt(next));
            memory.setInt(next, 0);
            advance(starved);
        }
    }

    /** One request of a chain has completed. Ignored if it was handled before. */
    void completed(long data, int result) {
        int number = ChainLayout.chain(data);
        long chain = memory.chain(number);
        long step = memory.step(chain, ChainLayout.slot(data));
        int index = memory.getInt(step + Step.INDEX);
        long account = account(chain);
        if (memory.getInt(chain + Chain.STATE) != CHAIN_RUNNING
                || memory.getInt(step + Step.STATE) != STEP_ISSUED
                || (memory.getInt(step + Step.ATTEMPT) & 0xfff) != ChainLayout.attempt(data)) {
            return;
        }
        memory.setInt(step + Step.HANDLED, memory.getInt(step + Step.ATTEMPT));
        add(chain + Chain.IN_FLIGHT, -1);
        add(chain + Chain.COMPLETIONS, 1);
        count(account + Account.COMPLETIONS, 1);
        countLatency(account + Account.REQUEST_LATENCY, memory.getLong(step + Step.ISSUED_AT));
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
                    && memory.getShort(step + Step.RETRIED) < (memory.getByte(step + Step.RETRIES) & 0xff)
                    && memory.getInt(chain + Chain.RESULT) == 0) {
                memory.setShort(step + Step.RETRIED, memory.getShort(step + Step.RETRIED) + 1);
                add(chain + Chain.RETRIES, 1);
                count(account + Account.RETRIES, 1);
                outcome = Outcome.GOES_ON;
            } else if (onError == ERROR_JUMP) {
                outcome = Outcome.JUMPS;
            } else if (onError == ERROR_ACCEPT) {
                outcome = Outcome.WHOLE;
            }
        } else if (opcode == READ || opcode == WRITE) {
            int done = memory.getInt(step + Step.DONE) + result;
            memory.setInt(step + Step.DONE, done);
            memory.setInt(step + Step.RESULT, done);
            count(chain + Chain.BYTES_MOVED, result);
            count(account + Account.BYTES_MOVED, result);
            outcome = Outcome.WHOLE;
            if (Integer.compareUnsigned(done, memory.getInt(step + Step.LENGTH)) < 0) {
                add(chain + Chain.SHORT_IOS, 1);
                count(account + Account.SHORT_IOS, 1);
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
                count(account + Account.STEPS, 1);
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
                count(account(chain) + Account.MISMATCHES, 1);
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
        int stride = memory.getShort(step + Step.STRIDE);
        if (stride != 0) {
            long bytes = stride * Integer.toUnsignedLong(memory.getInt(step + Step.LENGTH));
            memory.setLong(step + Step.OFFSET, memory.getLong(step + Step.OFFSET) + bytes);
            memory.setLong(step + Step.SEED, memory.getLong(step + Step.SEED) + bytes);
        }
        return true;
    }

    private void begin(long chain, int number, int index) {
        long step = memory.step(chain, index);
        if (memory.getInt(step + Step.STATE) >= STEP_DONE && (memory.getInt(chain + Chain.FLAGS) & LOOPS) == 0) {
            fail(chain, index, -Errno.ELOOP);
            return;
        }
        memory.setInt(step + Step.ARRIVED, 0);
        memory.setInt(step + Step.DONE, 0);
        memory.setShort(step + Step.RETRIED, 0);
        int lengthAt = memory.getInt(step + Step.LENGTH_AT);
        if ((memory.getShort(step + Step.DATA) & LENGTH_INDIRECT) != 0 && !isNoWord(lengthAt)) {
            long length = memory.getAndSetLong(Integer.toUnsignedLong(lengthAt), -1);
            memory.setInt(step + Step.LENGTH, length >>> 32 != 0 ? -1 : (int) length);
        }
        issue(chain, number, index);
    }

    private boolean isBegun(long step) {
        int state = memory.getInt(step + Step.STATE);
        return state == STEP_ISSUED || state == STEP_DEFERRED;
    }

    private void arrive(long chain, int number, int index) {
        long step = memory.step(chain, index);
        add(step + Step.ARRIVED, 1);
        if (Integer.compareUnsigned(index, memory.getInt(chain + Chain.SCANNED)) < 0
                && !isBegun(step)
                && memory.getInt(step + Step.ARRIVED) >= memory.getShort(step + Step.JOIN)) {
            begin(chain, number, index);
        }
    }

    /** Goes on at a step: a later one, and then behind it in order; or an earlier one, again. */
    private void jump(long chain, int number, int from, int to) {
        if (Integer.compareUnsigned(to, memory.getIntAcquire(chain + Chain.PUBLISHED)) >= 0
                || isBegun(memory.step(chain, to))) {
            fail(chain, from, -Errno.EINVAL);
            return;
        }
        if (Integer.compareUnsigned(to, memory.getInt(chain + Chain.SCANNED)) >= 0) {
            memory.setInt(chain + Chain.SCANNED, to + 1);
        }
        begin(chain, number, to);
    }

    private boolean isOutsideData(int offset, int length) {
        long start = Integer.toUnsignedLong(offset);
        return start < memory.dataOffset()
                || start + Integer.toUnsignedLong(length) > memory.segment().byteSize();
    }

    private boolean isNoWord(int offset) {
        return (offset & 7) != 0 || isOutsideData(offset, 8);
    }

    /** Whether a step's descriptor names what it may not: see {@code catena_refuses}. */
    private boolean isRefusedStep(long step) {
        int opcode = memory.getByte(step + Step.OPCODE) & 0xff;
        int actions = memory.getShort(step + Step.DATA);
        int length = memory.getInt(step + Step.LENGTH);
        int buffer = memory.getInt(step + Step.BUFFER);
        boolean hashes = (actions & (ACCUMULATE | VERIFY | STORE_HASH)) != 0;
        boolean moves = opcode == READ || opcode == WRITE;
        if (opcode > TRUNCATE
                || (memory.getByte(step + Step.ON_SHORT) & 0xff) > SHORT_JUMP
                || (memory.getByte(step + Step.ON_ERROR) & 0xff) > ERROR_ACCEPT
                || (actions & ~DATA_BITS) != 0
                || memory.getShort(step + Step.FANOUT) > MAX_FANOUT
                || (memory.getShort(step + Step.RW_FLAGS) & ~RW_FLAGS) != 0
                || (opcode != NOP && Integer.compareUnsigned(memory.getInt(step + Step.FILE), MAX_FILES) >= 0)
                || ((moves || (hashes && length != 0)) && isOutsideData(buffer, length))
                || (hashes && Integer.compareUnsigned(length, MAX_HASHED) > 0)
                || (opcode == RESERVE && length <= 0)) {
            return true;
        }
        if ((actions & (VERIFY | STORE_HASH | STORE_SUM)) != 0) {
            int value = memory.getInt(step + Step.VALUE);
            if (isNoWord(value)) {
                return true;
            }
            long first = Integer.toUnsignedLong(buffer);
            long word = Integer.toUnsignedLong(value);
            if ((actions & (STORE_HASH | STORE_SUM)) != 0
                    && length != 0
                    && word + 8 > first
                    && word < first + Integer.toUnsignedLong(length)) {
                return true;
            }
        }
        return ((actions & OFFSET_INDIRECT) != 0 && isNoWord(memory.getInt(step + Step.OFFSET_AT)))
                || ((actions & LENGTH_INDIRECT) != 0 && isNoWord(memory.getInt(step + Step.LENGTH_AT)));
    }

    /** Issues what is left of a step. A step that cannot be issued is deferred, or fails the chain. */
    private void issue(long chain, int number, int index) {
        long step = memory.step(chain, index);
        if (isRefusedStep(step)) {
            memory.setInt(step + Step.STATE, STEP_FAILED);
            fail(chain, index, -Errno.EINVAL);
            return;
        }
        if ((memory.getInt(chain + Chain.FLAGS) & LOOPS) != 0 && memory.getInt(chain + Chain.BUDGET) == 0) {
            memory.setInt(step + Step.STATE, STEP_FAILED);
            fail(chain, index, -Errno.ELOOP);
            return;
        }
        if (!hasRoom(chain)) {
            memory.setInt(step + Step.STATE, STEP_DEFERRED);
            memory.setInt(step + Step.DEFERRED, memory.getInt(chain + Chain.DEFERRED));
            memory.setInt(chain + Chain.DEFERRED, index + 1);
            return;
        }
        int actions = memory.getShort(step + Step.DATA);
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
        memory.setLong(step + Step.ISSUED_AT, System.nanoTime());
        memory.setInt(step + Step.STATE, STEP_ISSUED);
        add(chain + Chain.BUDGET, -1);
        add(chain + Chain.IN_FLIGHT, 1);
        add(chain + Chain.ISSUED_BY_USER, 1);
        count(account(chain) + Account.ISSUED_BY_USER, 1);
        int slot = index & (memory.getInt(chain + Chain.CAPACITY) - 1);
        long data = ChainLayout.userData(KIND_STEP, memory.getInt(chain + Chain.RING), number, slot, attempt);
        int opcode = memory.getByte(step + Step.OPCODE);
        int length = memory.getInt(step + Step.LENGTH) - done;
        int error = 0;
        if (memory.getLong(step + Step.POSITION) < 0 && opcode != NOP && opcode != SYNC) {
            error = -Errno.EINVAL; // found in memory; to io_uring -1 is the descriptor's own position
        }
        if (memory.getShort(step + Step.FAULTED) < memory.getShort(step + Step.FAULTS)) {
            memory.setShort(step + Step.FAULTED, memory.getShort(step + Step.FAULTED) + 1);
            int fault = memory.getInt(step + Step.FAULT);
            if (fault < 0) {
                error = fault;
            } else {
                length = Math.min(length, fault);
            }
        }
        if (error != 0) {
            requests.issueFault(error, data);
            return;
        }
        requests.issue(
                opcode,
                memory.getInt(step + Step.FILE),
                Integer.toUnsignedLong(memory.getInt(step + Step.BUFFER)) + done,
                length,
                memory.getLong(step + Step.POSITION) + done,
                memory.getShort(step + Step.RW_FLAGS),
                data);
    }

    private void fail(long chain, int index, int error) {
        if (memory.getInt(chain + Chain.RESULT) == 0) {
            memory.setInt(chain + Chain.RESULT, error);
            memory.setInt(chain + Chain.FAILED_STEP, index);
        }
    }

    private long account(long chain) {
        return memory.account(memory.getInt(chain + Chain.ACCOUNT));
    }

    private void add(long offset, int value) {
        memory.setInt(offset, memory.getInt(offset) + value);
    }

    private void count(long offset, long value) {
        memory.setLong(offset, memory.getLong(offset) + value);
    }

    private void countLatency(long histogram, long since) {
        count(histogram + 8L * bucket(System.nanoTime() - since), 1);
    }
}
