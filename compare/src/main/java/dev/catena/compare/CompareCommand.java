package dev.catena.compare;

import dev.catena.bench.StoreSettings;
import dev.catena.bench.Workload;
import dev.catena.io.chain.ChainRuntime;
import java.io.BufferedWriter;
import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code catena compare}: reads the options, runs a {@link Comparison}, and shows what it found. */
@Command(
        name = "compare",
        description = {
            "Runs the same workloads on Catena and on RocksDB and shows the figures side by side.",
            "",
            "Each run has a JVM of its own; the two engines take turns, round by round. Keys are 16 bytes, values 100 bytes that"
                    + " compress to about a half. System calls and voluntary context switches are counted from outside, by a BPF"
                    + " program on the process (needs root); a dash stands where that is not possible.",
            "",
            "Workloads:",
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "--json writes one object a line: workload, engine, round, threads, sync, ops, seconds, ops_per_s, p50_us, p99_us,"
                    + " p999_us, io_syscalls, syscalls, switches, cpu_s, rss_mb, backend. io_syscalls, syscalls, switches and"
                    + " cpu_s are totals of the run's measured part (null where they cannot be counted); rss_mb is resident memory at"
                    + " its end.",
            "",
            "Examples:",
            "  catena compare",
            "  catena compare --workloads fillsync16,readrandom --rounds 5",
            "  catena compare --full --json results.jsonl",
            "  CATENA_BACKEND=user catena compare --workloads fillsync",
            "",
            "Exit codes: 0 all runs succeeded; 1 a run failed; 2 wrong usage."
        })
final class CompareCommand implements Callable<Integer> {
    private static final int MEBIBYTE_SHIFT = 20;

    private final PrintStream out;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    /** How much. */
    static final class Amount {
        @Option(names = "--quick", description = "3 rounds, 500,000 keys, 0.6 s a run: within three minutes (default).")
        private boolean quick;

        @Option(names = "--full", description = "5 rounds, 4,000,000 keys, 15 s a run: about an hour.")
        @SuppressWarnings("UnusedVariable") // one of the group is given, and it is not the other
        private boolean full;
    }

    @ArgGroup
    private @Nullable Amount amount;

    @Option(
            names = "--workloads",
            paramLabel = "NAMES",
            split = ",",
            description = "Only these, in this order, separated by commas (default: all).")
    private List<String> workloads = new ArrayList<>();

    @Option(names = "--rounds", paramLabel = "N", description = "Rounds of each workload.")
    private @Nullable Integer rounds;

    @Option(names = "--keys", paramLabel = "N", description = "Keys in the store.")
    private @Nullable Long keys;

    @Option(
            names = "--seconds",
            paramLabel = "S",
            description = "Longest measured part of a run (fillrandom: four times that).")
    private @Nullable Double seconds;

    @Option(names = "--warm-up", paramLabel = "S", description = "How long a workload runs before it is measured.")
    private @Nullable Double warmUpSeconds;

    @Option(
            names = "--cache-mib",
            paramLabel = "N",
            description = "Block cache of either engine (default: ${DEFAULT-VALUE}).",
            defaultValue = "128")
    private int cacheMebibytes;

    @Option(
            names = "--memtable-mib",
            paramLabel = "N",
            description = "Memtable of either engine (default: ${DEFAULT-VALUE}).",
            defaultValue = "64")
    private int memtableMebibytes;

