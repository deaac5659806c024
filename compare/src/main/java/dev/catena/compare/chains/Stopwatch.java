package dev.catena.compare.chains;

import org.HdrHistogram.Histogram;

/** Times the operations of a pass. Used by one thread. */
final class Stopwatch {
    /** Digits of the histogram. */
    private static final int PRECISION = 3;
    /** Below a microsecond a nanosecond is too coarse a unit: tenths of it are recorded. */
    private static final double UNITS_PER_NANO = 10;

    private final Histogram times = new Histogram(PRECISION);
    private long began;
    private long nanos;
    private long steps;

    Stopwatch() {
        times.setAutoResize(true);
    }

    /** An operation begins. */
    void start() {
        began = System.nanoTime();
    }

    /** It ends, and was so many steps. */
    void stop(long operationSteps) {
        add(System.nanoTime() - began, operationSteps);
    }

    /** An operation of so many steps took so long. */
    void add(long operationNanos, long operationSteps) {
        times.recordValue(Math.round(operationNanos * UNITS_PER_NANO / operationSteps));
        nanos += operationNanos;
        steps += operationSteps;
    }

    /** Adds the operations of another thread. */
    void add(Stopwatch other) {
        times.add(other.times);
        steps += other.steps;
    }

    Pass.Figures figures(long bytes) {
        return figures(bytes, nanos);
    }

    /** Of several threads, which together took so long. */
    Pass.Figures figures(long bytes, long wallNanos) {
        return new Pass.Figures(
                steps,
                bytes,
                times.getValueAtPercentile(50) / UNITS_PER_NANO,
                times.getValueAtPercentile(99) / UNITS_PER_NANO,
                wallNanos);
    }
}
