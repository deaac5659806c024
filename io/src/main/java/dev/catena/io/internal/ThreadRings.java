package dev.catena.io.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The in-context rings of {@code kernel-loop}: a platform thread gets one at its first chain, as long as the program has
 * slots left, and keeps it. Rings of threads that have ended are closed when slots run out. Thread safe.
 *
 * <p>A closed ring's memory is not given out again ({@link Ring}), so in a process where threads come and go without end
 * there is an end to the rings made for them.
 */
final class ThreadRings implements AutoCloseable {
    /** 12 KiB each. */
    private static final int MOST_MADE = 4096;

    private record Owned(Thread thread, RingDriver driver) {}

    private final LoopSteering steering;
    private final Supplier<RingDriver> maker;
    private final List<Owned> rings = new ArrayList<>();
    private int made;
    private final ThreadLocal<@Nullable RingDriver> own = new ThreadLocal<>();

    /** {@code maker} makes a ring of the calling thread. */
    ThreadRings(LoopSteering steering, Supplier<RingDriver> maker) {
        this.steering = steering;
        this.maker = maker;
    }

    /** The calling thread's ring; null if it can have none. */
    @Nullable
    RingDriver ofThisThread() {
        RingDriver driver = own.get();
        if (driver == null && !Thread.currentThread().isVirtual()) {
            driver = make();
            own.set(driver);
        }
        return driver;
    }

    private synchronized @Nullable RingDriver make() {
        if (!steering.hasSlot()) {
            rings.removeIf(owned -> {
                boolean ended = !owned.thread.isAlive();
                if (ended) {
                    owned.driver.close();
                }
                return ended;
            });
        }
        if (!steering.hasSlot() || made == MOST_MADE) {
            return null;
        }
        made++;
        RingDriver driver = maker.get();
        rings.add(new Owned(Thread.currentThread(), driver));
        return driver;
    }

    /** Closes all rings; no chain is running. */
    @Override
    public synchronized void close() {
        rings.forEach(owned -> owned.driver.close());
        rings.clear();
    }
}
