package dev.catena.engine.version;

import dev.catena.engine.StoreReadOnlyException;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Whether the store may still be written. The first failed write of a log, table or manifest makes it read-only for good: nothing is
 * retried, since after a failed write nobody can say what is on the device. A store opened for reading is so from the start. Thread
 * safe.
 */
public final class StoreHealth {
    private final Path directory;
    private final boolean reading;
    private final Consumer<Throwable> onFailure;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    /**
     * @param directory the store's, for messages
     * @param reading whether it was opened for reading only
     * @param onFailure hears of the first failure, from the thread that saw it, which may hold locks
     */
    public StoreHealth(Path directory, boolean reading, Consumer<Throwable> onFailure) {
        this.onFailure = onFailure;
        this.directory = directory;
        this.reading = reading;
    }

    /** Makes the store read-only; the first cause stays. Returns what to throw. */
    public StoreReadOnlyException fail(Throwable cause) {
        if (failure.compareAndSet(null, cause)) {
            onFailure.accept(cause);
        }
        return readOnly();
    }

    /** Throws when the store is read-only. */
    public void check() {
        if (!isWell()) {
            throw readOnly();
        }
    }

    /** Whether it may be written: nothing has failed. */
    public boolean isWell() {
        return !reading && failure.get() == null;
    }

    /** What to throw when it may not be written. */
    public StoreReadOnlyException readOnly() {
        Throwable cause = failure.get();
        if (cause == null && reading) {
            return new StoreReadOnlyException(directory);
        }
        if (cause == null) {
            throw new AssertionError("no failure");
        }
        return new StoreReadOnlyException(directory, cause);
    }
}
