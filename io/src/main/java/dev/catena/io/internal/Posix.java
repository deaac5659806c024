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
 * <p>Linux only. Thread safe: the error number is captured into a segment of the calling thread.
 */
public final class Posix {
    public static final int O_RDONLY = 0;
    public static final int O_RDWR = 2;
    public static final int O_CREAT = 0x40;
    public static final int O_TRUNC = 0x200;
    public static final int O_CLOEXEC = 0x80000;
    public static final int O_DIRECT = System.getProperty("os.arch").equals("aarch64") ? 0x10000 : 0x4000;

    private static final int SYS_IO_URING_SETUP = 425;
    private static final int SYS_IO_URING_ENTER = 426;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO_VALUE = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final ThreadLocal<MemorySegment> CAPTURED =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(STATE));

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

    private static final MethodHandle OPEN = LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("open"),
            FunctionDescriptor.of(INT, ValueLayout.ADDRESS, INT, INT),
            ERRNO,
            Linker.Option.firstVariadicArg(2));
    private static final MethodHandle CLOSE = handle("close", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle DUP = handle("dup", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle DUP3 = handle("dup3", FunctionDescriptor.of(INT, INT, INT, INT));
    private static final MethodHandle PREAD = handle("pread", FunctionDescriptor.of(LONG, INT, LONG, LONG, LONG));
    private static final MethodHandle PWRITE = handle("pwrite", FunctionDescriptor.of(LONG, INT, LONG, LONG, LONG));
    private static final MethodHandle LSEEK = handle("lseek", FunctionDescriptor.of(LONG, INT, LONG, INT));
    private static final MethodHandle FTRUNCATE = handle("ftruncate", FunctionDescriptor.of(INT, INT, LONG));
    private static final MethodHandle FALLOCATE = handle("fallocate", FunctionDescriptor.of(INT, INT, INT, LONG, LONG));
    private static final MethodHandle FDATASYNC = handle("fdatasync", FunctionDescriptor.of(INT, INT));
    private static final MethodHandle FADVISE =
            handle("posix_fadvise", FunctionDescriptor.of(INT, INT, LONG, LONG, INT));
    private static final MethodHandle SETUP = LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("syscall"),
            FunctionDescriptor.of(LONG, LONG, INT, ValueLayout.ADDRESS),
            ERRNO,
            Linker.Option.firstVariadicArg(1));
    private static final MethodHandle ENTER = LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("syscall"),
            FunctionDescriptor.of(LONG, LONG, INT, INT, INT, INT, LONG, LONG),
            ERRNO,
            Linker.Option.firstVariadicArg(1));

    private Posix() {}

    private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), descriptor, ERRNO);
    }

    private static long result(long value, MemorySegment captured) {
        return value >= 0 ? value : -(int) ERRNO_VALUE.get(captured, 0L);
    }

    /** open(2); a descriptor. */
    public static int open(Path path, int flags) {
        MemorySegment captured = CAPTURED.get();
        try (Arena arena = Arena.ofConfined()) {
            return (int) result(
                    (int) OPEN.invokeExact(captured, arena.allocateFrom(path.toString()), flags | O_CLOEXEC, 0644),
                    captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** close(2). */
    public static int close(int fd) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int) result((int) CLOSE.invokeExact(captured, fd), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** dup(2); a descriptor. */
    static int duplicate(int fd) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int) result((int) DUP.invokeExact(captured, fd), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** dup3(2): {@code target} becomes another descriptor of what {@code fd} stands for. */
    static int replace(int fd, int target) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int) result((int) DUP3.invokeExact(captured, fd, target, O_CLOEXEC), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** pread(2) into memory at {@code address}; bytes read, 0 at end of file. */
    public static long pread(int fd, long address, long length, long position) {
        MemorySegment captured = CAPTURED.get();
        try {
            return result((long) PREAD.invokeExact(captured, fd, address, length, position), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** pwrite(2) from memory at {@code address}; bytes written. */
    public static long pwrite(int fd, long address, long length, long position) {
        MemorySegment captured = CAPTURED.get();
        try {
            return result((long) PWRITE.invokeExact(captured, fd, address, length, position), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** The file's length in bytes, by lseek(2) to its end: nobody uses the descriptor's own position. */
    public static long length(int fd) {
        MemorySegment captured = CAPTURED.get();
        try {
            return result((long) LSEEK.invokeExact(captured, fd, 0L, 2), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** ftruncate(2). */
    public static int truncate(int fd, long length) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int) result((int) FTRUNCATE.invokeExact(captured, fd, length), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** fallocate(2), mode 0: blocks for the first {@code length} bytes, and at least that length. */
    public static int preallocate(int fd, long length) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int) result((int) FALLOCATE.invokeExact(captured, fd, 0, 0L, length), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** fdatasync(2). */
    public static int dataSync(int fd) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int) result((int) FDATASYNC.invokeExact(captured, fd), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** posix_fadvise(2) POSIX_FADV_RANDOM for the whole file: no read-ahead. */
    public static int adviseRandom(int fd) {
        MemorySegment captured = CAPTURED.get();
        try {
            return -(int) FADVISE.invokeExact(captured, fd, 0L, 0L, 1);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** io_uring_setup(2); a descriptor. */
    static int ringSetup(int entries, MemorySegment params) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int)
                    result((long) SETUP.invokeExact(captured, (long) SYS_IO_URING_SETUP, entries, params), captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** io_uring_enter(2); requests submitted. */
    static int ringEnter(int fd, int submit, int complete, int flags, long argument, long argumentBytes) {
        MemorySegment captured = CAPTURED.get();
        try {
            return (int) result(
                    (long) ENTER.invokeExact(
                            captured, (long) SYS_IO_URING_ENTER, fd, submit, complete, flags, argument, argumentBytes),
                    captured);
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static AssertionError unexpected(Throwable e) {
        return new AssertionError("a downcall threw", e);
    }
}
