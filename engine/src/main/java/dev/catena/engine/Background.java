package dev.catena.engine;

import dev.catena.io.memory.Threads;
import org.jspecify.annotations.Nullable;

/**
 * The store's background threads: {@code catena-flush} writes sealed memtables as tables, in the order in which they were sealed, and
 * {@code catena-compact} compacts one family after another. What goes wrong there makes the store read-only.
 */
final class Background {
    private final Store store;
    private final Thread flushThread = new Thread(() -> run(this::flushes), "catena-flush");
    private final Thread compactionThread = new Thread(() -> run(this::compactions), "catena-compact");
    private volatile boolean stopping;

    Background(Store store) {
        this.store = store;
        flushThread.setDaemon(true);
        compactionThread.setDaemon(true);
    }

    void start() {
        flushThread.start();
        compactionThread.start();
    }

    boolean isStopping() {
        return stopping;
    }

    /** Has the threads end soon. */
    void stop() {
        stopping = true;
        store.appendLock.lock();
        try {
            store.signalChange();
        } finally {
            store.appendLock.unlock();
        }
    }

    /** Waits for the threads' end. */
    void join() {
        Threads.end(flushThread);
        Threads.end(compactionThread);
    }

    private void run(Runnable loop) {
        try {
            loop.run();
        } catch (RuntimeException | Error e) {
            store.backgroundFailed(e);
        }
    }

    private void flushes() {
        for (Family family = awaitFlush(); family != null; family = awaitFlush()) {
            try {
                family.flushOldest();
                store.releaseLogs();
            } catch (StoreClosedException e) {
                throwUnlessDropped(e, family);
            }
        }
    }

    private static void throwUnlessDropped(StoreClosedException e, Family family) {
        if (!family.isDropped()) {
            throw e;
        }
    }

    /** Waits for a family with a memtable to flush; null when the threads are to end. */
    private @Nullable Family awaitFlush() {
        store.appendLock.lock();
        try {
            while (!stopping) {
                Family family = store.nextToFlush();
                if (family != null) {
                    return family;
                }
                store.changed.awaitUninterruptibly();
            }
            return null;
        } finally {
            store.appendLock.unlock();
        }
    }

    private void compactions() {
        try {
            while (!stopping) {
                long seen = changes();
                boolean worked = false;
                long rest = Long.MAX_VALUE;
                for (Family family : store.families()) {
                    try {
                        worked |= family.compactOnce();
                        rest = Math.min(rest, family.restNanos());
                    } catch (StoreClosedException e) {
                        throwUnlessDropped(e, family);
                    }
                }
                if (!worked) {
                    awaitChange(seen, rest);
                }
            }
        } catch (RuntimeException | Error e) {
            store.backgroundFailed(e);
        } finally {
            RuntimeException why = whyEnded();
            store.families().forEach(family -> family.endCompactions(why));
        }
    }

    private RuntimeException whyEnded() {
        try {
            store.health.check();
        } catch (StoreException e) {
            return e;
        }
        return new StoreClosedException("store " + store.path);
    }

    private long changes() {
        store.appendLock.lock();
        try {
            return store.changes();
        } finally {
            store.appendLock.unlock();
        }
    }

    /** Waits until something has changed since {@link #changes} was {@code seen}, at most so long. */
    private void awaitChange(long seen, long nanos) {
        long left = nanos;
        store.appendLock.lock();
        try {
            while (!stopping && store.changes() == seen && left > 0) {
                left = store.changed.awaitNanos(left);
            }
        } catch (InterruptedException e) {
            // Nobody interrupts this thread; looking once more does no harm.
        } finally {
            store.appendLock.unlock();
        }
    }
}
