package dev.catena.io.chain;

import dev.catena.io.internal.Driver;
import org.jspecify.annotations.Nullable;

/**
 * Where chains run, one after another: a lane is ordered, lanes are independent. A lane belongs to one thread at a
 * time. Closing gives it back; no chain of it may be running.
 */
public final class Lane implements AutoCloseable {
    private final ChainRuntime runtime;
    private final Track track;
    private @Nullable Chain running;
    private boolean closed;

    Lane(ChainRuntime runtime, Track track) {
        this.runtime = runtime;
        this.track = track;
    }

    /** A new chain with room for {@code capacity} steps at a time, a power of two up to 4096. */
    public Chain chain(int capacity) {
        return chain(capacity, "other");
    }

    /**
     * A new chain with room for {@code capacity} steps at a time, a power of two up to 4096.
     *
     * @param kind what it is for, in the accounts ({@link ChainRuntime#accounts}): 24 bytes count
     */
    public Chain chain(int capacity, String kind) {
        return new Chain(runtime, this, capacity, track.account(runtime.memory(), kind), kind);
    }

    Track track() {
        return track;
    }

    Driver driver() {
        return track.driver();
    }

    /** Waits for the chain that runs before: the lane's order. */
    void enter(Chain chain) {
        if (closed) {
            throw new IllegalStateException("the lane is closed");
        }
        Chain before = running;
        if (before != null && before != chain) {
            before.await();
        }
        running = chain;
    }

    void leave(Chain chain) {
        if (running == chain) {
            running = null;
        }
    }

    @Override
    public void close() {
        if (closed) {
            throw new AssertionError("lane closed twice");
        }
        closed = true;
        runtime.giveBack(track);
    }
}
