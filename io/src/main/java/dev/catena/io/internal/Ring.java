package dev.catena.io.internal;

import dev.catena.io.internal.ChainLayout.File;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One io_uring whose queues live in the shared memory (IORING_SETUP_NO_MMAP), so that this process, the kernel and the
 * steering program see the same words.
 *
 * <pre>
 *   queues: struct io_rings (head, tail, ... of both queues), then cqes[cq_entries] of 16 bytes {u64 user_data; s32 res; u32 flags}
 *   sqes:   struct io_uring_sqe[sq_entries] of 64 bytes {u8 opcode; u8 flags; u16; s32 fd; u64 off; u64 addr; u32 len; u32 op_flags; u64 user_data; ...}
 * </pre>
 *
 * The order of SQEs is that of the array (IORING_SETUP_NO_SQARRAY). Not thread safe, but for {@link #enter}.
 *
 * <p>A closed ring's memory is not given out again: the kernel takes a ring down after close(2) has returned, and may
 * store its completion tail once more on the way. Rings are few, and kept for reuse by lanes, so this costs little.
 */
final class Ring implements AutoCloseable {
    static final long NONE = -1;
    private static final String OWNER = "rings";
    static final int SETUP_SQPOLL = 1 << 1;
    private static final int SETUP_ATTACH_WQ = 1 << 5;
    static final int SETUP_COOP_TASKRUN = 1 << 8;
    static final int SETUP_SINGLE_ISSUER = 1 << 12;
    static final int SETUP_DEFER_TASKRUN = 1 << 13;
    private static final int SETUP_CQSIZE = 1 << 3;
    private static final int SETUP_SUBMIT_ALL = 1 << 7;
    private static final int SETUP_NO_MMAP = 1 << 14;
    private static final int SETUP_NO_SQARRAY = 1 << 16;

    private static final int ENTER_GETEVENTS = 1;
    private static final int ENTER_SQ_WAKEUP = 1 << 1;
    private static final int SQ_NEED_WAKEUP = 1;
    private static final int REGISTER_PROBE = 8;

    private static final int OP_NOP = 0;
    private static final int OP_FSYNC = 3;
    private static final int OP_FALLOCATE = 17;
    private static final int OP_READ = 22;
    private static final int OP_WRITE = 23;
    private static final int OP_MSG_RING = 40;
    private static final int OP_FTRUNCATE = 55;
    private static final int FSYNC_DATASYNC = 1;
    private static final int NOP_INJECT_RESULT = 1;
    private static final int CQE_SKIP_SUCCESS = 1 << 6;
    private static final int SQE_BYTES = 64;
    private static final int CQE_BYTES = 16;

    private final SharedMemory memory;
    private final long queues;
    private final long sqes;
    private final int descriptor;
    private final long sqHead;
    private final long sqTail;
    private final long sqFlags;
    private final long cqHead;
    private final long cqTail;
    private final long cqes;
    private final int sqEntries;
    private final int cqMask;
    private boolean closed;
    private boolean held;
    private int heldTail;

    /** A ring that its user submits by {@link #enter}. */
    Ring(SharedMemory memory, int entries, int completions, int flags) {
        this(memory, entries, completions, flags, 0, null);
    }

    /**
     * @param entries of the submission queue, a power of two; the completion queue has {@code completions}
     * @param idleMillis that the submission thread polls before it sleeps, with SETUP_SQPOLL
     * @param sharer a ring whose submission thread serves this one too; null for a thread of its own
     * @throws RingException if the kernel refuses
     */
    Ring(SharedMemory memory, int entries, int completions, int flags, int idleMillis, @Nullable Ring sharer) {
        this.memory = memory;
        queues = memory.allocateControl(1024 + (long) completions * CQE_BYTES, OWNER);
        sqes = memory.allocateControl((long) entries * SQE_BYTES, OWNER);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(120, 8);
            params.set(ValueLayout.JAVA_INT, 4, completions);
            params.set(
                    ValueLayout.JAVA_INT,
                    8,
                    flags
                            | SETUP_CQSIZE
                            | SETUP_SUBMIT_ALL
                            | SETUP_NO_MMAP
                            | SETUP_NO_SQARRAY
                            | (sharer == null ? 0 : SETUP_ATTACH_WQ));
            params.set(ValueLayout.JAVA_INT, 16, idleMillis);
            params.set(ValueLayout.JAVA_INT, 24, sharer == null ? 0 : sharer.descriptor);
            params.set(ValueLayout.JAVA_LONG, 40 + 32, memory.base() + sqes);
            params.set(ValueLayout.JAVA_LONG, 80 + 32, memory.base() + queues);
            descriptor = Posix.ringSetup(entries, params);
            if (descriptor < 0) {
                memory.free(queues);
                memory.free(sqes);
                throw new RingException("io_uring_setup", -descriptor);
            }
            sqHead = queues + params.get(ValueLayout.JAVA_INT, 40);
            sqTail = queues + params.get(ValueLayout.JAVA_INT, 44);
            sqFlags = queues + params.get(ValueLayout.JAVA_INT, 56);
            cqHead = queues + params.get(ValueLayout.JAVA_INT, 80);
            cqTail = queues + params.get(ValueLayout.JAVA_INT, 84);
            cqes = queues + params.get(ValueLayout.JAVA_INT, 100);
            sqEntries = params.get(ValueLayout.JAVA_INT, 0);
            cqMask = params.get(ValueLayout.JAVA_INT, 4) - 1;
        }
    }

    /** Throws a {@link RingException} unless the kernel knows all that steps do: since Linux 6.9. */
    static void requireOperations(SharedMemory memory) {
        try (Ring ring = new Ring(memory, 1, 2, 0);
                Arena arena = Arena.ofConfined()) {
            MemorySegment probe = arena.allocate(16, 8); // struct io_uring_probe without operations: {u8 last_op; ...}
            int result = Posix.ringRegister(ring.descriptor, REGISTER_PROBE, probe, 0);
            if (result < 0 || Byte.toUnsignedInt(probe.get(ValueLayout.JAVA_BYTE, 0)) < OP_FTRUNCATE) {
                throw new RingException("io_uring without ftruncate", Errno.EINVAL);
            }
        }
    }

    int descriptor() {
        return descriptor;
    }

    /** Writes the ring's places into its entry of the ring table. */
    void describe(int number, boolean resident) {
        long entry = memory.ring(number);
        memory.setInt(entry + ChainLayout.Ring.SQ_HEAD, (int) sqHead);
        memory.setInt(entry + ChainLayout.Ring.SQ_TAIL, (int) sqTail);
        memory.setInt(entry + ChainLayout.Ring.CQ_HEAD, (int) cqHead);
        memory.setInt(entry + ChainLayout.Ring.CQ_TAIL, (int) cqTail);
        memory.setInt(entry + ChainLayout.Ring.SQES, (int) sqes);
        memory.setInt(entry + ChainLayout.Ring.CQES, (int) cqes);
        memory.setInt(entry + ChainLayout.Ring.SQ_MASK, sqEntries - 1);
        memory.setInt(entry + ChainLayout.Ring.CQ_MASK, cqMask);
        memory.setInt(entry + ChainLayout.Ring.RESIDENT, resident ? 1 : 0);
    }

    /** Whether there is a free SQE, {@code reserved} of them aside, and place for one more completion than {@code inFlight}. */
    boolean hasRoom(int inFlight, int reserved) {
        return inFlight <= cqMask && pending() < sqEntries - reserved;
    }

    /** SQEs written and not yet taken by the kernel. */
    int pending() {
        return tail() - memory.getIntAcquire(sqHead);
    }

    private int tail() {
        return held ? heldTail : memory.getInt(sqTail);
    }

    /** From now to {@link #flush} requests are written and not shown to the kernel. Nobody else writes any. */
    void hold() {
        heldTail = memory.getInt(sqTail);
        held = true;
    }

    /** Shows the kernel what was written since {@link #hold}. */
    void flush() {
        held = false;
        memory.setIntRelease(sqTail, heldTail);
    }

    /** A step's request, see {@link Interpreter.Requests#issue}. There is room. */
    void issue(int opcode, int slot, long buffer, int length, long position, int rwFlags, long userData) {
        int fd = opcode == ChainLayout.NOP ? -1 : memory.getInt(memory.file(slot) + File.FD);
        switch (opcode) {
            case ChainLayout.NOP -> push(OP_NOP, 0, -1, 0, 0, 0, 0, userData);
            case ChainLayout.SYNC -> push(OP_FSYNC, 0, fd, 0, 0, 0, FSYNC_DATASYNC, userData);
            case ChainLayout.READ -> push(OP_READ, 0, fd, position, memory.base() + buffer, length, rwFlags, userData);
            case ChainLayout.WRITE ->
                push(OP_WRITE, 0, fd, position, memory.base() + buffer, length, rwFlags, userData);
            case ChainLayout.RESERVE ->
                push(OP_FALLOCATE, 0, fd, position, Integer.toUnsignedLong(length), 0, 0, userData);
            case ChainLayout.TRUNCATE -> push(OP_FTRUNCATE, 0, fd, position, 0, 0, 0, userData);
            default -> throw new AssertionError("opcode " + opcode);
        }
    }

    /** A request that does nothing and completes with {@code result}. */
    void issueFault(int result, long userData) {
        push(OP_NOP, 0, -1, 0, 0, result, NOP_INJECT_RESULT, userData);
    }

    /** A message for another ring, which gets a completion with {@code userData}; a failure completes here, with the same. */
    void message(int ring, long userData) {
        push(OP_MSG_RING, CQE_SKIP_SUCCESS, ring, userData, 0, 0, 0, userData);
    }

    private void push(int opcode, int flags, int fd, long off, long addr, int length, int opFlags, long userData) {
        int tail = tail();
        long sqe = sqes + (long) (tail & (sqEntries - 1)) * SQE_BYTES;
        memory.setLong(sqe, opcode | (long) flags << 8 | (long) fd << 32);
        memory.setLong(sqe + 8, off);
        memory.setLong(sqe + 16, addr);
        memory.setLong(sqe + 24, Integer.toUnsignedLong(length) | (long) opFlags << 32);
        memory.setLong(sqe + 32, userData);
        memory.setLong(sqe + 40, 0);
        memory.setLong(sqe + 48, 0);
        memory.setLong(sqe + 56, 0);
        if (held) {
            heldTail = tail + 1;
        } else {
            memory.setIntRelease(sqTail, tail + 1);
        }
    }

    /** The place in the completion queue's sequence of the first completion that nobody has taken, or {@link #NONE}. */
    long firstCompletion() {
        int head = memory.getIntVolatile(cqHead);
        // The program may take a completion before the kernel shows it: then the head is ahead.
        return memory.getIntVolatile(cqTail) - head > 0 ? Integer.toUnsignedLong(head) : NONE;
    }

    boolean hasCompletion() {
        return memory.getInt(cqHead) != memory.getIntAcquire(cqTail);
    }

    /** user_data of the completion at the head of the queue. */
    long completionData() {
        return memory.getLong(cqes + (long) (memory.getInt(cqHead) & cqMask) * CQE_BYTES);
    }

    int completionResult() {
        return memory.getInt(cqes + (long) (memory.getInt(cqHead) & cqMask) * CQE_BYTES + 8);
    }

    void takeCompletion() {
        memory.setIntRelease(cqHead, memory.getInt(cqHead) + 1);
    }

    /** Submits {@code submit} requests and waits for {@code complete} completions; what the call returned. */
    int enter(int submit, int complete) {
        return Posix.ringEnter(descriptor, submit, complete, complete > 0 ? ENTER_GETEVENTS : 0, 0, 0);
    }

    /** Submits {@code submit} requests and runs completions that are ready without waiting; what the call returned. */
    int poll(int submit) {
        return Posix.ringEnter(descriptor, submit, 0, ENTER_GETEVENTS, 0, 0);
    }

    /** Whether the submission thread sleeps, or is about to, and may not have seen what was written before: then it has to be woken. */
    boolean needsWakeup() {
        VarHandle.fullFence(); // the SQ tail, whoever wrote it, before the flags
        return (memory.getIntAcquire(sqFlags) & SQ_NEED_WAKEUP) != 0;
    }

    /** Wakes the submission thread by this ring if it sleeps; whether that took a system call. */
    boolean wake() {
        if (!needsWakeup()) {
            return false;
        }
        Posix.ringEnter(descriptor, 0, 0, ENTER_SQ_WAKEUP, 0, 0);
        return true;
    }

    @Override
    public void close() {
        if (closed) {
            throw new AssertionError("ring closed twice");
        }
        closed = true;
        Posix.close(descriptor);
    }
}
