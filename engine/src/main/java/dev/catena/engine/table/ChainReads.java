package dev.catena.engine.table;

import dev.catena.engine.entry.MemoryAccount;
import dev.catena.engine.entry.MemoryAccount.Owner;
import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Placement;
import dev.catena.io.chain.Region;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What a store's tables are read with when more than one frame is wanted at once: lanes with a chain and memory to read to. They are
 * made when first needed and kept for who comes next; there is a most of each, and who finds none left reads frame by frame.
 *
 * <p>A chain gains where reads wait for the device. Where they come out of the kernel's cache it costs half a microsecond more than a
 * read does alone. So when chains have ended as soon as copying takes, reads are done alone, until one of them takes long.
 *
 * <p>Thread safe. Closed when nobody reads any more.
 */
public final class ChainReads implements AutoCloseable {
    private static final int BATCHES_MAX = 16;

    /** Chains in a row that must have been as fast as copying. */
    private static final int FAST_CHAINS = 4;

    /** A read alone that takes longer did not come out of memory. */
    private static final long FAST_ALONE_NANOS = 12_000;

    /** A read in a chain that takes longer on average did not either. Changed by tests only. */
    static volatile long fastNanos = 3_000;

    /** Walks at a time that have something read ahead: each has a lane. */
    private static final int AHEAD_MAX = 8;

    /** All of them together take this part of the cache's bytes at most, */
    private static final int AHEAD_SHARE = 8;

    /** and this much. */
    private static final long AHEAD_BYTES_MAX = 32 << 20;

    /** With room for less nothing is read ahead. */
    private static final long AHEAD_HALF_MIN = 64 << 10;

    private final ChainRuntime runtime;
    private final MemoryAccount account;
    private int aheadCount; // with the bytes under this object's monitor
    private long aheadBytes;
    private final ConcurrentLinkedDeque<Batch> idleBatches = new ConcurrentLinkedDeque<>();
    private final AtomicInteger batches = new AtomicInteger();

    /** Chains in a row that were as fast as copying; races lose a count. */
    private volatile int fastChains;

    /** A chain of reads that its caller waits for, with memory for them. Used by one thread at a time. */
    static final class Batch implements AutoCloseable {
        /** Reads of a chain: what a ring takes at once, so that a batch is one submission. */
        static final int STEPS = 64;

        /** Room for what they read. */
        static final int BYTES = 1 << 20;

        private final Lane lane;
        final Chain chain;
        final Region region;

        Batch(ChainRuntime runtime) {
            lane = runtime.lane(Placement.IN_CONTEXT);
            chain = lane.chain(STEPS, "lookups");
            region = runtime.allocate(BYTES, "lookups");
        }

        @Override
        public void close() {
            chain.close();
            lane.close();
            region.close();
        }
    }

    /** @param account charged with the memory that is read to */
    public ChainReads(ChainRuntime runtime, MemoryAccount account) {
        this.runtime = runtime;
        this.account = account;
    }

    /** A batch of reads, to be given back to {@link #give}; null when too many are in use. */
    @Nullable
    Batch takeBatch() {
        Batch batch = idleBatches.pollFirst();
        if (batch != null) {
            return batch;
        }
        if (batches.incrementAndGet() > BATCHES_MAX) {
            batches.decrementAndGet();
            return null;
        }
        boolean made = false;
        try {
            batch = new Batch(runtime);
            made = true;
        } finally {
            if (!made) {
                batches.decrementAndGet();
            }
        }
        account.charge(Owner.LOOKUPS, Batch.BYTES);
        return batch;
    }

    /** Whether reads come out of memory, so that a chain has nothing to wait for. */
    boolean isFast() {
        return fastChains >= FAST_CHAINS;
    }

    /** Hears how long a chain of so many reads took. */
    void chainTook(long nanos, int reads) {
        fastChains = nanos < reads * fastNanos ? Math.min(fastChains + 1, FAST_CHAINS) : 0;
    }

    /** Hears how long a read alone took. */
    void readTook(long nanos) {
        if (nanos > FAST_ALONE_NANOS) {
            fastChains = FAST_CHAINS - 1; // one chain is to find out
        }
    }

    void give(Batch batch) {
        idleBatches.addFirst(batch);
    }

    /**
     * What reads ahead of a walk, with room for so many bytes, or fewer if others have taken the rest; null if there are hardly any.
     *
     * @param whole whether to read as far ahead from the first
     */
    @Nullable
    ReadAhead readAhead(TableReader table, long bytes, boolean whole) {
        long half;
        synchronized (this) {
            long left = Math.min(AHEAD_BYTES_MAX, table.cache().capacityBytes() / AHEAD_SHARE) - aheadBytes;
            half = Math.min(bytes, left - ReadAhead.bytes(0)) / 2;
            if (half < AHEAD_HALF_MIN || aheadCount == AHEAD_MAX) {
                return null;
            }
            aheadCount++;
            aheadBytes += ReadAhead.bytes(half);
        }
        account.charge(Owner.ITERATORS, ReadAhead.bytes(half));
        boolean made = false;
        try {
            ReadAhead ahead = new ReadAhead(runtime, this, table, half, whole);
            made = true;
            return ahead;
        } finally {
            if (!made) {
                ended(half);
            }
        }
    }

    /** Hears that one with such halves has let go of everything. */
    void ended(long half) {
        account.charge(Owner.ITERATORS, -ReadAhead.bytes(half));
        synchronized (this) {
            aheadCount--;
            aheadBytes -= ReadAhead.bytes(half);
        }
    }

    @Override
    public void close() {
        for (Batch batch = idleBatches.poll(); batch != null; batch = idleBatches.poll()) {
            batch.close();
            account.charge(Owner.LOOKUPS, -Batch.BYTES);
        }
    }
}
