package dev.catena.compare;

import dev.catena.compare.ChainsRecord.Round;
import dev.catena.compare.ChainsRecord.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** Renders records of chains as text. */
final class ChainsTable {
    private static final List<String> HEADINGS = List.of(
            "case",
            "backend",
            "placement",
            "steps",
            "I/O calls",
            "calls",
            "switches",
            "µs/step p50 (min–max)",
            "p99",
            "MB/s (min–max)",
            "CPU µs/step",
            "program ns",
            "times user (min–max)");

    private static final int LEFT_ALIGNED = 3;

    private ChainsTable() {}

    /** A line a record, under headings. */
    static String text(List<ChainsRecord> records) {
        List<List<String>> lines = new ArrayList<>();
        lines.add(HEADINGS);
        String last = "";
        for (ChainsRecord each : records) {
            SyscallCounter.Counts counts = each.counts();
            lines.add(List.of(
                    each.name().equals(last) ? "" : each.name(),
                    each.setting().backend(),
                    each.setting().placementName(),
                    String.format(Locale.ROOT, "%,d", each.steps()),
                    count(counts, SyscallCounter.Counts::ioSyscalls),
                    count(counts, SyscallCounter.Counts::syscalls),
                    count(counts, SyscallCounter.Counts::switches),
                    spread(each, Round::p50Micros),
                    figure(each.spread(Round::p99Micros).median()),
                    spread(each, Round::megabytesPerSecond),
                    figure(each.spread(Round::cpuMicros).median()),
                    figure(each.spread(Round::programNanos).median()),
                    spread(each, Round::timesReference)));
            last = each.name();
        }
        return ResultTable.text(lines, LEFT_ALIGNED);
    }

    private static String count(SyscallCounter.@Nullable Counts counts, ToDoubleFunction<SyscallCounter.Counts> count) {
        return counts == null ? ResultTable.NONE : ResultTable.rate(OptionalDouble.of(count.applyAsDouble(counts)));
    }

    private static String spread(ChainsRecord each, ToDoubleFunction<Round> value) {
        Spread spread = each.spread(value);
        return spread.max() == 0
                ? ResultTable.NONE
                : figure(spread.median()) + " (" + figure(spread.min()) + "–" + figure(spread.max()) + ")";
    }

    /** Three digits or more. */
    private static String figure(double value) {
        String format = value >= 100 ? "%,.0f" : value >= 10 ? "%.1f" : value >= 1 ? "%.2f" : "%.3f";
        return value == 0 ? ResultTable.NONE : String.format(Locale.ROOT, format, value);
    }
}
