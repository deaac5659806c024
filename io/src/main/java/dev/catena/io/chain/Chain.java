package dev.catena.io.chain;

import dev.catena.io.internal.ChainLayout;
import dev.catena.io.internal.SharedMemory;
import org.jspecify.annotations.Nullable;

/**
 * A program of I/O steps that runs to one completion. It is data in shared memory, interpreted by whoever steers the
 * lane's ring: a BPF program in the kernel, or Java.
 *
 * <pre>{@code
 * chain.begin();
 * chain.read(source, buffer, 0, 65536, 0).accumulate();
 * chain.write(target, buffer, 0, 65536, 0);
 * chain.sync(target);
 * chain.run().throwIfFailed();
 * }</pre>
 *
 * <p>Steps without {@link Step#join} are issued in the order in which they were added, at most {@link #window} in
 * flight (1 unless set: one after another); a {@link Step#barrier} waits for all before it. Steps with a join are
 * issued when so many others have arrived at them ({@link Step#next}).
 *
 * <p>A chain may grow while it runs: {@link #start}, then add and {@link #publish}, at last {@link #seal} and
 * {@link #await}. Step {@code i} takes the place of step {@code i - capacity}, which must be done by then
 * ({@link #awaitStep}).
 *
 * <p>Reusable: {@link #begin} clears it. Not thread safe; it belongs to its lane's thread.
 */
public final class Chain implements AutoCloseable {
    private final SharedMemory memory;
    private final Lane lane;
    private final int capacity;
    private final int number;
    private final long chain;
    private final long steps;
    private final Step step;
    private final ChainResult result;
    private final int account;
    private final String kind;
    private @Nullable ChainEvent event;
    private int added;
    /** Steps below this were validated. */
    private int validated;

    private boolean running;
    private boolean closed;

    Chain(ChainRuntime runtime, Lane lane, int capacity, int account, String kind) {
        if (capacity < 1 || capacity > ChainLayout.MAX_STEPS || Integer.bitCount(capacity) != 1) {
            throw new IllegalArgumentException(
                    "a chain's capacity is a power of two from 1 to " + ChainLayout.MAX_STEPS + ", not " + capacity);
        }
        this.memory = runtime.memory();
        this.lane = lane;
        this.capacity = capacity;
        this.account = account;
        this.kind = kind;
        steps = memory.allocateControl((long) capacity * ChainLayout.Step.BYTES, "chain steps");
        number = memory.allocateChain();
        chain = memory.chain(number);
        step = new Step(memory);
        result = new ChainResult(memory, chain);
        begin();
    }

    /** Clears steps and results. The chain is not running. */
    public Chain begin() {
        if (running) {
            throw new IllegalStateException("the chain is running");
        }
        for (int slot = 0; slot < Math.min(added, capacity); slot++) {
            memory.setInt(steps + (long) slot * ChainLayout.Step.BYTES + ChainLayout.Step.ARRIVED, 0);
        }
        added = 0;
        validated = 0;
        memory.clear(chain, ChainLayout.Chain.BYTES);
        memory.setInt(chain + ChainLayout.Chain.STEPS, (int) steps);
        memory.setInt(chain + ChainLayout.Chain.CAPACITY, capacity);
        memory.setInt(chain + ChainLayout.Chain.WINDOW, 1);
        memory.setInt(chain + ChainLayout.Chain.ACCOUNT, account);
        result.clear();
        return this;
    }

    /** Requests in flight at most for the steps issued in order; 1 to 64. */
    public Chain window(int requests) {
        if (requests < 1 || requests > ChainLayout.MAX_WINDOW) {
            throw new IllegalArgumentException(
                    "a window is 1 to " + ChainLayout.MAX_WINDOW + " requests, not " + requests);
        }
        memory.setInt(chain + ChainLayout.Chain.WINDOW, requests);
        return this;
    }

