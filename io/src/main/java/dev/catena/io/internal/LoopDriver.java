package dev.catena.io.internal;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A lane of the in-context placement on {@code kernel-loop}. A ring there is one thread's for life, a lane is not: so
 * each chain runs on the ring of the thread that starts it ({@link ThreadRings}), and the thread that started it also
 * waits for it. Where the thread has none (too many threads, or a virtual one) the chain goes the resident way.
 */
final class LoopDriver implements Driver {
    private final ThreadRings rings;
    private final Supplier<ResidentDriver> residents;
    private @Nullable ResidentDriver resident;
    private @Nullable Driver current;
    private @Nullable Thread starter;

    LoopDriver(ThreadRings rings, Supplier<ResidentDriver> residents) {
        this.rings = rings;
        this.residents = residents;
    }

    @Override
    public void start(int chain) {
        Driver driver = rings.ofThisThread();
        if (driver == null) {
            if (resident == null) {
                resident = residents.get();
            }
            driver = resident;
        }
        current = driver;
        starter = Thread.currentThread();
        driver.start(chain);
    }

    private Driver current() {
        Driver driver = current;
        if (driver == null) {
            throw new AssertionError("no chain was started");
        }
        if (driver != resident && starter != Thread.currentThread()) {
            throw new IllegalStateException("a chain in context is the thread's that started it: " + starter + ", not "
                    + Thread.currentThread());
        }
        return driver;
    }

    @Override
    public void publish(int chain) {
        current().publish(chain);
    }

    @Override
    public void await(int chain) {
        current().await(chain);
    }

    @Override
    public void awaitStep(int chain, int index) {
        current().awaitStep(chain, index);
    }

    @Override
    public void close() {
        if (resident != null) {
            resident.close();
        }
    }
}
