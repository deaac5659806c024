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
    private static final int TRIAL_FLUSHES = 5;
    private static final int INTERVAL_MIN = 64;
    private static final int INTERVAL_MAX = 4096;

    /** How much of the average each new time makes up. */
    private static final double WEIGHT = 0.125;

    private boolean syncsItself;

    /** Time of a flush that goes the way taken. */
    private double averageNanos;

    /** Flushes until the next trial; during one, minus the flushes tried. */
    private int untilTrial = INTERVAL_MIN;

    private int interval = INTERVAL_MIN;
    private long trialNanos;
    private long trialNanosMax;

    /** Whether this flush should sync itself rather than write durably. */
    boolean syncsItself() {
        return syncsItself != (untilTrial <= 0);
    }

    /** Notes how long the flush took. */
    void took(long nanos) {
        if (untilTrial > 0) {
            averageNanos += (nanos - averageNanos) * (averageNanos == 0 ? 1 : WEIGHT);
            trialNanos = 0;
            trialNanosMax = 0;
        } else {
            trialNanos += nanos;
            trialNanosMax = Math.max(trialNanosMax, nanos);
        }
        untilTrial--;
        if (untilTrial == -TRIAL_FLUSHES) {
            decide((double) (trialNanos - trialNanosMax) / (TRIAL_FLUSHES - 1)); // one may have been held up
        }
    }

    private void decide(double trialAverage) {
        if (trialAverage < averageNanos) {
            syncsItself = !syncsItself;
            averageNanos = trialAverage;
            interval = INTERVAL_MIN;
        } else {
            interval = Math.min(INTERVAL_MAX, 2 * interval);
        }
        untilTrial = interval;
    }
}
