package dev.catena.engine.log;

/**
 * Which of two ways makes a small flush durable sooner, found out by doing both.
 *
 * <ul>
 *   <li>A durable write: one request. The kernel finishes it in a worker thread of its own, which on busy processors has to wait for
 *       its turn, and the flusher after it.
 *   <li>A write, and then a sync by the flusher itself: one system call more, but nobody else to wait for.
 * </ul>
 *
 * Which is faster depends on the device (what a durable write costs it), on the load and on the number of processors: on 2 processors
 * with 16 writers the second was found 3 times faster under load, with one writer on an idle machine the first. So each flush is
 * timed; the way with the lower recent time is taken, and the other one tried again now and then, less and less often while it stays
 * the slower one. Used by the flush owner.
 */
final class DurableWay {
    private static final int TRIAL_FLUSHES = 4;
    private static final int INTERVAL_MIN = 64;
    private static final int INTERVAL_MAX = 4096;

    /** How much of the average each new time makes up. */
    private static final double WEIGHT = 0.25;

    private double durableWriteNanos;
    private double ownSyncNanos;
    private boolean syncsItself;

    /** Flushes until the next trial of the other way, and how many there were before this one. */
    private int untilTrial;

    private int interval = INTERVAL_MIN;

    /** Whether this flush should sync itself rather than write durably. */
    boolean syncsItself() {
        return untilTrial-- > 0 ? syncsItself : !syncsItself;
    }

    /** Notes how long a flush took that went the way {@link #syncsItself} said. */
    void took(boolean syncedItself, long nanos) {
        if (syncedItself) {
            ownSyncNanos = average(ownSyncNanos, nanos);
        } else {
            durableWriteNanos = average(durableWriteNanos, nanos);
        }
        if (untilTrial <= -TRIAL_FLUSHES) {
            boolean better = durableWriteNanos > 0 && ownSyncNanos < durableWriteNanos;
            interval = better == syncsItself ? Math.min(INTERVAL_MAX, 2 * interval) : INTERVAL_MIN;
            syncsItself = better;
            untilTrial = interval;
        }
    }

    private static double average(double before, long nanos) {
        return before == 0 ? nanos : before + (nanos - before) * WEIGHT;
    }
}
