package dev.catena.io.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A counter that threads wait on and are woken from. Platform threads sleep on a futex, all woken by one system call: what
 * unparking one by one costs a call and a lock each. Virtual threads park, and leave their carrier to others, among whom may be
 * the one who is to wake them; where there is no futex (outside Linux) all threads park.
 *
 * <p>Nobody is forgotten: a waiter reads {@link #value} first, then looks whether it must wait, then waits for the value
 * to change; whoever changes what waiters look at does so before {@link #wakeAll} or {@link #wakeOne}, which change the
 * value. Who parks is listed before it looks at the value, and the list is read after the value has changed; who is taken from
 * the list returns only after that, and sees all that came before it. Waits are not interruptible and may end early. Thread safe.
 */
public final class WaitWord {
    private static final int WAIT_PRIVATE = 128;
    private static final int WAKE_PRIVATE = 129;
    private static final long FUTEX = System.getProperty("os.arch").equals("aarch64") ? 98 : 202;
    private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle();
    private static final @Nullable MethodHandle SYSCALL = syscall();

    private final MemorySegment word = Arena.ofAuto().allocate(64, 64);
    private final AtomicInteger sleepers = new AtomicInteger();
    private final ConcurrentLinkedQueue<Parked> parked = new ConcurrentLinkedQueue<>();
    private final AtomicInteger parkers = new AtomicInteger();

    /** A thread that parks until it is woken. */
    private static final class Parked {
        final Thread thread = Thread.currentThread();
        volatile boolean woken;
    }

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
    public void await(int seen) {
        if (SYSCALL != null && !Thread.currentThread().isVirtual()) {
            sleepers.incrementAndGet();
            futex(WAIT_PRIVATE, seen);
            sleepers.decrementAndGet();
        } else {
            park(seen);
        }
    }

    private void park(int seen) {
        Parked self = new Parked();
        boolean interrupted = false;
        parkers.incrementAndGet();
        parked.add(self);
        while (!self.woken && value() == seen) {
            LockSupport.park(this);
            interrupted |= Thread.interrupted(); // parking would return at once
        }
        if (!self.woken) {
            parked.remove(self);
        }
        parkers.decrementAndGet();
        if (interrupted) {
            self.thread.interrupt();
        }
    }

    /** Threads that wait, or are about to. */
    public int waiting() {
        return sleepers.get() + parkers.get();
    }

    /** Changes the value and wakes everybody. */
    public void wakeAll() {
        wake(Integer.MAX_VALUE);
    }

    /**
     * Changes the value and wakes one who waits; one of each kind if virtual threads wait as well as platform threads, since a
     * virtual thread that was woken may have to wait for a carrier first.
     */
    public void wakeOne() {
        wake(1);
    }

    private void wake(int count) {
        int unused = (int) WORD.getAndAdd(word, 0L, 1);
        if (sleepers.get() > 0) {
            futex(WAKE_PRIVATE, count);
        }
        for (int left = Math.min(count, parkers.get()); left > 0; left--) {
            Parked next = parked.poll();
            if (next == null) {
                break;
            }
            next.woken = true;
            LockSupport.unpark(next.thread);
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
