package dev.catena.engine;

import dev.catena.engine.event.Events;
import org.jspecify.annotations.Nullable;

/**
 * How the writers of a column family are held back: how long ({@link Throttle}), how many, and an event from the first that had to wait
 * to the first that had not. Used under the append lock.
 */
final class Backpressure {
    private final Events events;
    private final Throttle throttle = new Throttle();
    private @Nullable SlowDown slowDown;
    private long stalls;
    private long stallNanos;

    Backpressure(Events events) {
        this.events = events;
    }

    private static final class SlowDown {
        final String reason;
        final Events.Span span;
        long writes;
        long nanos;

        SlowDown(String reason, Events events) {
            this.reason = reason;
            span = events.begin(new StoreEvent.SlowDown(reason, 0, 0, 0));
        }
    }

    /** Nanoseconds that a writer of so many bytes should sleep, mostly 0. */
    long delayNanos(int levelZeroTables, double owed, double full, long bytes) {
        return throttle.delayNanos(levelZeroTables, owed, full, bytes, System.nanoTime());
    }

    /** See {@link Throttle#flushed}. */
    void flushed(long bytes, long nanos) {
        throttle.flushed(bytes, nanos);
    }

    /** Says that a writer has to wait. */
    void begin(String reason) {
        if (slowDown == null) {
            slowDown = new SlowDown(reason, events);
        }
    }

    /** Says how long a writer waited. */
    void held(long nanos) {
        stalls++;
        stallNanos += nanos;
        if (slowDown != null) {
            slowDown.writes++;
            slowDown.nanos += nanos;
        }
    }

    /** Says that a writer need not wait. */
    void end() {
        SlowDown ended = slowDown;
        if (ended != null) {
            slowDown = null;
            ended.span.end(new StoreEvent.SlowDown(ended.reason, ended.writes, ended.nanos, ended.span.nanos()));
        }
    }

    /** How many writes were held back. */
    long stalls() {
        return stalls;
    }

    /** How long, in nanoseconds. */
    long stallNanos() {
        return stallNanos;
    }
}
