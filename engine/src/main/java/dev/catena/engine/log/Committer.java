package dev.catena.engine.log;

import dev.catena.engine.StoreReadOnlyException;
import dev.catena.io.memory.Threads;
import dev.catena.io.memory.WaitWord;
import java.util.PriorityQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Commits for those who do not flush themselves: virtual threads park, others are given a future, and a platform thread flushes for
 * all of them.
 *
 * <p>A flush holds its thread in system calls. A virtual thread would hold its carrier with it: one that writes in a loop would let no
 * other run, and an owner of flushes that had lost its carrier might get none while those who hold them all wait for it.
 *
 * <p>The thread starts with the first commit. It lingers for those it has just served, as they are likely to be back soon, then
 * sleeps. It is never forgotten that somebody waits: a committer raises {@link #wanted} before it looks whether the thread is asleep,
 * and the thread says that it is asleep before it looks at {@link #wanted} for the last time.
 *
 * <p>Futures wait in a heap by position, under this object's monitor, and are completed in the common pool: what somebody hangs on to
 * one must not hold up the commits of others. When the thread ends because writing failed, they all hear of it, and those who
 * come later at once; when it ends because the log is closed, the log settles them after its last flush.
 */
final class Committer implements Runnable {
    private final Log log;
    private final AtomicLong wanted = new AtomicLong();
    private final AtomicLong begins = new AtomicLong();
    private final WaitWord done = new WaitWord();
    private final PriorityQueue<Pending> pending = new PriorityQueue<>(); // under the monitor
    private volatile @Nullable Thread thread;
    private volatile boolean asleep;
    private volatile boolean stopped;

    /** Nobody commits any more: stopped, or failed. */
    private volatile boolean ended;

    /** A future that is completed once everything before the position is durable. */
    private record Pending(long position, CompletableFuture<@Nullable Void> future) implements Comparable<Pending> {
        @Override
        public int compareTo(Pending other) {
            return Long.compare(position, other.position);
        }
    }

    Committer(Log log) {
        this.log = log;
    }

    /** A future that completes when everything before {@code position} is durable, or fails when writing has failed. */
    CompletableFuture<@Nullable Void> future(long position) {
        CompletableFuture<@Nullable Void> future = new CompletableFuture<>();
        synchronized (this) {
            pending.add(new Pending(position, future));
        }
        want(position);
        if (ended) {
            settle(true);
        }
        return future;
    }

    /** Completes the futures whose bytes are durable; and when no more will be, fails the others. */
    synchronized void settle(boolean failed) {
        long durable = log.durable();
        for (Pending first = pending.peek(); first != null && first.position <= durable; first = pending.peek()) {
            pending.remove().future.completeAsync(() -> null);
        }
        if (failed && !pending.isEmpty()) {
            StoreReadOnlyException failure = log.health().readOnly();
            for (Pending each : pending) {
                each.future.defaultExecutor().execute(() -> each.future.completeExceptionally(failure));
            }
            pending.clear();
        }
    }

    /** Waits until everything before {@code position} is durable, or writing has failed. */
    void await(long position) {
        want(position);
        while (log.durable() < position && !ended) {
            int seen = done.value();
            if (log.durable() < position && !ended) {
                done.await(seen);
            }
        }
    }

    private void want(long position) {
        begins.getAndIncrement();
        wanted.accumulateAndGet(position, Math::max);
        Thread committer = thread;
        if (committer == null) {
            start();
        } else if (asleep) {
            LockSupport.unpark(committer);
        }
    }

    private synchronized void start() {
        if (thread == null) {
            thread = Thread.ofPlatform().daemon().name("catena-commit").start(this);
        }
    }

    /** Ends the thread and waits for its end. Nobody commits any more. */
    void stop() {
        stopped = true;
        Thread committer = thread;
        if (committer != null) {
            Threads.end(committer);
        }
    }

    @Override
    public void run() {
        try {
            long flushed = 0;
            long begun = 0;
            while (!stopped) {
                long target = wanted.get();
                if (target > flushed) {
                    long before = begun;
                    begun = begins.get();
                    log.commit(target);
                    flushed = target;
                    settle(false);
                    done.wakeAll(); // also if another thread's flush was enough
                    linger(begun + (begun - before));
                } else {
                    asleep = true;
                    if (wanted.get() == flushed && !stopped) {
                        LockSupport.park(this);
                    }
                    asleep = false;
                }
            }
        } catch (RuntimeException | Error e) {
            Throwable unused = log.health().fail(e); // those who wait, and the next writer, hear of it
        } finally {
            ended = true;
            done.wakeAll();
            if (!log.health().isWell()) {
                settle(true);
            }
        }
    }

    /** Gives those who were served a moment to publish again: until so many commits have begun. */
    private void linger(long expected) {
        long deadline = System.nanoTime() + Log.LINGER_NANOS;
        while (begins.get() < expected && System.nanoTime() < deadline) {
            Thread.yield();
        }
    }
}
