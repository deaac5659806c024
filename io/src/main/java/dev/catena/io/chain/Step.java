package dev.catena.io.chain;

import dev.catena.io.internal.ChainLayout;
import dev.catena.io.internal.SharedMemory;

/**
 * The step that was just added to a chain, to say more of it. One object per chain, moved from step to step: valid until
 * the next one is added. Without more a step is issued in order, continues a short read or write with the rest, and ends
 * the chain on an error.
 */
public final class Step {
    /** Data is on the device when the write completes (RWF_DSYNC). */
    private static final int RWF_DSYNC = 2;

    private final SharedMemory memory;
    private int index;
    private long at;

    Step(SharedMemory memory) {
        this.memory = memory;
    }

    void at(int index, long at) {
        this.index = index;
        this.at = at;
    }

    /** Its index in the chain. */
    public int index() {
        return index;
    }

    /** The write completes when the data is durable. */
    public Step durable() {
        memory.setShort(at + ChainLayout.Step.RW_FLAGS, RWF_DSYNC);
        return this;
    }

    /** A short read or write ends the chain: ENODATA for a read, EIO for a write. */
    public Step stopOnShort() {
        return onShort(ChainLayout.SHORT_STOP);
    }

    /** A short read or write is taken as it is: the step is done with fewer bytes. */
    public Step acceptShort() {
        return onShort(ChainLayout.SHORT_ACCEPT);
    }

    /**
     * After a short read or write the chain goes on at step {@code target}, published by then, and behind it in order: steps whose
     * turn would have come before are left out. A step that has had its turn is run again, alone ({@link Chain#budget}).
     */
    public Step jumpOnShort(int target) {
        memory.setInt(at + ChainLayout.Step.JUMP, target);
        return onShort(ChainLayout.SHORT_JUMP);
    }

    private Step onShort(int action) {
        memory.setByte(at + ChainLayout.Step.ON_SHORT, action);
        return this;
    }

    /** On an error the request is issued again, {@code times} at most (255), then the chain ends with the error. */
    public Step retryOnError(int times) {
        if (times < 0 || times > 255) {
            throw new IllegalArgumentException("a step is retried 0 to 255 times, not " + times);
        }
        memory.setByte(at + ChainLayout.Step.ON_ERROR, ChainLayout.ERROR_RETRY);
        memory.setByte(at + ChainLayout.Step.RETRIES, times);
        return this;
    }

    /** On an error the chain goes on at step {@code target}, as in {@link #jumpOnShort}. */
    public Step jumpOnError(int target) {
        memory.setInt(at + ChainLayout.Step.JUMP, target);
        memory.setByte(at + ChainLayout.Step.ON_ERROR, ChainLayout.ERROR_JUMP);
        return this;
    }

    /** An error is taken as it is: the step is done with what was moved before. */
    public Step acceptError() {
        memory.setByte(at + ChainLayout.Step.ON_ERROR, ChainLayout.ERROR_ACCEPT);
        return this;
    }

    /** Adds the XXH64 of the step's data (128 KiB at most), seeded with its file offset unless {@link #seed}, to the chain's sum. */
    public Step accumulate() {
        return data(ChainLayout.ACCUMULATE);
    }

    /** The chain ends with EBADMSG unless the hash of the step's data is the u64 at {@code offset} of {@code region}. */
    public Step verify(Region region, long offset) {
        return value(region, offset).data(ChainLayout.VERIFY);
    }

    /** Stores the hash of the step's data as a u64 at {@code offset} of {@code region}. */
    public Step storeHash(Region region, long offset) {
        return value(region, offset).data(ChainLayout.STORE_HASH);
    }

    /** Stores the chain's sum so far as a u64 at {@code offset} of {@code region}. */
    public Step storeSum(Region region, long offset) {
        return value(region, offset).data(ChainLayout.STORE_SUM);
    }

    private Step value(Region region, long offset) {
        memory.setInt(at + ChainLayout.Step.VALUE, place(region, offset));
        return this;
    }

    private static int place(Region region, long offset) {
        if (offset < 0 || offset > region.byteSize() - 8 || offset % 8 != 0) {
            throw new IllegalArgumentException("no aligned u64 at " + offset + " of a region of " + region.byteSize());
        }
        return (int) (region.offset() + offset);
    }

