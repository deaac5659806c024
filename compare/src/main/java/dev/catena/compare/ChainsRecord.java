package dev.catena.compare;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.catena.compare.chains.Setting;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * A case in a setting, over its rounds: a row of the table, and a line, of {@code --json}.
 *
 * @param name of the case
 * @param setting backend and placement
 * @param steps of one pass
 * @param counts of one pass, counted in a pass of its own; null when they could not be counted
 * @param rounds the timed passes
 */
record ChainsRecord(
        String name, Setting setting, long steps, SyscallCounter.@Nullable Counts counts, List<Round> rounds) {
    /**
     * One timed pass.
     *
     * @param p50Micros median time of a step, in microseconds
     * @param p99Micros 99th percentile
     * @param megabytesPerSecond in 10^6 bytes
     * @param cpuMicros CPU time of the process a step, kernel threads of its own included
     * @param programNanos a step, spent in the steering program, by its own clock; 0 where there is none
     * @param timesReference how many times as fast as the reference was in the same round; 0 without one
     */
    record Round(
            double p50Micros,
            double p99Micros,
            double megabytesPerSecond,
            double cpuMicros,
            double programNanos,
            double timesReference) {}

    /**
     * A figure over the rounds.
     *
     * @param median the middle one
     * @param min the smallest
     * @param max the largest
     */
    record Spread(double median, double min, double max) {}

    private static final Gson GSON = new GsonBuilder().serializeNulls().create();

    /** A figure over the rounds. */
    Spread spread(ToDoubleFunction<Round> figure) {
        double[] values = rounds.stream().mapToDouble(figure).sorted().toArray();
        int middle = values.length / 2;
        double median = values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
        return new Spread(median, values[0], values[values.length - 1]);
    }

    /** One line of JSON: medians over the rounds, counts of one pass. */
    String toJson() {
        JsonObject json = new JsonObject();
        json.addProperty("case", name);
        json.addProperty("backend", setting.backend());
        json.addProperty("placement", setting.placementName());
        json.addProperty("rounds", rounds.size());
        json.addProperty("steps", steps);
        json.add("io_syscalls", count(counts == null ? null : counts.ioSyscalls()));
        json.add("syscalls", count(counts == null ? null : counts.syscalls()));
        json.add("switches", count(counts == null ? null : counts.switches()));
        JsonObject micros = new JsonObject();
        micros.addProperty("p50", rounded(spread(Round::p50Micros).median));
        micros.addProperty("p99", rounded(spread(Round::p99Micros).median));
        json.add("us_per_step", micros);
        json.addProperty("mb_per_s", rounded(spread(Round::megabytesPerSecond).median));
        json.addProperty("cpu_us_per_step", rounded(spread(Round::cpuMicros).median));
        json.addProperty("program_ns_per_step", rounded(spread(Round::programNanos).median));
        Spread times = spread(Round::timesReference);
        JsonObject reference = new JsonObject();
        reference.addProperty("median", rounded(times.median));
        reference.addProperty("min", rounded(times.min));
        reference.addProperty("max", rounded(times.max));
        json.add("times_" + Setting.REFERENCE, times.median == 0 ? JsonNull.INSTANCE : reference);
        return GSON.toJson(json);
    }

    private static JsonElement count(@Nullable Long value) {
        return value == null ? JsonNull.INSTANCE : new JsonPrimitive(value);
    }

    /** To four digits or so. */
    private static double rounded(double value) {
        double unit = Math.abs(value) >= 100 ? 10 : 10_000;
        return Math.rint(value * unit) / unit;
    }
}
