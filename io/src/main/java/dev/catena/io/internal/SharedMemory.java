package dev.catena.io.internal;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.Map;

/**
 * The memory that chains live in: tables, rings, step arrays and data buffers, addressed by offset. With a steering
 * program it is the program's arena, else plain memory of this process. Layout: {@code catena_chain.h}.
 *
 * <p>Control memory (rings, step arrays) and data memory (what steps read, write, compare and store) are apart, so that
 * a step can be kept from touching the first. Allocation is by whole pages under this object's lock; it touches every page, because the steering
 * program reads an absent page as zero and loses what it writes there. Pages are kept when freed and given out again.
 *
 * <p>Field access is by plain, acquire/release or volatile methods: a name says the order it gives.
 */
public final class SharedMemory implements AutoCloseable {
    public static final int PAGE = 4096;
    /** Size without a steering program, in bytes: addresses only, backed when touched. */
    private static final long PLAIN_BYTES = 1L << 30;
    /** The part of the memory that control memory has. */
    private static final int CONTROL_PART = 8;

    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle LONG = ValueLayout.JAVA_LONG.varHandle();

    private final MemorySegment segment;
    private final long base;
    private final AutoCloseable backing;
    private final PageHeap control;
    private final PageHeap data;
    private final BitSet chains = new BitSet(ChainLayout.MAX_CHAINS);
    private final BitSet rings = new BitSet(ChainLayout.MAX_RINGS);
    private final BitSet files = new BitSet(ChainLayout.MAX_FILES);
    private final BitSet accounts = new BitSet(ChainLayout.MAX_ACCOUNTS);
    private final long filesOffset;
    private final long ringsOffset;
    private final long chainsOffset;
    private final long accountsOffset;
    private final long dataOffset;

    /** Over {@code segment}, whose first byte is page-aligned and at offset 0; {@code backing} is closed with this. */
    SharedMemory(MemorySegment segment, AutoCloseable backing) {
        this.segment = segment;
        this.base = segment.address();
        this.backing = backing;
        long tables = wholePages(ChainLayout.HEADER_OFFSET + ChainLayout.Header.BYTES);
        filesOffset = tables;
        ringsOffset = wholePages(filesOffset + (long) ChainLayout.MAX_FILES * ChainLayout.File.BYTES);
        chainsOffset = wholePages(ringsOffset + (long) ChainLayout.MAX_RINGS * ChainLayout.Ring.BYTES);
        accountsOffset = wholePages(chainsOffset + (long) ChainLayout.MAX_CHAINS * ChainLayout.Chain.BYTES);
        long heap = wholePages(accountsOffset + (long) ChainLayout.MAX_ACCOUNTS * ChainLayout.Account.BYTES);
        dataOffset = wholePages(segment.byteSize() / CONTROL_PART);
        segment.asSlice(PAGE, heap - PAGE).fill((byte) 0);
        control = new PageHeap(heap, dataOffset);
        data = new PageHeap(dataOffset, segment.byteSize());
        for (int slot = 0; slot < ChainLayout.MAX_FILES; slot++) {
            setInt(file(slot) + ChainLayout.File.FD, -1);
        }
        long header = ChainLayout.HEADER_OFFSET;
        setInt(header + ChainLayout.Header.MAGIC, ChainLayout.MAGIC);
        setInt(header + ChainLayout.Header.ABI_VERSION, ChainLayout.ABI_VERSION);
        setLong(header + ChainLayout.Header.BASE, base);
        setLong(header + ChainLayout.Header.SIZE, segment.byteSize());
        setInt(header + ChainLayout.Header.FILES, (int) filesOffset);
        setInt(header + ChainLayout.Header.RINGS, (int) ringsOffset);
        setInt(header + ChainLayout.Header.CHAINS, (int) chainsOffset);
        setInt(header + ChainLayout.Header.ACCOUNTS, (int) accountsOffset);
        setInt(header + ChainLayout.Header.DATA, (int) dataOffset);
    }