    @Option(
            names = "--rocksdb-recycled-logs",
            paramLabel = "N",
            description =
                    "RocksDB's recycle_log_file_num (default: ${DEFAULT-VALUE}, as RocksDB comes; Catena always recycles).",
            defaultValue = "0")
    private int rocksRecycledLogs;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "Where the stores are made, on the disk to be measured (default: compare below target/).")
    private @Nullable Path directory;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "The HTML report (default: compare/report.html below target/).")
    private @Nullable Path report;

    @Option(names = "--json", paramLabel = "FILE", description = "Write each run as a line of JSON.")
    private @Nullable Path json;

    CompareCommand(PrintStream out) {
        this.out = out;
    }

    /** The command with its help, to which the list of workloads is added. */
    static CommandLine line(PrintStream out) {
        CommandLine line = new CommandLine(new CompareCommand(out));
        UsageMessageSpec usage = line.getCommandSpec().usageMessage();
        Stream<String> workloads = Arrays.stream(Workload.values())
                .map(workload -> String.format(Locale.ROOT, "  %-11s %s", workload.label(), workload.summary())
                        .replace("%", "%%"));
        usage.description(
                Stream.concat(Arrays.stream(usage.description()), Stream.concat(workloads, Stream.of("", "Options:")))
                        .toArray(String[]::new));
        return line;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        Path base = targetDirectory().resolve("compare");
        Path place = directory == null ? base : directory;
        Path reportFile = report == null ? base.resolve("report.html") : report;
        StoreSettings settings = new StoreSettings(
                (long) positive("--memtable-mib", memtableMebibytes) << MEBIBYTE_SHIFT,
                (long) positive("--cache-mib", cacheMebibytes) << MEBIBYTE_SHIFT,
                StoreSettings.DEFAULTS.blockBytes(),
                StoreSettings.DEFAULTS.filterBitsPerKey());
        Comparison.Plan plan = new Comparison.Plan(chosen(), scale(), settings, rocksRecycledLogs, place);
        Files.createDirectories(place);
        requireBackend();
        // Before any run: a result file that cannot be written should not be found out at the end.
        try (BufferedWriter jsonWriter = json == null ? null : Files.newBufferedWriter(json);
                SyscallCounter counter = SyscallCounter.open()) {
            boolean terminal = isTerminal();
            Comparison comparison = new Comparison(plan, counter, out, terminal);
            List<String> setting =
                    Descriptions.of(plan, counter, Machine.disk(place).toString());
            out.println("Comparing Catena with RocksDB: " + labels(plan.workloads()) + "; about "
                    + ProgressBar.clock(comparison.plannedSeconds()) + " minutes.");
            setting.forEach(line -> out.println("  " + line));
            out.flush();

            comparison.run();

            Summary summary = new Summary(comparison.records());
            out.println();
            out.print(ResultTable.text(summary));
            out.println();
            out.println(Descriptions.LEGEND);
            comparison.failures().forEach(failure -> out.println("FAILED: " + failure));
            if (jsonWriter != null) {
                for (RunRecord run : comparison.records()) {
                    jsonWriter.write(run.toJson());
                    jsonWriter.newLine();
                }
                out.println("Runs: " + json);
            }
            HtmlReport.write(reportFile, summary, comparison.records(), setting, comparison.failures());
            out.println("Report: " + reportFile);
            return comparison.failures().isEmpty() ? 0 : 1;
        }
    }

    /** Before any run: a backend asked for by name that does not work should not be found out in a child. */
    private static void requireBackend() {
        try (ChainRuntime _ = ChainRuntime.acquire(null)) {
            return;
        } catch (UnsupportedOperationException | IllegalArgumentException e) {
            throw new CommandFailure("CATENA_BACKEND does not work here: " + e.getMessage(), e);
        }
    }

    /** Build output: what bin/catena names, or {@code target} here. */
    static Path targetDirectory() {
        return Path.of(System.getProperty("catena.target", "target"));
    }

    /** Whether stdout is somebody's screen. */
    static boolean isTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    private static String labels(List<Workload> chosen) {
        return chosen.stream().map(Workload::label).collect(Collectors.joining(", "));
    }

    private List<Workload> chosen() {
        if (workloads.isEmpty()) {
            return List.of(Workload.values());
        }
        return workloads.stream()
                .map(name -> Workload.named(name.strip())
                        .orElseThrow(() -> usage(
                                "there is no workload " + name + ": there are " + labels(List.of(Workload.values())))))
                .distinct()
                .toList();
    }

    private Scale scale() {
        Scale base = amount == null || amount.quick ? Scale.QUICK : Scale.FULL;
        Scale scale = new Scale(
                rounds == null ? base.rounds() : rounds,
                keys == null ? base.keys() : keys,
                seconds == null ? base.seconds() : seconds,
                warmUpSeconds == null ? base.warmUpSeconds() : warmUpSeconds,
                // Who says how much does not want less.
                rounds == null && keys == null && seconds == null && warmUpSeconds == null
                        ? base.limitSeconds()
                        : Scale.NO_LIMIT);
        if (scale.rounds() < 1 || scale.keys() < 100 || !(scale.seconds() >= 0.01) || !(scale.warmUpSeconds() >= 0)) {
            throw usage("at least 1 round, 100 keys, 0.01 seconds and a warm-up of 0 are needed");
        }
        return scale;
    }

    private int positive(String option, int value) {
        if (value < 1) {
            throw usage(option + " is " + value + ": at least 1 is needed");
        }
        return value;
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
