package dev.catena.io.internal;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;

/**
 * The system calls that chains need, as raw calls: every method returns the result, or the negative error number.
 * Nothing here throws for a failed call; {@link dev.catena.io.chain.ChainIoException} is made by the callers, who know
 * the file.
 *
 * <p>One method handle calls all of them, with seven numbers of 64 bits: the processors that there are pass integers and pointers in
 * registers, one each, and who is called looks at no more than it has parameters (a variadic function neither, as none gets floating point).
 * A handle for each shape would be a class for each, made when a store is opened.
 *
 * <p>Linux only. Thread safe: the error number is captured into a segment of the calling thread.
 */
public final class Posix {
    public static final int O_RDONLY = 0;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0x40;
    public static final int O_TRUNC = 0x200;
    public static final int O_CLOEXEC = 0x80000;
    public static final int O_DIRECT = System.getProperty("os.arch").equals("aarch64") ? 0x10000 : 0x4000;

    private static final int SYS_FUTEX = System.getProperty("os.arch").equals("aarch64") ? 98 : 202;
    private static final int FUTEX_WAIT_PRIVATE = 128;
    private static final int FUTEX_WAKE_PRIVATE = 129;
    private static final int SYS_IO_URING_SETUP = 425;
    private static final int SYS_IO_URING_ENTER = 426;
    private static final int SYS_IO_URING_REGISTER = 427;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO_VALUE = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final ThreadLocal<MemorySegment> CAPTURED =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(STATE));

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

    /** Calls any of them: see the class. */
    private static final MethodHandle CALL =
            LINKER.downcallHandle(FunctionDescriptor.of(LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG), ERRNO);

    private static final MemorySegment OPEN = function("open");
    private static final MemorySegment CLOSE = function("close");
    private static final MemorySegment DUP = function("dup");
    private static final MemorySegment DUP3 = function("dup3");
    private static final MemorySegment PREAD = function("pread");
    private static final MemorySegment PWRITE = function("pwrite");
    private static final MemorySegment LSEEK = function("lseek");
    private static final MemorySegment FTRUNCATE = function("ftruncate");
    private static final MemorySegment FDATASYNC = function("fdatasync");
    private static final MemorySegment FADVISE = function("posix_fadvise");
    private static final MemorySegment SYSCALL = function("syscall");

    private Posix() {}

    private static MemorySegment function(String name) {
        return LINKER.defaultLookup().findOrThrow(name);
    }

    private static long call(MemorySegment function, long a, long b, long c, long d, long e, long f, long g) {
        MemorySegment captured = CAPTURED.get();
        try {
            return result((long) CALL.invokeExact(function, captured, a, b, c, d, e, f, g), captured);
        } catch (Throwable t) {
            throw new AssertionError("a downcall threw", t);
        }
    }

    /** Calls a function that returns an int: of the register's other half it says nothing. */
    private static int callInt(MemorySegment function, long a, long b, long c, long d) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int) result((int) (long) CALL.invokeExact(function, captured, a, b, c, d, 0L, 0L, 0L), captured);
        } catch (Throwable t) {
            throw new AssertionError("a downcall threw", t);
        }
    }

    private static long result(long value, MemorySegment captured) {
        return value >= 0 ? value : -(int) ERRNO_VALUE.get(captured, 0L);
    }

    /** open(2); a descriptor. */
    public static int open(Path path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return callInt(OPEN, arena.allocateFrom(path.toString()).address(), flags | O_CLOEXEC, 0644, 0);
        }
    }

    /** close(2). */
    public static int close(int fd) {
        return callInt(CLOSE, fd, 0, 0, 0);
    }

    /** dup(2); a descriptor. */
    static int duplicate(int fd) {
        return callInt(DUP, fd, 0, 0, 0);
    }

    /** dup3(2): {@code target} becomes another descriptor of what {@code fd} stands for. */
    static int replace(int fd, int target) {
        return callInt(DUP3, fd, target, O_CLOEXEC, 0);
    }

    /** pread(2) into memory at {@code address}; bytes read, 0 at end of file. */
    public static long pread(int fd, long address, long length, long position) {
        return call(PREAD, fd, address, length, position, 0, 0, 0);
    }

    /** pwrite(2) from memory at {@code address}; bytes written. */
    public static long pwrite(int fd, long address, long length, long position) {
        return call(PWRITE, fd, address, length, position, 0, 0, 0);
    }

    /** The file's length in bytes, by lseek(2) to its end: nobody uses the descriptor's own position. */
    public static long length(int fd) {
        return call(LSEEK, fd, 0, 2, 0, 0, 0, 0);
    }

    /** ftruncate(2). */
    public static int truncate(int fd, long length) {
        return callInt(FTRUNCATE, fd, length, 0, 0);
    }

    /** fdatasync(2). */
    public static int dataSync(int fd) {
        return callInt(FDATASYNC, fd, 0, 0, 0);
    }

    /** posix_fadvise(2) POSIX_FADV_RANDOM for the whole file: no read-ahead. */
    public static int adviseRandom(int fd) {
        return -callInt(FADVISE, fd, 0, 0, 1);
    }

    /**
     * futex(2) FUTEX_WAIT_PRIVATE: sleeps while the u32 at {@code address} is {@code value}, as long as {@code timeout} at most.
     *
     * @param timeout a struct timespec
     */
    static int futexWait(long address, int value, MemorySegment timeout) {
        return (int) call(SYSCALL, SYS_FUTEX, address, FUTEX_WAIT_PRIVATE, value, timeout.address(), 0, 0);
    }

    /** futex(2) FUTEX_WAKE_PRIVATE of one who sleeps on the u32 at {@code address}. */
    static int futexWake(long address) {
        return (int) call(SYSCALL, SYS_FUTEX, address, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
    }

    /** io_uring_setup(2); a descriptor. */
    static int ringSetup(int entries, MemorySegment params) {
        return (int) call(SYSCALL, SYS_IO_URING_SETUP, entries, params.address(), 0, 0, 0, 0);
    }

    /** io_uring_register(2). */
    static int ringRegister(int fd, int what, MemorySegment argument, int count) {
        return (int) call(SYSCALL, SYS_IO_URING_REGISTER, fd, what, argument.address(), count, 0, 0);
    }

    /** io_uring_enter(2); requests submitted. */
    static int ringEnter(int fd, int submit, int complete, int flags, long argument, long argumentBytes) {
        return (int) call(SYSCALL, SYS_IO_URING_ENTER, fd, submit, complete, flags, argument, argumentBytes);
    }
}
