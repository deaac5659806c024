package dev.catena.compare.chains;

import java.io.IOException;
import java.util.Map;

/** One measured run of a case in a setting: set up when made, run once, closed. Used by one thread. */
public interface Pass extends AutoCloseable {
    /**
     * What a pass came to. Percentiles are of the times of operations, each divided by its steps.
     *
     * @param steps requests of chains; in a log case appends, in a checksum case blocks
     * @param bytes moved or hashed
     * @param p50 median, in nanoseconds a step
     * @param p99 in nanoseconds a step
     * @param nanos all operations together, pauses left out, in nanoseconds
     */
    record Figures(long steps, long bytes, double p50, double p99, long nanos) {}

    /** Does it. */
    Figures run() throws IOException;

    /** Counters of the steering program, see {@link dev.catena.io.chain.ChainRuntime#counters}; empty where there is none. */
    default Map<String, Long> counters() {
        return Map.of();
    }

    @Override
    void close() throws IOException;
}
