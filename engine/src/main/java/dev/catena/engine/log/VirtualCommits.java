package dev.catena.engine.log;

import dev.catena.io.memory.WaitWord;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Commits for virtual threads: they park, and a platform thread flushes for all of them.
 *
 * <p>A flush holds its thread in system calls. A virtual thread would hold its carrier with it: one that writes in a loop would let no
 * other run, and an owner of flushes that had lost its carrier might get none while those who hold them all wait for it.
 *
 * <p>The thread starts with the first commit. It lingers for those it has just served, as they are likely to be back soon, then
 * sleeps. It is never forgotten that somebody waits: a committer raises {@link #wanted} before it looks whether the thread is asleep,
 * and the thread says that it is asleep before it looks at {@link #wanted} for the last time.
 */
final class VirtualCommits implements Runnable {
    private final Log log;
    private final AtomicLong wanted = new AtomicLong();
    private final AtomicLong begins = new AtomicLong();
    private final WaitWord done = new WaitWord();
    private volatile @Nullable Thread thread;
    private volatile boolean asleep;
    private volatile boolean stopped;

    /** Nobody commits any more: stopped, or failed. */
    private volatile boolean ended;

    VirtualCommits(Log log) {
        this.log = log;
    }

    /** Waits until everything before {@code position} is durable, or writing has failed. */
    void await(long position) {
        begins.getAndIncrement();
        wanted.accumulateAndGet(position, Math::max);
        Thread committer = thread;
        if (committer == null) {
            start();
        } else if (asleep) {
            LockSupport.unpark(committer);
        }
        while (log.durable() < position && !ended) {
            int seen = done.value();
            if (log.durable() < position && !ended) {
                done.await(seen);
            }
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
            LockSupport.unpark(committer);
            LogKeeper.join(committer);
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
