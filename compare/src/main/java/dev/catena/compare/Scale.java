package dev.catena.compare;

import dev.catena.bench.Workload;

/**
 * How much a comparison does. Immutable.
 *
 * @param rounds runs of each workload on each engine
 * @param keys keys in the loaded store, and puts of fillrandom
 * @param seconds longest measured part of a run, in seconds; fillrandom has {@value #FILL_FACTOR} times as long
 * @param warmUpSeconds how long a workload runs before it is measured, in seconds
 * @param limitSeconds when all of it would take longer, rounds are left out; in seconds
 */
record Scale(int rounds, long keys, double seconds, double warmUpSeconds, double limitSeconds) {
    /** Takes as long as it takes. */
    static final double NO_LIMIT = Double.POSITIVE_INFINITY;

    /** Everything within three minutes. */
    static final Scale QUICK = new Scale(3, 500_000, 0.6, 0.7, 172);

    /** For figures to keep: about an hour. */
    static final Scale FULL = new Scale(5, 4_000_000, 15.0, 3.0, NO_LIMIT);

    private static final int FILL_FACTOR = 4;
    private static final int OVERWRITE_WARM_UP_FACTOR = 3;

    /**
     * Rounds that can be afforded.
     *
     * @param elapsedSeconds since the beginning
     * @param plannedBefore seconds that the plan gave to what is done
     * @param plannedAfter seconds that it gives to what is left, all rounds
     */
    int affordableRounds(double elapsedSeconds, double plannedBefore, double plannedAfter) {
        double pace = plannedBefore > 0 ? elapsedSeconds / plannedBefore : 1;
        double share = (limitSeconds - elapsedSeconds) / (plannedAfter * pace);
        return (int) Math.clamp(Math.floor(rounds * share), 1, rounds);
    }

    /** Operations of a run at most: fillrandom ends with its keys, all others with their time. */
    long operations(Workload workload) {
        return workload == Workload.FILLRANDOM ? keys : Long.MAX_VALUE;
    }

    /** Longest measured part of a run, in nanoseconds. */
    long nanos(Workload workload) {
        return (long) (seconds * 1e9 * (workload == Workload.FILLRANDOM ? FILL_FACTOR : 1));
    }

    /** The same in seconds. */
    double secondsOf(Workload workload) {
        return nanos(workload) / 1e9;
    }

    /**
     * How long a workload runs before it is measured, in nanoseconds: half for synced ones, which many puts precede; longer for
     * overwriting, which is as fast as it will be when memtables have been flushed and tables compacted, and the code for that compiled.
     */
    long warmUpNanos(Workload workload) {
        double factor = workload.synced() ? 0.5 : workload == Workload.OVERWRITE ? OVERWRITE_WARM_UP_FACTOR : 1;
        return (long) (warmUpSeconds * 1e9 * factor);
    }
}