    /**
     * Allows the chain to loop: steps may name earlier ones and be run again. It may issue {@code requests} requests in
     * all, then it fails with ELOOP. Without a budget each step runs once, and names later ones only.
     */
    public Chain budget(int requests) {
        if (requests < 1) {
            throw new IllegalArgumentException("a budget is at least 1 request, not " + requests);
        }
        memory.setInt(chain + ChainLayout.Chain.BUDGET, requests);
        memory.setInt(chain + ChainLayout.Chain.FLAGS, ChainLayout.LOOPS);
        return this;
    }

    /** Adds a read of {@code length} bytes at {@code position} into {@code region}. */
    public Step read(ChainFile file, Region region, long regionOffset, int length, long position) {
        return transfer(ChainLayout.READ, file, region, regionOffset, length, position);
    }

    /** Adds a write of {@code length} bytes of {@code region} at {@code position}. */
    public Step write(ChainFile file, Region region, long regionOffset, int length, long position) {
        return transfer(ChainLayout.WRITE, file, region, regionOffset, length, position);
    }

    /** Adds an fdatasync. */
    public Step sync(ChainFile file) {
        return add(ChainLayout.SYNC, file.slot(), 0, 0, 0);
    }

    /**
     * Adds a step that has the file system set {@code length} bytes from {@code position} on aside, and makes the file at least as long.
     * Not every file system can: {@link Step#acceptError}.
     */
    public Step reserve(ChainFile file, int length, long position) {
        if (length < 1 || position < 0) {
            throw new IllegalArgumentException("room for " + length + " bytes at file offset " + position);
        }
        return add(ChainLayout.RESERVE, file.slot(), 0, length, position);
    }