    /** Plain memory of this process. */
    static SharedMemory plain() {
        MemorySegment memory = NativeMemory.allocateZeroed(PLAIN_BYTES + PAGE, "chain memory");
        long skip = -memory.address() & (PAGE - 1);
        return new SharedMemory(memory.asSlice(skip, PLAIN_BYTES), () -> NativeMemory.free(memory));
    }

    /** Rounds up to whole pages. */
    private static long wholePages(long end) {
        return (end + PAGE - 1) & -PAGE;
    }

    public MemorySegment segment() {
        return segment;
    }

    /** {@code bytes} bytes at {@code offset}. */
    public MemorySegment segment(long offset, long bytes) {
        return segment.asSlice(offset, bytes);
    }

    /** Zeros bytes, a multiple of 8, and makes no object for it. */
    public void clear(long offset, long bytes) {
        for (long at = offset; at < offset + bytes; at += Long.BYTES) {
            setLong(at, 0);
        }
    }

    /** Address of offset 0. */
    long base() {
        return base;
    }

    /** Offset of data memory, which goes on to the end. */
    long dataOffset() {
        return dataOffset;
    }

    /**
     * Zeroed pages of data memory; the offset of the first.
     *
     * @throws OutOfMemoryError if there is no run of free pages as long as that
     */
    public synchronized long allocate(long bytes, String owner) {
        return zeroed(data, bytes, owner);
    }

    /** As {@link #allocate}, of control memory. */
    public synchronized long allocateControl(long bytes, String owner) {
        return zeroed(control, bytes, owner);
    }

    private long zeroed(PageHeap heap, long bytes, String owner) {
        long rounded = wholePages(Math.max(bytes, 1));
        long offset = heap.allocate(rounded, owner);
        segment.asSlice(offset, rounded).fill((byte) 0);
        return offset;
    }

    /** Gives pages back. AssertionError if {@code offset} is not the start of a live allocation. */
    public synchronized void free(long offset) {
        if (!(offset < dataOffset ? control : data).free(offset)) {
            throw new AssertionError("free of chain memory that is not allocated (freed twice?): offset " + offset);
        }
    }

    /** Bytes in use, by owner. */
    public synchronized Map<String, Long> inUse() {
        Map<String, Long> both = control.inUse();
        data.inUse().forEach((owner, bytes) -> both.merge(owner, bytes, Long::sum));
        return both;
    }

    /** Number of a new account of {@code lane} for chains of {@code kind}; the last one, shared, when there is no other. */
    public synchronized int allocateAccount(int lane, String kind, boolean resident) {
        int number = Math.min(accounts.nextClearBit(0), ChainLayout.MAX_ACCOUNTS - 1);
        accounts.set(number);
        long account = account(number);
        byte[] name = kind.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(name.length, ChainLayout.Account.IN_USE);
        MemorySegment.copy(name, 0, segment, ValueLayout.JAVA_BYTE, account + ChainLayout.Account.KIND, length);
        setInt(account + ChainLayout.Account.LANE, lane);
        setInt(account + ChainLayout.Account.RESIDENT, resident ? 1 : 0);
        setIntRelease(account + ChainLayout.Account.IN_USE, 1);
        return number;
    }

    /** Number of a free chain, zeroed. */
    public synchronized int allocateChain() {
        int number = take(chains, ChainLayout.MAX_CHAINS, "chains");
        segment.asSlice(chain(number), ChainLayout.Chain.BYTES).fill((byte) 0);
        return number;
    }

    public synchronized void freeChain(int number) {
        give(chains, number, "chain");
    }

    synchronized int allocateRing() {
        int number = take(rings, ChainLayout.MAX_RINGS, "rings");
        segment.asSlice(ring(number), ChainLayout.Ring.BYTES).fill((byte) 0);
        return number;
    }

    synchronized void freeRing(int number) {
        give(rings, number, "ring");
        setInt(ring(number) + ChainLayout.Ring.SQES, 0);
    }

    /** Number of a slot of the file table that now stands for {@code fd}. */
    public synchronized int allocateFile(int fd) {
        int slot = take(files, ChainLayout.MAX_FILES, "open files");
        setInt(file(slot) + ChainLayout.File.FD, fd);
        setInt(file(slot) + ChainLayout.File.IN_USE, 1);
        return slot;
    }

