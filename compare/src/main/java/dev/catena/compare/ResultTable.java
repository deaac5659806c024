package dev.catena.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/** Renders a {@link Summary} as cells, and those as text. */
final class ResultTable {
    /** What stands where nothing could be measured. */
    static final String NONE = "-";

    static final List<String> HEADINGS = List.of(
            "workload",
            "engine",
            "ops/s",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "I/O calls/op",
            "calls/op",
            "switches/op",
            "Catena/RocksDB (min–max)");

    private static final int LEFT_ALIGNED = 2;

    private ResultTable() {}

    /** Two rows a workload, Catena's first, with a cell for each heading; the ratio stands in the first. */
    static List<List<String>> rows(Summary summary) {
        List<List<String>> rows = new ArrayList<>();
        for (String workload : summary.workloads()) {
            for (Engine engine : Engine.values()) {
                boolean first = engine == Engine.CATENA;
                rows.add(List.of(
                        first ? workload : "",
                        engine.label(),
                        rate(summary.median(workload, engine, RunRecord::opsPerSecond)),
                        micros(summary.median(workload, engine, RunRecord::p50Micros)),
                        micros(summary.median(workload, engine, RunRecord::p99Micros)),
                        micros(summary.median(workload, engine, RunRecord::p999Micros)),
                        count(summary.perOperation(workload, engine, SyscallCounter.Counts::ioSyscalls)),
                        count(summary.perOperation(workload, engine, SyscallCounter.Counts::syscalls)),
                        count(summary.perOperation(workload, engine, SyscallCounter.Counts::switches)),
                        first ? ratio(summary.ratio(workload)) : ""));
            }
        }
        return rows;
    }

    /** The table as text. */
    static String text(Summary summary) {
        List<List<String>> lines = new ArrayList<>();
        lines.add(HEADINGS);
        lines.addAll(rows(summary));
        return text(lines, LEFT_ALIGNED);
    }

    /** Rows of cells as text, a line a row, the first columns left-aligned; no space at a line's end. */
    static String text(List<List<String>> lines, int leftAligned) {
        int[] widths = new int[lines.getFirst().size()];
        for (List<String> line : lines) {
            for (int column = 0; column < widths.length; column++) {
                widths[column] = Math.max(widths[column], line.get(column).length());
            }
        }
        StringBuilder text = new StringBuilder();
        for (List<String> line : lines) {
            StringBuilder row = new StringBuilder();
            for (int column = 0; column < widths.length; column++) {
                String cell = line.get(column);
                String padding = " ".repeat(widths[column] - cell.length());
                row.append(column == 0 ? "" : "  ").append(column < leftAligned ? cell + padding : padding + cell);
            }
            text.append(row.toString().stripTrailing()).append('\n');
        }
        return text.toString();
    }

    static String ratio(Summary.@Nullable Ratio ratio) {
        return ratio == null
                ? NONE
                : String.format(Locale.ROOT, "%.2f (%.2f–%.2f)", ratio.median(), ratio.min(), ratio.max());
    }

    static String rate(OptionalDouble value) {
        return value.isEmpty() ? NONE : String.format(Locale.ROOT, "%,.0f", value.getAsDouble());
    }

    static String micros(OptionalDouble value) {
        if (value.isEmpty()) {
            return NONE;
        }
        double micros = value.getAsDouble();
        return String.format(Locale.ROOT, micros < 100 ? "%.1f" : "%,.0f", micros);
    }

    static String count(OptionalDouble value) {
        if (value.isEmpty()) {
            return NONE;
        }
        double count = value.getAsDouble();
        return count >= 100
                ? String.format(Locale.ROOT, "%,.0f", count)
                : String.format(Locale.ROOT, count > 0 && count < 0.1 ? "%.4f" : "%.2f", count);
    }
}