    /** Adds a step that makes the file {@code bytes} long. */
    public Step truncate(ChainFile file, long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("a file is 0 bytes long or more, not " + bytes);
        }
        return add(ChainLayout.TRUNCATE, file.slot(), 0, 0, bytes);
    }

    /** Adds a step that does no I/O: a place to join, to calculate, to store. */
    public Step nop() {
        return add(ChainLayout.NOP, 0, 0, 0, 0);
    }

    private Step transfer(int opcode, ChainFile file, Region region, long regionOffset, int length, long position) {
        if (regionOffset < 0 || length < 1 || regionOffset > region.byteSize() - length || position < 0) {
            throw new IllegalArgumentException("bytes " + regionOffset + " to " + (regionOffset + length)
                    + " of a region of " + region.byteSize() + ", at file offset " + position);
        }
        return add(opcode, file.slot(), region.offset() + regionOffset, length, position);
    }

    private Step add(int opcode, int slot, long buffer, int length, long position) {
        if (closed) {
            throw new IllegalStateException("the chain is closed");
        }
        long at = at(added);
        int before = memory.getIntAcquire(at + ChainLayout.Step.STATE);
        if (added >= capacity && (!running || before < ChainLayout.STEP_DONE)) {
            throw new IllegalStateException("no room for step " + added + ": capacity is " + capacity
                    + " and the step before in its place is not done");
        }
        memory.setByte(at + ChainLayout.Step.OPCODE, opcode);
        memory.setByte(at + ChainLayout.Step.ON_SHORT, ChainLayout.SHORT_CONTINUE);
        memory.setByte(at + ChainLayout.Step.ON_ERROR, ChainLayout.ERROR_STOP);
        memory.setByte(at + ChainLayout.Step.RETRIES, 0);
        memory.setShort(at + ChainLayout.Step.DATA, 0);
        memory.setShort(at + ChainLayout.Step.JOIN, 0);
        memory.setInt(at + ChainLayout.Step.NEXT, 0);
        memory.setShort(at + ChainLayout.Step.FANOUT, 0);
        memory.setShort(at + ChainLayout.Step.FAULTS, 0);
        memory.setInt(at + ChainLayout.Step.JUMP, 0);
        memory.setInt(at + ChainLayout.Step.FILE, slot);
        memory.setInt(at + ChainLayout.Step.BUFFER, (int) buffer);
        memory.setInt(at + ChainLayout.Step.LENGTH, length);
        memory.setLong(at + ChainLayout.Step.OFFSET, position);
        memory.setInt(at + ChainLayout.Step.RW_FLAGS, 0); // and stride
        memory.setInt(at + ChainLayout.Step.VALUE, 0);
        memory.setInt(at + ChainLayout.Step.OFFSET_AT, 0);
        memory.setInt(at + ChainLayout.Step.LENGTH_AT, 0);
        memory.setLong(at + ChainLayout.Step.SEED, position);
        memory.setInt(at + ChainLayout.Step.STATE, ChainLayout.STEP_IDLE);
        memory.setInt(at + ChainLayout.Step.DONE, 0);
        memory.setInt(at + ChainLayout.Step.RESULT, 0);
        memory.setInt(at + ChainLayout.Step.RETRIED, 0); // and faulted
        memory.setInt(at + ChainLayout.Step.INDEX, added);
        step.at(added, at);
        added++;
        return step;
    }

    /** Steps added so far; the index of the next one. */
    public int size() {
        return added;
    }

    /** Runs all steps and waits: {@link #seal}, {@link #start}, {@link #await}. */
    public ChainResult run() {
        memory.setInt(chain + ChainLayout.Chain.SEALED, 1);
        start();
        return await();
    }

    /** Begins to run what was added. It goes on growing until {@link #seal}. */
    public void start() {
        if (running) {
            throw new IllegalStateException("the chain is running");
        }
        if (memory.getInt(chain + ChainLayout.Chain.STATE) != ChainLayout.CHAIN_IDLE) {
            throw new IllegalStateException("the chain has run: begin() first");
        }
        validate(memory.getInt(chain + ChainLayout.Chain.SEALED) != 0);
        lane.enter(this);
        memory.setLong(chain + ChainLayout.Chain.STARTED_AT, System.nanoTime());
        memory.setIntRelease(chain + ChainLayout.Chain.PUBLISHED, added);
        running = true;
        if (ChainEvent.isWanted()) {
            event = new ChainEvent();
            event.begin();
        }
        lane.driver().start(number);
        int ring = memory.getInt(chain + ChainLayout.Chain.RING);
        memory.setInt(memory.account(account) + ChainLayout.Account.RING, ring);
    }

    /** Hands the steps added since to whoever steers. */
    public void publish() {
        validate(false);
        memory.setIntVolatile(chain + ChainLayout.Chain.PUBLISHED, added);
        lane.driver().publish(number);
    }

    /** Publishes, and says that no more steps will come. */
    public void seal() {
        validate(true);
        memory.setIntRelease(chain + ChainLayout.Chain.PUBLISHED, added);
        memory.setIntVolatile(chain + ChainLayout.Chain.SEALED, 1);
        if (running) {
            lane.driver().publish(number);
        }
    }

    /**
     * Refuses steps that would fail or go astray, before they are published: whoever steers refuses the same, when it gets there.
     *
     * @param complete whether no more steps will come
     * @throws IllegalArgumentException if a step names one that is not there, or an earlier one though the chain has no
     *     budget; hashes too much; or stores into its own data
     */
    private void validate(boolean complete) {
        boolean loops = memory.getInt(chain + ChainLayout.Chain.FLAGS) != 0;
        for (int index = validated; index < added; index++) {
            long at = at(index);
            int fanout = memory.getShort(at + ChainLayout.Step.FANOUT);
            if (fanout > 0) {
                int next = memory.getInt(at + ChainLayout.Step.NEXT);
                validateEdge(index, next, next + fanout - 1, complete, loops);
            }
            if (memory.getByte(at + ChainLayout.Step.ON_SHORT) == ChainLayout.SHORT_JUMP
                    || memory.getByte(at + ChainLayout.Step.ON_ERROR) == ChainLayout.ERROR_JUMP) {
                int jump = memory.getInt(at + ChainLayout.Step.JUMP);
                validateEdge(index, jump, jump, complete, loops);
            }
            int actions = memory.getShort(at + ChainLayout.Step.DATA);
            if (actions != 0) {
                validateData(index, at, actions);
            }
        }
        validated = added;
    }

    private void validateData(int index, long at, int actions) {
        long buffer = Integer.toUnsignedLong(memory.getInt(at + ChainLayout.Step.BUFFER));
        int length = memory.getInt(at + ChainLayout.Step.LENGTH);
        if ((actions & (ChainLayout.ACCUMULATE | ChainLayout.VERIFY | ChainLayout.STORE_HASH)) != 0
                && length > ChainLayout.MAX_HASHED) {
            throw new IllegalArgumentException("step " + index + " hashes " + length + " bytes: at most "
                    + ChainLayout.MAX_HASHED + " can be hashed at once");
        }
        if ((actions & (ChainLayout.STORE_HASH | ChainLayout.STORE_SUM)) != 0 && length > 0) {
            long value = Integer.toUnsignedLong(memory.getInt(at + ChainLayout.Step.VALUE));
            if (value + Long.BYTES > buffer && value < buffer + length) {
                throw new IllegalArgumentException("step " + index + " would store a value into its own data");
            }
        }
    }

    private void validateEdge(int index, int first, int last, boolean complete, boolean loops) {
        if (first < 0 || last < first || (complete && last >= added) || last - index >= capacity) {
            throw new IllegalArgumentException(
                    "step " + index + " names step " + last + " of a chain of " + added + ", capacity " + capacity);
        }
        if (first <= index && !loops) {
            throw new IllegalArgumentException("step " + index + " names step " + first
                    + ", which is not behind it: a chain that may loop needs a budget()");
        }
    }

    /** Waits for the end of a sealed chain. Its result is valid until the next {@link #begin}. */
    public ChainResult await() {
        if (running) {
            lane.driver().await(number);
            running = false;
            lane.leave(this);
            if (event != null) {
                commit(event);
                event = null;
            }
        }
        return result;
    }

    private void commit(ChainEvent ended) {
        ended.kind = kind;
        ended.lane = lane.track().number();
        ended.placement = lane.track().placement().name();
        ended.result = result.result();
        ended.steps = result.completedSteps();
        ended.issuedByProgram = result.issuedByProgram();
        ended.issuedByUser = result.issuedByUser();
        ended.bytes = result.bytes();
        ended.retries = result.retries();
        ended.shortIos = result.shortIos();
        ended.commit();
    }

    /** Waits until step {@code index} is done, or the chain has ended; not for one before the first. */
    public void awaitStep(int index) {
        if (running && index >= 0) {
            lane.driver().awaitStep(number, index);
        }
    }

    /** Whether step {@code index} is done: its effect and its stored values are there. */
    public boolean isStepDone(int index) {
        return memory.getIntAcquire(at(index) + ChainLayout.Step.STATE) == ChainLayout.STEP_DONE;
    }

    /** Whether everything published was done and the chain waits for more: the next {@link #publish} must wake it. */
    public boolean isDry() {
        return memory.getIntVolatile(chain + ChainLayout.Chain.DRY) != 0;
    }

    /** Whether the chain failed so far; {@link #await} tells how. */
    public boolean hasFailed() {
        return memory.getIntAcquire(chain + ChainLayout.Chain.RESULT) != 0;
    }

    /** Bytes that step {@code index} moved. */
    public int stepBytes(int index) {
        return memory.getInt(at(index) + ChainLayout.Step.DONE);
    }

    /** The hash calculated last at step {@code index}. */
    public long stepHash(int index) {
        return memory.getLong(at(index) + ChainLayout.Step.HASH);
    }

    /** Offset of a step. Looks at nothing in memory, where somebody may be writing. */
    private long at(int index) {
        return steps + (long) (index & (capacity - 1)) * ChainLayout.Step.BYTES;
    }

    /** Ends the chain's use; a running one is sealed and waited for first. */
    @Override
    public void close() {
        if (closed) {
            throw new AssertionError("chain closed twice");
        }
        if (running) {
            seal();
            await();
        }
        closed = true;
        memory.freeChain(number);
        memory.free(steps);
    }
}
