package dev.catena.engine;

import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.memory.Threads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The thread {@code catena-scrub}: reads all tables from the device, at a bounded rate, and has their checksums compared by whoever
 * steers chains, so that damage is known before it is met. A table is held while it is read, and no other.
 */
final class Scrubber {
    /** A store is not scrubbed sooner after it was opened. */
    private static final long FIRST_NANOS = TimeUnit.MINUTES.toNanos(10);

    private final Store store;
    private final long bytesPerSecond;
    private final long intervalNanos;
    private final Thread thread = new Thread(this::run, "catena-scrub");
    private volatile boolean stopping;

    /** Up to when the bytes read so far may take, in nanoseconds of {@link System#nanoTime}. */
    private long paidUntil;

    Scrubber(Store store, long bytesPerSecond, long intervalNanos) {
        this.store = store;
        this.bytesPerSecond = bytesPerSecond;
        this.intervalNanos = intervalNanos;
        thread.setDaemon(true);
    }

    void start() {
        if (bytesPerSecond > 0) {
            thread.start();
        }
    }

    /** Has the thread end soon, and waits for it. */
    void stop() {
        stopping = true;
        Threads.end(thread);
    }

    private void run() {
        waitUntil(System.nanoTime() + Math.min(FIRST_NANOS, intervalNanos));
        while (!stopping) {
            long next = System.nanoTime() + intervalNanos;
            scrub();
            waitUntil(next);
        }
    }

    private void scrub() {
        paidUntil = System.nanoTime();
        int tables = 0;
        for (Family family : store.families()) {
            for (long number : numbers(family)) {
                TableFile table = stopping ? null : find(family, number);
                if (table != null) {
                    scrub(table);
                    tables++;
                }
            }
        }
        if (!stopping) {
            store.events.note("scrubbed " + tables + " tables");
        }
    }

    private void scrub(TableFile table) {
        try {
            table.reader().scrub(store.runtime, this::goesOn);
        } catch (CorruptionException e) {
            CorruptionException unused = store.damages.seen(e);
        } catch (ChainIoException | StoreIoException e) {
            store.events.note("table " + table.meta().number() + " cannot be scrubbed: " + e.getMessage());
        } finally {
            table.release();
        }
    }

    /** Waits as long as bytes that were read may take; false to end the pass. */
    private boolean goesOn(long bytes) {
        paidUntil += bytes * TimeUnit.SECONDS.toNanos(1) / bytesPerSecond;
        waitUntil(paidUntil);
        return !stopping;
    }

    private void waitUntil(long nanoTime) {
        for (long left = nanoTime - System.nanoTime(); left > 0 && !stopping; left = nanoTime - System.nanoTime()) {
            LockSupport.parkNanos(this, left);
        }
    }

    private static List<Long> numbers(Family family) {
        Version version = family.versions.retainCurrent();
        try {
            List<Long> numbers = new ArrayList<>();
            for (TableFile table : version.tables()) {
                numbers.add(table.meta().number());
            }
            return numbers;
        } finally {
            version.release();
        }
    }

    /** A table, retained, if it is still in use. */
    private static @Nullable TableFile find(Family family, long number) {
        Version version = family.versions.retainCurrent();
        try {
            for (TableFile table : version.tables()) {
                if (table.meta().number() == number) {
                    table.retain();
                    return table;
                }
            }
            return null;
        } finally {
            version.release();
        }
    }
}
