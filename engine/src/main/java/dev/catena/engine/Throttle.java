package dev.catena.engine;

import java.util.concurrent.TimeUnit;

/**
 * Slows writers down before they have to stop: from {@link #SLOW_TABLES} tables in level 0 on, writes go on at a rate that falls with
 * every further table, until at {@link #STOP_TABLES} they wait. The delay of single writes is gathered until it is worth a sleep.
 * Used under the append lock.
 */
final class Throttle {
    static final int SLOW_TABLES = 20;
    static final int STOP_TABLES = 36;

    private static final double BYTES_PER_SECOND_MAX = 64 << 20;
    private static final double BYTES_PER_SECOND_MIN = 4 << 20;
    private static final long SLEEP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private long debtNanos;

    /** Nanoseconds that a writer of so many bytes should sleep, mostly 0. */
    long delayNanos(int levelZeroTables, long bytes) {
        if (levelZeroTables < SLOW_TABLES) {
            debtNanos = 0;
            return 0;
        }
        double fraction = Math.min(1, (double) (levelZeroTables - SLOW_TABLES) / (STOP_TABLES - SLOW_TABLES));
        double rate = BYTES_PER_SECOND_MAX * Math.pow(BYTES_PER_SECOND_MIN / BYTES_PER_SECOND_MAX, fraction);
        debtNanos += (long) (bytes / rate * 1e9);
        if (debtNanos < SLEEP_NANOS) {
            return 0;
        }
        long delay = debtNanos;
        debtNanos = 0;
        return delay;
    }
}
