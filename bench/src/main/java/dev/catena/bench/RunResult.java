package dev.catena.bench;

import org.HdrHistogram.Histogram;

/**
 * What a run measured.
 *
 * @param operations operations done, over all threads
 * @param nanos from the start to the last thread's end, in nanoseconds
 * @param latencies each operation's time in nanoseconds, three digits kept, over all threads
 * @param wrong reads that did not find what must be there: anything but 0 is a fault of the store
 */
public record RunResult(long operations, long nanos, Histogram latencies, long wrong) {
    /** The run's length in seconds. */
    public double seconds() {
        return nanos / 1e9;
    }

    /** Operations a second. */
    public double operationsPerSecond() {
        return operations * 1e9 / Math.max(1, nanos);
    }

    /** The latency that a share of the operations did not exceed, in microseconds. */
    public double latencyMicros(double percentile) {
        return latencies.getValueAtPercentile(percentile) / 1e3;
    }
}
