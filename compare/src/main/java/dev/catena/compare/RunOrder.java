package dev.catena.compare;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.catena.bench.StoreSettings;
import dev.catena.bench.Workload;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What a child JVM is told to do, as one JSON object on its command line.
 *
 * @param engine the store
 * @param workload what to run; null: load every key, then settle
 * @param directory where the store is or will be
 * @param progressFile where progress is published, see {@link dev.catena.bench.WorkloadRun}
 * @param settings the store's settings
 * @param rocksRecycledLogs see {@link RocksStore}
 * @param keys how many keys there are
 * @param operations at most so many
 * @param nanos at most so long, in nanoseconds
 * @param warmUpNanos how long to run before, in nanoseconds
 * @param seed decides every key and value
 */
record RunOrder(
        Engine engine,
        @Nullable Workload workload,
        Path directory,
        Path progressFile,
        StoreSettings settings,
        int rocksRecycledLogs,
        long keys,
        long operations,
        long nanos,
        long warmUpNanos,
        long seed) {

    /** Threads that publish progress. */
    int threads() {
        return workload == null ? 1 : workload.threads();
    }

    String toJson() {
        JsonObject json = new JsonObject();
        json.addProperty("engine", engine.name());
        if (workload != null) {
            json.addProperty("workload", workload.name());
        }
        json.addProperty("directory", directory.toString());
        json.addProperty("progressFile", progressFile.toString());
        json.addProperty("memtableBytes", settings.memtableBytes());
        json.addProperty("cacheBytes", settings.cacheBytes());
        json.addProperty("blockBytes", settings.blockBytes());
        json.addProperty("filterBitsPerKey", settings.filterBitsPerKey());
        json.addProperty("rocksRecycledLogs", rocksRecycledLogs);
        json.addProperty("keys", keys);
        json.addProperty("operations", operations);
        json.addProperty("nanos", nanos);
        json.addProperty("warmUpNanos", warmUpNanos);
        json.addProperty("seed", seed);
        return json.toString();
    }

    static RunOrder fromJson(String text) {
        JsonObject json = JsonParser.parseString(text).getAsJsonObject();
        return new RunOrder(
                Engine.valueOf(json.get("engine").getAsString()),
                json.has("workload") ? Workload.valueOf(json.get("workload").getAsString()) : null,
                Path.of(json.get("directory").getAsString()),
                Path.of(json.get("progressFile").getAsString()),
                new StoreSettings(
                        json.get("memtableBytes").getAsLong(),
                        json.get("cacheBytes").getAsLong(),
                        json.get("blockBytes").getAsInt(),
                        json.get("filterBitsPerKey").getAsInt()),
                json.get("rocksRecycledLogs").getAsInt(),
                json.get("keys").getAsLong(),
                json.get("operations").getAsLong(),
                json.get("nanos").getAsLong(),
                json.get("warmUpNanos").getAsLong(),
                json.get("seed").getAsLong());
    }
}
