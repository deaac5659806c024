package dev.catena.engine.table;

import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MemoryAccount;
import dev.catena.engine.entry.ValueSink;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Decoded frames of all open tables (data, index and filter) in off-heap memory, up to a number of bytes.
 *
 * <p>A block in use is <b>pinned</b>: its bytes stay where they are until the last pin is released. The handle of a pinned block is
 * the address of its 64-byte record:
 *
 * <pre>
 *  0  u64 state     bits 0-31 pins, bit 32 LISTED (lookups find it), bits 33-34 chances left, bit 35 MAIN
 *  8  u64 table number        16  u64 frame offset        24  u64 address of the block    32  u64 bytes of the block
 * 40  u64 address of the memory to free                   48  u64 bytes charged           56  u64 shard | next free record
 * </pre>
 *
 * <p>A hit takes no lock: it finds the record in its shard's open-addressing table, pins it with one compare-and-set that succeeds
 * only while LISTED, then looks at the record's name again, for the record may have been given to another block in between.
 * Records are recycled but not freed while the cache lives, so a stale address is harmless. A hit may be missed while the table
 * changes; the block is then read once more and {@link #insert} finds the first copy.
 *
 * <p><b>What stays</b> (S3-FIFO, with a clock for its main part): a data block that comes is on trial, in a queue of a tenth of the
 * shard's bytes. At the queue's end it moves to the main part if it was wanted twice meanwhile, else it goes, and a trace of its name
 * is left: if it comes again while the trace is there, it goes straight to the main part, as index and filter blocks do. So blocks that
 * are read once, however many, push out each other and nothing else. In the main part a hand walks over the records, takes a chance from
 * each block that is not pinned, and evicts the first that has none left; a hit gives a chance, three at most. Insertion and eviction
 * hold the shard's lock; a block is evicted with one compare-and-set that fails when a pin was faster.
 *
 * <p>The bound: listed blocks, their bookkeeping, a little memory kept for the next block, and what its {@link MemoryAccount} takes stay within the capacity. A block that does not fit, because it is larger than a
 * shard or because all others are pinned, is given to its reader alone and freed with its last pin.
 *
 * <p>Thread safe.
 */
public final class BlockCache implements ValueSink.Keeper, AutoCloseable {
    /** Chances of a block that a scan or a lookup may never want again: it comes on trial. */
    static final int CHANCES_DATA = 0;

    /** Chances of blocks that lead to many others. */
    static final int CHANCES_INDEX = 3;

    private static final String OWNER = "block cache";

    private static final int RECORD = 64;
    private static final int TABLE = 8;
    private static final int OFFSET = 16;
    private static final int BLOCK = 24;
    private static final int BYTES = 32;
    private static final int MEMORY = 40;
    private static final int CHARGE = 48;
    private static final int SHARD = 56;

    private static final long PINS = 0xffff_ffffL;
    private static final long LISTED = 1L << 32;
    private static final int CHANCES_SHIFT = 33;
    private static final long CHANCE = 1L << CHANCES_SHIFT;
    private static final long CHANCES = 3L << CHANCES_SHIFT;
    private static final long MAIN = 1L << 35;

    /** Hits on trial that a block needs. */
    private static final long TRIAL_HITS = 2 * CHANCE;

    /** Blocks on trial take this part of a shard. */
    private static final int TRIAL_SHARE = 10;

    /** Traces of evicted blocks, for each table slot: about as many as there are blocks. */
    private static final int SLOTS_PER_TRACE = 4;

    /** What a block costs beside its own bytes: record, table slots, trace, the allocator's and the registry's entries. */
    private static final long OVERHEAD = 256;

    private static final int ALIGNMENT = 64;
    private static final int ALLOCATION_ALIGNMENT = 16;
    private static final long POOLED_MAX = 1 << 20;
    private static final int SLAB_RECORDS = 256;
    private static final long SHARD_BYTES_MIN = 4L << 20;
    private static final int SHARDS_MAX = 16;

    /** A record's address needs 48 bits in a table slot; the hash fills the rest. */
    private static final long ADDRESS_MASK = (1L << 48) - 1;

    /** Frames that are larger are read straight into a block's memory. */
    static final long BUFFER_BYTES = 64L << 10;

    private static final VarHandle STATE = ValueLayout.JAVA_LONG.varHandle();

    private final long capacity;

    /** The capacity but for what the pool may keep. */
    private final long blockCapacity;

    private final Shard[] shards;
    private final MemoryAccount account;
    private final LongAdder misses = new LongAdder();
    private final MemoryPool pool;

    /** An empty cache from whose capacity only open tables take. */
    public BlockCache(long capacityBytes) {
        this(capacityBytes, new MemoryAccount(false));
    }

    /**
     * An empty cache.
     *
     * @param capacityBytes bytes of blocks and bookkeeping held at most, with what is taken from it by the account
     */
    public BlockCache(long capacityBytes, MemoryAccount account) {
        this.account = account;
        long pooled = Math.min(capacityBytes / 16, POOLED_MAX);
        pool = new MemoryPool(OWNER, pooled);
        capacity = capacityBytes;
        blockCapacity = capacityBytes - pooled;
        int count = 1;
        while (count < SHARDS_MAX && capacityBytes / (2L * count) >= SHARD_BYTES_MIN) {
            count *= 2;
        }
        shards = new Shard[count];
        for (int i = 0; i < count; i++) {
            shards[i] = new Shard(i);
        }
        account.onTake(this::trim);
    }

    /** What takes from its capacity. */
    public MemoryAccount account() {
        return account;
    }

    /** Bytes held at most. */
    public long capacityBytes() {
        return capacity;
    }

    /** Bytes of the capacity that are in use: blocks, with bookkeeping, and what is taken. */
    public long bytes() {
        return blockBytes() + account.taken();
    }

    /** Bytes of blocks, with bookkeeping. */
    public long blockBytes() {
        long bytes = 0;
        for (Shard shard : shards) {
            bytes += shard.used;
        }
        return bytes;
    }

    /** Lookups that found their block, about: threads that count at the same moment may count once. */
    public long hits() {
        long hits = 0;
        for (Shard shard : shards) {
            hits += shard.hits;
        }
        return hits;
    }

    /** Lookups that did not. */
    public long misses() {
        return misses.sum();
    }

    /** The pinned block of a table's frame, or 0. */
    long pin(long table, long offset) {
        long hash = hash(table, offset);
        return shards[(int) (hash >>> 32) & (shards.length - 1)].pin(hash, table, offset);
    }

    /** Pins a block that is pinned already once more. */
    void pinAgain(long handle) {
        STATE.getAndAdd(Memory.ALL, handle, 1L);
    }

    /** Address of a pinned block. */
    static long address(long handle) {
        return Memory.getLong(handle + BLOCK);
    }

    /** Bytes of a pinned block. */
    static int length(long handle) {
        return (int) Memory.getLong(handle + BYTES);
    }

    /** Where a pinned block's frame starts in its file. */
    static long offset(long handle) {
        return Memory.getLong(handle + OFFSET);
    }

    /** Memory for a block of so many bytes, which starts at {@link #start} and has {@link Block#SLACK} behind it. */
    MemorySegment allocate(long bytes) {
        return pool.take(bytes + Block.SLACK + ALIGNMENT - ALLOCATION_ALIGNMENT);
    }

    /** Memory of at least {@code bytes} to read a frame into or unpack it. */
    MemorySegment takeBuffer(long bytes) {
        // One size for nearly all, so that few buffers do.
        return pool.take(bytes <= BUFFER_BYTES ? BUFFER_BYTES : bytes);
    }

    /** Takes back what {@link #allocate} or {@link #takeBuffer} gave and {@link #insert} was not given. */
    void free(MemorySegment memory) {
        pool.give(memory);
    }

    /** Where a block starts in its memory: at the next cache line. */
    static long start(MemorySegment memory) {
        return align(memory.address());
    }

    private static long align(long address) {
        return (address + ALIGNMENT - 1) & -(long) ALIGNMENT;
    }

    /**
     * Lists a block that was just read and pins it. When another thread was faster, its copy is pinned and this one freed.
     *
     * @param memory from {@link #allocate}; the cache's from here on
     * @param block where in it the block starts
     * @param bytes of the block
     */
    long insert(long table, long offset, MemorySegment memory, long block, long bytes, int chances) {
        misses.increment();
        long hash = hash(table, offset);
        return shards[(int) (hash >>> 32) & (shards.length - 1)].insert(
                hash, table, offset, memory, block, bytes, chances);
    }

    /** Gives a pin back. */
    @Override
    public void release(long handle) {
        long before = (long) STATE.getAndAdd(Memory.ALL, handle, -1L);
        if ((before & (LISTED | PINS)) == 1) {
            shards[(int) (Memory.getLong(handle + SHARD) & 0xff)].free(handle);
        } else if ((before & PINS) == 0) {
            STATE.getAndAdd(Memory.ALL, handle, 1L);
            throw new AssertionError("a block was released more often than pinned");
        }
    }

    private void trim() {
        for (Shard shard : shards) {
            shard.trim();
        }
    }

    /** Frees everything, but what is still pinned with its last pin. No table may be open. */
    @Override
    public void close() {
        for (Shard shard : shards) {
            shard.close();
        }
        pool.close();
    }

    private static long hash(long table, long offset) {
        long hash = (offset ^ table * 0x9e3779b97f4a7c15L) * 0xbf58476d1ce4e5b9L;
        return (hash ^ hash >>> 31) * 0x94d049bb133111ebL;
    }

    /** A slice of the cache with its own lock, table, records and share of the capacity. */
    private final class Shard {
        private final int index;
        private final ReentrantLock lock = new ReentrantLock();
        private final List<MemorySegment> slabs = new ArrayList<>();
        private int records;
        private int hand;
        private long freeRecord;
        private int listed;

        /** Address of a record in the low 48 bits, hash bits above; 0 is empty. Linear probing, at most half full. */
        private volatile long[] slots = new long[1024];

        private volatile long used;
        private long hits;

        /** Handles of the blocks on trial, oldest first, in a ring. */
        private long[] trial = new long[64];

        private int trialFirst;
        private int trialCount;
        private long trialBytes;

        /** Hashes of names of blocks that failed their trial, each at its place until another one comes to it. */
        private long[] traces = new long[slots.length / SLOTS_PER_TRACE];

        /** Blocks that were still pinned when the cache was closed. */
        private int orphans;

        Shard(int index) {
            this.index = index;
        }

        long pin(long hash, long table, long offset) {
            long[] slots = this.slots;
            int mask = slots.length - 1;
            long tag = hash & ~ADDRESS_MASK;
            for (int i = (int) hash & mask; ; i = (i + 1) & mask) {
                long slot = slots[i];
                if (slot == 0) {
                    return 0;
                }
                if ((slot & ~ADDRESS_MASK) == tag) {
                    long handle = slot & ADDRESS_MASK;
                    if (Memory.getLong(handle + OFFSET) == offset
                            && Memory.getLong(handle + TABLE) == table
                            && tryPin(handle)) {
                        if (Memory.getLong(handle + OFFSET) == offset && Memory.getLong(handle + TABLE) == table) {
                            hits++;
                            return handle;
                        }
                        BlockCache.this.release(handle);
                        return 0;
                    }
                }
            }
        }

        private static boolean tryPin(long handle) {
            long state = (long) STATE.getOpaque(Memory.ALL, handle);
            while ((state & LISTED) != 0) {
                long pinned = (state & CHANCES) == CHANCES ? state + 1 : state + 1 + CHANCE;
                long witness = (long) STATE.compareAndExchange(Memory.ALL, handle, state, pinned);
                if (witness == state) {
                    return true;
                }
                state = witness;
            }
            return false;
        }

        long insert(long hash, long table, long offset, MemorySegment memory, long block, long bytes, int chances) {
            long charge = memory.byteSize() + OVERHEAD;
            lock.lock();
            try {
                long handle = pin(hash, table, offset);
                if (handle != 0) {
                    pool.give(memory);
                    return handle;
                }
                boolean fits = makeRoom(charge);
                boolean main = chances > 0 || takeTrace(hash);
                handle = takeRecord();
                Memory.putLong(handle + TABLE, table);
                Memory.putLong(handle + OFFSET, offset);
                Memory.putLong(handle + BLOCK, block);
                Memory.putLong(handle + BYTES, bytes);
                Memory.putLong(handle + MEMORY, memory.address());
                Memory.putLong(handle + CHARGE, charge);
                Memory.putLong(handle + SHARD, index);
                if (fits) {
                    addUsed(charge);
                    STATE.setRelease(Memory.ALL, handle, 1 | LISTED | chances * CHANCE | (main ? MAIN : 0));
                    list(hash, handle);
                    if (!main) {
                        trialBytes += charge;
                        addTrial(handle);
                    }
                } else {
                    STATE.setRelease(Memory.ALL, handle, 1L);
                }
                return handle;
            } finally {
                lock.unlock();
            }
        }

        /** Frees a block that is not listed and has lost its last pin. */
        void free(long handle) {
            giveMemory(handle);
            lock.lock();
            try {
                putRecord(handle);
                if (orphans > 0 && --orphans == 0) {
                    freeSlabs();
                }
            } finally {
                lock.unlock();
            }
        }

        void trim() {
            lock.lock();
            try {
                makeRoom(0);
            } finally {
                lock.unlock();
            }
        }

        private long limit() {
            return (blockCapacity - account.taken()) / shards.length;
        }

        private boolean makeRoom(long charge) {
            long limit = limit();
            if (charge > limit) {
                return false;
            }
            // Four rounds take all chances from everything; what then remains is pinned.
            int pinned = 0;
            for (long steps = 5L * records + 5; used + charge > limit; steps--) {
                if (steps == 0 || records == 0) {
                    return false;
                }
                boolean tryTrial = trialBytes > limit / TRIAL_SHARE || trialBytes == used;
                if (tryTrial && pinned < trialCount) {
                    pinned = endTrial() ? 0 : pinned + 1;
                } else {
                    stepHand();
                }
            }
            return true;
        }

        /** Decides on the oldest block on trial; false when it is pinned and begins anew. */
        private boolean endTrial() {
            long handle = trial[trialFirst];
            trialFirst = (trialFirst + 1) & (trial.length - 1);
            trialCount--;
            long state = (long) STATE.getOpaque(Memory.ALL, handle);
            long charge = Memory.getLong(handle + CHARGE);
            if ((state & CHANCES) >= TRIAL_HITS) {
                trialBytes -= charge;
                STATE.getAndAdd(Memory.ALL, handle, MAIN); // the bit is not set: only here it is
                return true;
            }
            if ((state & PINS) != 0 || !STATE.compareAndSet(Memory.ALL, handle, state, 0L)) {
                addTrial(handle);
                return false;
            }
            trialBytes -= charge;
            long hash = hash(Memory.getLong(handle + TABLE), Memory.getLong(handle + OFFSET));
            traces[trace(hash)] = hash;
            evict(handle);
            return true;
        }

        private void addTrial(long handle) {
            if (trialCount == trial.length) {
                long[] larger = new long[2 * trialCount];
                for (int i = 0; i < trialCount; i++) {
                    larger[i] = trial[(trialFirst + i) & (trialCount - 1)];
                }
                trial = larger;
                trialFirst = 0;
            }
            trial[(trialFirst + trialCount++) & (trial.length - 1)] = handle;
        }

        /** Whether a block's trace is there, which then is there no more. */
        private boolean takeTrace(long hash) {
            boolean found = traces[trace(hash)] == hash;
            if (found) {
                traces[trace(hash)] = 0;
            }
            return found;
        }

        private int trace(long hash) {
            return (int) (hash >>> 8) & (traces.length - 1);
        }

        /** Moves the main part's hand by a record. */
        private void stepHand() {
            hand = hand + 1 < records ? hand + 1 : 0;
            long handle = record(hand);
            long state = (long) STATE.getOpaque(Memory.ALL, handle);
            if ((state & (LISTED | MAIN | PINS)) == (LISTED | MAIN)) {
                if ((state & CHANCES) != 0) {
                    STATE.compareAndSet(Memory.ALL, handle, state, state - CHANCE);
                } else if (STATE.compareAndSet(Memory.ALL, handle, state, 0L)) {
                    evict(handle);
                }
            }
        }

        private void evict(long handle) {
            unlist(handle);
            addUsed(-Memory.getLong(handle + CHARGE));
            giveMemory(handle);
            putRecord(handle);
        }

        private void list(long hash, long handle) {
            long[] slots = this.slots;
            if (2 * (listed + 1) > slots.length) {
                long[] larger = new long[2 * slots.length];
                for (long slot : slots) {
                    if (slot != 0) {
                        long address = slot & ADDRESS_MASK;
                        long rehash = hash(Memory.getLong(address + TABLE), Memory.getLong(address + OFFSET));
                        larger[emptySlot(larger, rehash)] = slot;
                    }
                }
                this.slots = larger;
                slots = larger;
                traces = new long[larger.length / SLOTS_PER_TRACE];
            }
            slots[emptySlot(slots, hash)] = handle | (hash & ~ADDRESS_MASK);
            listed++;
        }

        private static int emptySlot(long[] slots, long hash) {
            int mask = slots.length - 1;
            int i = (int) hash & mask;
            while (slots[i] != 0) {
                i = (i + 1) & mask;
            }
            return i;
        }

        /** Removes a record from the table and closes the gap, so that every probe still ends at the first empty slot. */
        private void unlist(long handle) {
            long[] slots = this.slots;
            int mask = slots.length - 1;
            int gap = home(handle, mask);
            while ((slots[gap] & ADDRESS_MASK) != handle) {
                gap = (gap + 1) & mask;
            }
            int i = gap;
            while (true) {
                i = (i + 1) & mask;
                long slot = slots[i];
                if (slot == 0) {
                    break;
                }
                int home = home(slot & ADDRESS_MASK, mask);
                if (((i - home) & mask) >= ((i - gap) & mask)) {
                    slots[gap] = slot;
                    gap = i;
                }
            }
            slots[gap] = 0;
            listed--;
        }

        private static int home(long handle, int mask) {
            return (int) hash(Memory.getLong(handle + TABLE), Memory.getLong(handle + OFFSET)) & mask;
        }

        private long record(int i) {
            return align(slabs.get(i / SLAB_RECORDS).address()) + (long) RECORD * (i % SLAB_RECORDS);
        }

        private long takeRecord() {
            if (freeRecord == 0) {
                MemorySegment slab = NativeMemory.allocate((long) RECORD * SLAB_RECORDS + ALIGNMENT, OWNER);
                slab.fill((byte) 0);
                slabs.add(slab);
                for (int i = SLAB_RECORDS - 1; i >= 0; i--) {
                    putRecord(align(slab.address()) + (long) RECORD * i);
                }
                records += SLAB_RECORDS;
            }
            long handle = freeRecord;
            freeRecord = Memory.getLong(handle + SHARD);
            return handle;
        }

        private void giveMemory(long handle) {
            pool.give(Memory.ALL.asSlice(Memory.getLong(handle + MEMORY), Memory.getLong(handle + CHARGE) - OVERHEAD));
        }

        private void putRecord(long handle) {
            Memory.putLong(handle + SHARD, freeRecord);
            freeRecord = handle;
        }

        /** Under the lock; volatile only for readers of statistics. */
        @SuppressWarnings("NonAtomicVolatileUpdate")
        private void addUsed(long bytes) {
            used += bytes;
        }

        void close() {
            lock.lock();
            try {
                for (int i = 0; i < records; i++) {
                    long handle = record(i);
                    long state = (long) STATE.getVolatile(Memory.ALL, handle);
                    while (!STATE.compareAndSet(Memory.ALL, handle, state, state & PINS)) {
                        state = (long) STATE.getVolatile(Memory.ALL, handle);
                    }
                    if ((state & PINS) != 0) {
                        orphans++;
                    } else if ((state & LISTED) != 0) {
                        giveMemory(handle);
                    }
                }
                if (orphans == 0) {
                    freeSlabs();
                }
                listed = 0;
                trialCount = 0;
                trialBytes = 0;
                slots = new long[1024];
                used = 0;
            } finally {
                lock.unlock();
            }
        }

        private void freeSlabs() {
            slabs.forEach(NativeMemory::free);
            slabs.clear();
            records = 0;
            freeRecord = 0;
        }
    }
}