    public synchronized void freeFile(int slot) {
        give(files, slot, "file slot");
        setInt(file(slot) + ChainLayout.File.FD, -1);
        setInt(file(slot) + ChainLayout.File.IN_USE, 0);
    }

    private static int take(BitSet set, int limit, String what) {
        int number = set.nextClearBit(0);
        if (number >= limit) {
            throw new IllegalStateException("too many " + what + ": at most " + limit);
        }
        set.set(number);
        return number;
    }

    private static void give(BitSet set, int number, String what) {
        if (!set.get(number)) {
            throw new AssertionError(what + " " + number + " is not allocated (freed twice?)");
        }
        set.clear(number);
    }

    /** The account table. */
    public MemorySegment accounts() {
        return segment.asSlice(accountsOffset, (long) ChainLayout.MAX_ACCOUNTS * ChainLayout.Account.BYTES);
    }

    /** The ring table. */
    public MemorySegment rings() {
        return segment.asSlice(ringsOffset, (long) ChainLayout.MAX_RINGS * ChainLayout.Ring.BYTES);
    }

    public long chain(int number) {
        return chainsOffset + (long) number * ChainLayout.Chain.BYTES;
    }

    long ring(int number) {
        return ringsOffset + (long) number * ChainLayout.Ring.BYTES;
    }

    public long account(int number) {
        return accountsOffset + (long) number * ChainLayout.Account.BYTES;
    }

    long file(int slot) {
        return filesOffset + (long) slot * ChainLayout.File.BYTES;
    }

    /** Offset of step {@code index} of a chain. */
    public long step(long chain, int index) {
        int slot = index & (getInt(chain + ChainLayout.Chain.CAPACITY) - 1);
        return Integer.toUnsignedLong(getInt(chain + ChainLayout.Chain.STEPS)) + (long) slot * ChainLayout.Step.BYTES;
    }

    public byte getByte(long offset) {
        return segment.get(ValueLayout.JAVA_BYTE, offset);
    }

    public void setByte(long offset, int value) {
        segment.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    }

    public int getShort(long offset) {
        return Short.toUnsignedInt(segment.get(ValueLayout.JAVA_SHORT, offset));
    }

    public void setShort(long offset, int value) {
        segment.set(ValueLayout.JAVA_SHORT, offset, (short) value);
    }

    public int getInt(long offset) {
        return segment.get(ValueLayout.JAVA_INT, offset);
    }

    public void setInt(long offset, int value) {
        segment.set(ValueLayout.JAVA_INT, offset, value);
    }

    public long getLong(long offset) {
        return segment.get(ValueLayout.JAVA_LONG, offset);
    }

    public void setLong(long offset, long value) {
        segment.set(ValueLayout.JAVA_LONG, offset, value);
    }

    public int getIntAcquire(long offset) {
        return (int) INT.getAcquire(segment, offset);
    }

    public void setIntRelease(long offset, int value) {
        INT.setRelease(segment, offset, value);
    }

    public int getIntVolatile(long offset) {
        return (int) INT.getVolatile(segment, offset);
    }

    /** A store with a full barrier behind it. */
    public void setIntVolatile(long offset, int value) {
        INT.setVolatile(segment, offset, value);
        VarHandle.fullFence();
    }

    /** Exchanges an aligned u32, with full barriers. */
    int getAndSetInt(long offset, int value) {
        return (int) INT.getAndSet(segment, offset, value);
    }

    /** Adds to an aligned u32, with full barriers. */
    int getAndAddInt(long offset, int value) {
        return (int) INT.getAndAdd(segment, offset, value);
    }

    /** Exchanges an aligned u64, with full barriers. */
    long getAndSetLong(long offset, long value) {
        return (long) LONG.getAndSet(segment, offset, value);
    }

    public long getLongAcquire(long offset) {
        return (long) LONG.getAcquire(segment, offset);
    }

    @Override
    public void close() {
        try {
            backing.close();
        } catch (Exception e) {
            throw new IllegalStateException("closing the chain memory failed", e);
        }
    }
}