    /** For a no-op: the data it hashes, {@code length} bytes of {@code region}. */
    public Step over(Region region, long offset, int length) {
        if (offset < 0 || length < 0 || offset > region.byteSize() - length) {
            throw new IllegalArgumentException(
                    "bytes " + offset + " to " + (offset + length) + " of a region of " + region.byteSize());
        }
        memory.setInt(at + ChainLayout.Step.BUFFER, (int) (region.offset() + offset));
        memory.setInt(at + ChainLayout.Step.LENGTH, length);
        return this;
    }

    /** Seed of the hash, instead of the file offset. */
    public Step seed(long seed) {
        memory.setLong(at + ChainLayout.Step.SEED, seed);
        return this;
    }

    /** The file offset is the u64 at {@code offset} of {@code region} when the step is issued: found by an earlier step. */
    public Step positionAt(Region region, long offset) {
        memory.setInt(at + ChainLayout.Step.OFFSET_AT, place(region, offset));
        return data(ChainLayout.OFFSET_INDIRECT);
    }

    /**
     * The length is the u64 at {@code offset} of {@code region} when the step is issued, and that u64 becomes -1 in the
     * same instant: others may add to the data, by compare and set, until they find -1 there.
     */
    public Step lengthAt(Region region, long offset) {
        memory.setInt(at + ChainLayout.Step.LENGTH_AT, place(region, offset));
        return data(ChainLayout.LENGTH_INDIRECT);
    }

    /**
     * Once the step is done, its file offset and the seed of its hash move on by {@code lengths} times its length: run again, in a
     * chain that loops, it goes on there. A copy of any length is a loop of two steps, or of a few such pairs that take turns.
     */
    public Step stride(int lengths) {
        if (lengths < 0 || lengths > 65535) {
            throw new IllegalArgumentException("a stride is 0 to 65535 lengths, not " + lengths);
        }
        memory.setShort(at + ChainLayout.Step.STRIDE, lengths);
        return this;
    }

    /** For tests: the step's first {@code times} requests do nothing and fail with {@code errno}. Needs Linux 6.10. */
    public Step fault(int errno, int times) {
        if (errno < 1 || errno > 4095) {
            throw new IllegalArgumentException("an error number is 1 to 4095, not " + errno);
        }
        return faults(-errno, times);
    }

    /** For tests: the step's first {@code times} requests move {@code bytes} bytes at most. */
    public Step cut(int bytes, int times) {
        if (bytes < 0) {
            throw new IllegalArgumentException("a request moves 0 bytes or more, not " + bytes);
        }
        return faults(bytes, times);
    }

    private Step faults(int fault, int times) {
        if (times < 0 || times > 65535) {
            throw new IllegalArgumentException("a step meets 0 to 65535 faults, not " + times);
        }
        memory.setInt(at + ChainLayout.Step.FAULT, fault);
        memory.setShort(at + ChainLayout.Step.FAULTS, times);
        return this;
    }

    /** Issued when nothing of the chain is in flight. */
    public Step barrier() {
        return data(ChainLayout.BARRIER);
    }

    /** Issued when {@code arrivals} other steps have named it in {@link #next}, instead of in order. */
    public Step join(int arrivals) {
        if (arrivals < 0 || arrivals > 65535) {
            throw new IllegalArgumentException("a step waits for 0 to 65535 arrivals, not " + arrivals);
        }
        memory.setShort(at + ChainLayout.Step.JOIN, arrivals);
        return this;
    }

    /** When done, arrives at step {@code successor}. */
    public Step next(int successor) {
        return next(successor, 1);
    }

    /** When done, arrives at {@code count} steps (32 at most) from {@code first} on. */
    public Step next(int first, int count) {
        if (first < 0 || count < 1 || count > ChainLayout.MAX_FANOUT) {
            throw new IllegalArgumentException(
                    "a step has 1 to " + ChainLayout.MAX_FANOUT + " successors, not " + count);
        }
        memory.setInt(at + ChainLayout.Step.NEXT, first);
        memory.setShort(at + ChainLayout.Step.FANOUT, count);
        return this;
    }

    private Step data(int action) {
        memory.setShort(at + ChainLayout.Step.DATA, memory.getShort(at + ChainLayout.Step.DATA) | action);
        return this;
    }
}
