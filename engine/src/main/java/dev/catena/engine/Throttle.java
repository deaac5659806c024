package dev.catena.engine;

import java.util.concurrent.TimeUnit;

/**
 * Slows writers down before they have to stop, by three things that may run full.
 *
 * <p><b>Level 0.</b> From {@link #SLOW_TABLES} tables on, writes go on at a rate that falls with every further table, until at
 * {@link #STOP_TABLES} they wait.
 *
 * <p><b>Compaction.</b> So it is when compactions have much to read and write until no level holds more than it may ({@link #owed}): what
 * is not written today is written tomorrow, with all that came in between. For this alone writes never stop.
 *
 * <p><b>Memtables.</b> While no other memtable may be begun because one is being flushed, writes into the second half of the active one go
 * on at a rate that falls with the room left: so that it is nearly full when the flush ends. The last tenth is for flushes that take longer
 * than the last ones did, as when the device stands still for a second: there the rate falls with the cube of the room.
 *
 * <p><b>Log.</b> So it is when the log's memory is more than half full of what the operating system has not taken yet.
 *
 * <p>The delay of single writes is gathered until it is worth a sleep, and a long one is spread over the writes that follow. Used under
 * the append lock.
 */
final class Throttle {
    static final int SLOW_TABLES = 20;
    static final int STOP_TABLES = 36;

    /** From so many times {@link Options#levelOneBytes}, or its default, to be read and written by compactions on writes are slowed down: 32 GiB. */
    private static final double SLOW_DEBT = 128;

    /** They are slowest at so many times. */
    private static final double SLOWEST_DEBT = 512;

    private static final double BYTES_PER_SECOND_MAX = 64 << 20;
    private static final double BYTES_PER_SECOND_MIN = 4 << 20;
    private static final long SLEEP_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    /** One write sleeps no longer at a time. */
    static final long SLEEP_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(20);

    /** What is fuller slows writes down. */
    static final double CROWDED = 0.5;

    /** With that, writes as fast as ever until the half leave a twentieth of the memtable free when the flush ends. */
    private static final double STEEPNESS = 8.0 / 3;

    /** Where so much is left the rate begins to fall faster. */
    private static final double LAST = 0.1;

    /** How much time the bytes so far may take beyond what has passed. */
    private long debtNanos;

    private long last;

    /** How fast memtables are flushed, in bytes of theirs a second. */
    private double flushRate = BYTES_PER_SECOND_MAX;

    /** Says that a memtable of so many bytes was flushed. */
    void flushed(long bytes, long nanos) {
        flushRate = (flushRate + bytes * 1e9 / Math.max(1, nanos)) / 2;
    }

    /** How much of what compactions may owe they do: 0 or less for little, 1 and more for all. */
    static double owed(double debt, Options options) {
        long unit = Math.max(options.levelOneBytes(), Options.defaults().levelOneBytes());
        return (debt / unit - SLOW_DEBT) / (SLOWEST_DEBT - SLOW_DEBT);
    }

    /** Whether level 0 or compactions' debt slow writes down. */
    static boolean isSlow(int levelZeroTables, double owed) {
        return levelZeroTables >= SLOW_TABLES || owed > 0;
    }

    /**
     * Nanoseconds that a writer of so many bytes should sleep, mostly 0.
     *
     * @param owed see {@link #owed}
     * @param full how much of the active memtable is used, when no other may be begun, or of the log's memory, if that is more
     * @param now the time, in nanoseconds: what has passed since the last write, sleeping or not, is not to be slept again
     */
    long delayNanos(int levelZeroTables, double owed, double full, long bytes, long now) {
        double rate = Double.MAX_VALUE;
        if (isSlow(levelZeroTables, owed)) {
            double tables = (double) (levelZeroTables - SLOW_TABLES) / (STOP_TABLES - SLOW_TABLES);
            double fraction = Math.min(1, Math.max(tables, owed));
            rate = BYTES_PER_SECOND_MAX * Math.pow(BYTES_PER_SECOND_MIN / BYTES_PER_SECOND_MAX, fraction);
        }
        if (full > CROWDED) {
            double room = Math.max(0, 1 - full);
            double last = Math.min(1, room / LAST);
            rate = Math.min(rate, flushRate * STEEPNESS * room * last * last);
        }
        if (rate == Double.MAX_VALUE) {
            debtNanos = 0;
            return 0;
        }
        debtNanos = (debtNanos == 0 ? 0 : Math.max(0, debtNanos - (now - last))) + (long) (bytes / rate * 1e9);
        last = now;
        return debtNanos < SLEEP_NANOS ? 0 : Math.min(debtNanos, SLEEP_NANOS_MAX);
    }
}
