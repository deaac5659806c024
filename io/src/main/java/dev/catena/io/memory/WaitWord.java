package dev.catena.io.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A counter that threads wait on and are woken from, all by one system call: what unparking one by one costs a call and
 * a lock each. On Linux a futex; elsewhere a monitor.
 *
 * <p>Nobody is forgotten: a waiter reads {@link #value} first, then looks whether it must wait, then waits for the value
 * to change; whoever changes what waiters look at does so before {@link #wakeAll} or {@link #wakeOne}, which change the
 * value. Waits are not interruptible and may end early. Thread safe.
 */
public final class WaitWord {
    private static final int WAIT_PRIVATE = 128;
    private static final int WAKE_PRIVATE = 129;
    private static final long FUTEX = System.getProperty("os.arch").equals("aarch64") ? 98 : 202;
    private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle();
    private static final @Nullable MethodHandle SYSCALL = syscall();

    private final MemorySegment word = Arena.ofAuto().allocate(64, 64);
    private final AtomicInteger waiters = new AtomicInteger();

    private static @Nullable MethodHandle syscall() {
        if (!System.getProperty("os.name").equals("Linux")) {
            return null;
        }
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("syscall"),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.ADDRESS,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG),
                Linker.Option.firstVariadicArg(1));
    }

    /** To be read before looking whether to wait. */
    public int value() {
        return (int) WORD.getVolatile(word, 0L);
    }

    /** Waits while the value is {@code seen}; may return early. */
    @SuppressWarnings("WaitNotInLoop") // may end early: the caller looks again
    public void await(int seen) {
        waiters.incrementAndGet();
        if (SYSCALL != null) {
            futex(WAIT_PRIVATE, seen);
        } else {
            synchronized (this) {
                boolean interrupted = false;
                while (value() == seen && !interrupted) {
                    try {
                        wait();
                    } catch (InterruptedException e) {
                        interrupted = true;
                    }
                }
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        }
        waiters.decrementAndGet();
    }

    /** Threads that wait, or are about to. */
    public int waiting() {
        return waiters.get();
    }

    /** Changes the value and wakes everybody. */
    public void wakeAll() {
        wake(Integer.MAX_VALUE);
    }

    /** Changes the value and wakes one who waits. */
    public void wakeOne() {
        wake(1);
    }

    private void wake(int count) {
        if (SYSCALL != null) {
            int unused = (int) WORD.getAndAdd(word, 0L, 1);
            if (waiters.get() > 0) {
                futex(WAKE_PRIVATE, count);
            }
        } else {
            synchronized (this) {
                int unused = (int) WORD.getAndAdd(word, 0L, 1);
                notifyAll();
            }
        }
    }

    private void futex(int operation, long argument) {
        MethodHandle syscall = SYSCALL;
        if (syscall == null) {
            throw new AssertionError("no futex here");
        }
        try {
            long unused = (long) syscall.invokeExact(FUTEX, word, (long) operation, argument, 0L);
        } catch (Throwable e) {
            throw new AssertionError("a downcall threw", e);
        }
    }
}
