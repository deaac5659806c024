package dev.catena.compare;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import org.jspecify.annotations.Nullable;

/**
 * One measured run: an object, and a line, of {@code --json}.
 *
 * @param workload the workload's name
 * @param engine "catena" or "rocksdb"
 * @param round from 1
 * @param threads threads that called the store
 * @param sync whether each put was durable when it returned
 * @param ops operations done in the measured part
 * @param seconds length of the measured part
 * @param opsPerSecond the quotient of both
 * @param p50Micros median time of an operation, in microseconds
 * @param p99Micros 99th percentile, in microseconds
 * @param p999Micros 99.9th percentile, in microseconds
 * @param counts the process's system calls and switches in the measured part; null when they could not be counted
 * @param cpuSeconds CPU time that the process used in the measured part, kernel threads of its own included
 * @param rssMegabytes memory resident when the measured part ended, in 2^20 bytes
 * @param backend what ran underneath
 */
record RunRecord(
        String workload,
        String engine,
        int round,
        int threads,
        boolean sync,
        long ops,
        double seconds,
        double opsPerSecond,
        double p50Micros,
        double p99Micros,
        double p999Micros,
        SyscallCounter.@Nullable Counts counts,
        double cpuSeconds,
        double rssMegabytes,
        String backend) {

    private static final Gson GSON = new GsonBuilder().serializeNulls().create();

    /** One line of JSON. Counts are totals over the measured part, null when they could not be counted. */
    String toJson() {
        JsonObject json = new JsonObject();
        json.addProperty("workload", workload);
        json.addProperty("engine", engine);
        json.addProperty("round", round);
        json.addProperty("threads", threads);
        json.addProperty("sync", sync);
        json.addProperty("ops", ops);
        json.addProperty("seconds", round(seconds, 6));
        json.addProperty("ops_per_s", round(opsPerSecond, 1));
        json.addProperty("p50_us", round(p50Micros, 3));
        json.addProperty("p99_us", round(p99Micros, 3));
        json.addProperty("p999_us", round(p999Micros, 3));
        json.add("io_syscalls", count(counts == null ? null : counts.ioSyscalls()));
        json.add("syscalls", count(counts == null ? null : counts.syscalls()));
        json.add("switches", count(counts == null ? null : counts.switches()));
        json.addProperty("cpu_s", round(cpuSeconds, 2));
        json.addProperty("rss_mb", round(rssMegabytes, 1));
        json.addProperty("backend", backend);
        return GSON.toJson(json);
    }

    private static JsonElement count(@Nullable Long value) {
        return value == null ? JsonNull.INSTANCE : new JsonPrimitive(value);
    }

    private static double round(double value, int digits) {
        double unit = Math.pow(10, digits);
        return Math.rint(value * unit) / unit;
    }
}
