package dev.catena.compare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * The runs of a comparison, by workload. Every figure of an engine is the median over its rounds; a ratio is Catena's operations a
 * second over RocksDB's in the same round, which ran one after the other.
 */
final class Summary {
    /**
     * Ratios over the rounds.
     *
     * @param median the middle one
     * @param min the smallest
     * @param max the largest
     */
    record Ratio(double median, double min, double max) {}

    private final Map<String, List<RunRecord>> byWorkload = new LinkedHashMap<>();

    /** Takes runs in the order in which their workloads are shown. */
    Summary(List<RunRecord> runs) {
        for (RunRecord run : runs) {
            byWorkload
                    .computeIfAbsent(run.workload(), name -> new ArrayList<>())
                    .add(run);
        }
    }

    /** Workloads that have a run. */
    List<String> workloads() {
        return List.copyOf(byWorkload.keySet());
    }

    /** An engine's runs of a workload, by round. */
    List<RunRecord> runs(String workload, Engine engine) {
        return byWorkload.getOrDefault(workload, List.of()).stream()
                .filter(run -> run.engine().equals(engine.label()))
                .toList();
    }

    /** The median of a figure over an engine's rounds; empty without runs. */
    OptionalDouble median(String workload, Engine engine, ToDoubleFunction<RunRecord> figure) {
        double[] values = runs(workload, engine).stream().mapToDouble(figure).toArray();
        return values.length == 0 ? OptionalDouble.empty() : OptionalDouble.of(medianOf(values));
    }

    /** The median of a count an operation; empty when it was not counted. */
    OptionalDouble perOperation(String workload, Engine engine, ToDoubleFunction<SyscallCounter.Counts> count) {
        double[] values = runs(workload, engine).stream()
                .filter(run -> run.counts() != null && run.ops() > 0)
                .mapToDouble(run -> {
                    SyscallCounter.Counts counts = run.counts();
                    return counts == null ? 0 : count.applyAsDouble(counts) / run.ops();
                })
                .toArray();
        return values.length == 0 ? OptionalDouble.empty() : OptionalDouble.of(medianOf(values));
    }

    /** Catena's operations a second over RocksDB's; null when no round has both. */
    @Nullable
    Ratio ratio(String workload) {
        List<RunRecord> rocks = runs(workload, Engine.ROCKSDB);
        double[] ratios = runs(workload, Engine.CATENA).stream()
                .flatMap(run -> rocks.stream()
                        .filter(other -> other.round() == run.round() && other.opsPerSecond() > 0)
                        .map(other -> run.opsPerSecond() / other.opsPerSecond()))
                .mapToDouble(Double::doubleValue)
                .toArray();
        if (ratios.length == 0) {
            return null;
        }
        Arrays.sort(ratios);
        return new Ratio(medianOf(ratios), ratios[0], ratios[ratios.length - 1]);
    }

    private static double medianOf(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
