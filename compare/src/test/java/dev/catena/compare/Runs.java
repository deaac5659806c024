package dev.catena.compare;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Made-up runs for tests. */
final class Runs {
    private Runs() {}

    static RunRecord run(
            String workload, Engine engine, int round, double rate, SyscallCounter.@Nullable Counts counts) {
        return new RunRecord(
                workload,
                engine.label(),
                round,
                16,
                true,
                1_000,
                1_000 / rate,
                rate,
                1e6 / rate,
                2e6 / rate,
                123.4564,
                counts,
                0.123,
                99.96,
                "made up");
    }

    private static SyscallCounter.Counts counts(long io, long all, long switches) {
        return new SyscallCounter.Counts(new TreeMap<>(Map.of("io_uring_enter", io)), all, switches);
    }

    /** Three rounds of fillsync16 on both, with counts, and readseq on RocksDB alone, without. */
    static List<RunRecord> some() {
        return List.of(
                run("fillsync16", Engine.CATENA, 1, 40_000, counts(150, 1_000, 2_000)),
                run("fillsync16", Engine.ROCKSDB, 1, 20_000, counts(1_100, 5_000, 3_000)),
                run("fillsync16", Engine.CATENA, 2, 50_000, counts(50, 1_000, 2_000)),
                run("fillsync16", Engine.ROCKSDB, 2, 10_000, counts(1_300, 5_000, 3_000)),
                run("fillsync16", Engine.CATENA, 3, 30_000, counts(70, 1_000, 2_000)),
                run("fillsync16", Engine.ROCKSDB, 3, 20_000, counts(1_200, 250_000, 3_000)),
                run("readseq", Engine.ROCKSDB, 1, 3_000_000, null));
    }
}
