package dev.catena.engine.log;

import dev.catena.io.memory.Threads;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The log's own thread: hands buffered records to the operating system, attests what is durable, writes zeros ahead of use and makes
 * the next file.
 *
 * <p>It sleeps for good when there is nothing to do. A writer wakes it at its first record after that, and once more when much has
 * gathered; so writers seldom pay for a wake-up.
 */
final class LogKeeper implements Runnable {
    private static final int GATHERED_BYTES = 256 << 10;

    /** Records that are in the operating system but not on the device are taken there when they are so many: later syncs stay short. */
    private static final int UNDURABLE_BYTES_MAX = 16 << 20;

    private static final long HAND_OVER_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final long ATTEST_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final Log log;
    private final ReentrantLock appendLock;
    private final Thread thread;
    private volatile boolean stopped;
    private volatile boolean awake;
    private volatile boolean urgent;

    private long handedSeen;
    private long handedSince;
    private long durableSeen;
    private long durableSince;

    LogKeeper(Log log, ReentrantLock appendLock) {
        this.log = log;
        this.appendLock = appendLock;
        thread = new Thread(this, "catena-log");
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** Ends the thread and waits for its end. */
    void stop() {
        stopped = true;
        Threads.end(thread);
    }

    /** Hears from a writer, under the append lock, that so many bytes wait to be handed over. */
    void published(long waitingBytes) {
        if (waitingBytes >= GATHERED_BYTES) {
            if (!urgent) {
                urgent = true;
                awake = true;
                LockSupport.unpark(thread);
            }
        } else if (!awake) {
            awake = true;
            LockSupport.unpark(thread);
        }
    }

    /** Has the thread look for work. */
    void nudge() {
        awake = true;
        urgent = true;
        LockSupport.unpark(thread);
    }

    @Override
    public void run() {
        try {
            while (!stopped && !log.isBroken()) {
                if (work()) {
                    continue;
                }
                if (isIdle()) {
                    awake = false; // before the second look: a writer publishes first and looks at this then
                    if (isIdle() && !stopped && !awake) {
                        LockSupport.park(this);
                    }
                    awake = true;
                    long now = System.nanoTime();
                    handedSince = now;
                    durableSince = now;
                } else if (!urgent) {
                    LockSupport.parkNanos(this, HAND_OVER_NANOS);
                }
            }
        } catch (RuntimeException | Error e) {
            Throwable unused = log.health().fail(e); // the next writer hears of it
        }
    }

    /** Whether nothing will have to be done however long nobody writes. */
    private boolean isIdle() {
        return log.appended() == log.handed() && !log.needsAttesting() && !log.needsZeros() && !log.needsNext();
    }

    /** Does what is due; whether there was something. */
    private boolean work() {
        boolean wasUrgent = urgent;
        urgent = false;
        long now = System.nanoTime();
        long handed = log.handed();
        if (handed != handedSeen) {
            handedSeen = handed;
            handedSince = now;
        }
        long durable = log.durable();
        if (durable != durableSeen) {
            durableSeen = durable;
            durableSince = now;
        }
        long waiting = log.appended() - handed;
        boolean done = false;
        if (waiting >= GATHERED_BYTES || (waiting > 0 && now - handedSince >= HAND_OVER_NANOS)) {
            if (log.handed() - log.durable() >= UNDURABLE_BYTES_MAX) {
                log.handOverAndSync();
            } else {
                log.handOver(false);
            }
            done = true;
        }
        if (log.needsZeros()) {
            log.writeAhead();
            done = true;
        }
        if (log.needsNext()) {
            log.files().prepareNext();
            done = true;
        }
        if (log.needsAttesting() && now - durableSince >= ATTEST_NANOS) {
            appendLock.lock();
            try {
                log.attest();
            } finally {
                appendLock.unlock();
            }
            log.handOver(true);
            done = true;
        }
        return done || wasUrgent;
    }
}
