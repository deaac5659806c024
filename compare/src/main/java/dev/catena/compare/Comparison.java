package dev.catena.compare;

import com.google.gson.JsonObject;
import dev.catena.bench.StoreSettings;
import dev.catena.bench.Workload;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Runs the workloads on both engines and collects the figures.
 *
 * <ol>
 *   <li>If a workload needs a loaded store, each engine loads one: every key once in random order, then all to the bottom level.
 *   <li>For each workload and round, first Catena and then RocksDB run it, each in a JVM of its own that ends before the next one
 *       starts. Both get the same seed. Slow drifts of the machine so touch both alike.
 *   <li>Workloads that only read use the loaded store; those that change it get a copy, synced to the device before they start.
 * </ol>
 *
 * <p>A run that fails is reported and left out; the others go on. Everything lies below one directory, and the stores are deleted at
 * the end. Used by one thread.
 */
final class Comparison {
    /** Seconds that a run takes beside its warm-up and measured part, about; a guess for the time left. */
    private static final double RUN_OVERHEAD_SECONDS = 1.0;

    /** Puts a second to plan with. */
    private static final double PLANNED_PUTS_PER_SECOND = 200_000;

    /** Bytes of disk a key: loaded stores of both engines, a copy, a log and compactions in progress. */
    private static final long DISK_BYTES_PER_KEY = 1_000;

    private static final long DISK_BYTES_LEAST = 1L << 30;
    private static final int DELETE_ATTEMPTS = 5;
    private static final long LOAD_SEED = 1;
    private static final long ROUND_SEED = 1_000;

    /**
     * What to compare and how.
     *
     * @param workloads in the order in which they run
     * @param scale how much of each
     * @param settings of both stores
     * @param rocksRecycledLogs see {@link RocksStore}
     * @param directory where stores, logs and progress files go
     */
    record Plan(List<Workload> workloads, Scale scale, StoreSettings settings, int rocksRecycledLogs, Path directory) {}

    private final Plan plan;
    private final SyscallCounter counter;
    private final PrintStream out;
    private final boolean terminal;
    private final Path data;
    private final Path logs;
    private final List<RunRecord> records = new ArrayList<>();
    private final List<String> failures = new ArrayList<>();
    private final Set<Engine> loaded = EnumSet.noneOf(Engine.class);

    Comparison(Plan plan, SyscallCounter counter, PrintStream out, boolean terminal) {
        this.plan = plan;
        this.counter = counter;
        this.out = out;
        this.terminal = terminal;
        this.data = plan.directory.resolve("data-" + ProcessHandle.current().pid());
        this.logs = plan.directory.resolve("logs");
    }

    /** The runs that succeeded, in the order in which they ran. */
    List<RunRecord> records() {
        return records;
    }

    /** What went wrong, a line each. */
    List<String> failures() {
        return failures;
    }

    /** Runs everything. */
    void run() throws IOException, InterruptedException {
        checkSpace();
        Files.createDirectories(data);
        Files.createDirectories(logs);
        long began = System.nanoTime();
        try (ShutdownHook _ = new ShutdownHook(this::endEarly)) {
            ProgressBar progress = new ProgressBar(out, terminal, plannedSeconds());
            if (needsLoad()) {
                for (Engine engine : Engine.values()) {
                    load(engine, progress);
                }
            }
            int rounds = plan.scale.rounds();
            for (Workload workload : plan.workloads) {
                int affordable = affordableRounds(workload, began);
                if (affordable < rounds) {
                    progress.line("(this machine is slow today: rounds from here on: " + affordable + ")");
                }
                rounds = affordable;
                for (int round = 1; round <= rounds; round++) {
                    for (Engine engine : Engine.values()) {
                        measure(workload, engine, round, progress);
                    }
                }
                progress.skip((plan.scale.rounds() - rounds) * Engine.values().length * plannedSeconds(workload));
            }
        } finally {
            deleteQuietly(data);
        }
    }

    private void endEarly() {
        ChildJvm.endAll();
        deleteQuietly(data);
    }

    private boolean needsLoad() {
        return plan.workloads.stream().anyMatch(workload -> workload.start() != Workload.Start.EMPTY);
    }

    private double plannedLoadSeconds() {
        return RUN_OVERHEAD_SECONDS + 2 * plan.scale.keys() / PLANNED_PUTS_PER_SECOND;
    }

    private double plannedSeconds(Workload workload) {
        double measured = plan.scale.secondsOf(workload);
        if (workload == Workload.FILLRANDOM) {
            measured = Math.min(measured, plan.scale.keys() / PLANNED_PUTS_PER_SECOND);
        }
        return RUN_OVERHEAD_SECONDS + plan.scale.warmUpNanos(workload) / 1e9 + measured;
    }

    /** How long everything takes, about. */
    double plannedSeconds() {
        return plannedSecondsBefore(plan.workloads.size());
    }

    /** The plan's seconds for the loads and so many workloads, all rounds. */
    private double plannedSecondsBefore(int workloads) {
        double seconds = needsLoad() ? Engine.values().length * plannedLoadSeconds() : 0;
        for (Workload workload : plan.workloads.subList(0, workloads)) {
            seconds += plan.scale.rounds() * Engine.values().length * plannedSeconds(workload);
        }
        return seconds;
    }

    private int affordableRounds(Workload next, long began) {
        double before = plannedSecondsBefore(plan.workloads.indexOf(next));
        double elapsed = (System.nanoTime() - began) / 1e9;
        return plan.scale.affordableRounds(elapsed, before, plannedSeconds() - before);
    }

    private void checkSpace() throws IOException {
        long needed = Math.max(DISK_BYTES_LEAST, plan.scale.keys() * DISK_BYTES_PER_KEY);
        long free = Files.getFileStore(plan.directory).getUsableSpace();
        if (free < needed) {
            throw new CommandFailure(String.format(
                    Locale.ROOT,
                    "%s has %,d MiB free and this needs %,d MiB: free some, or choose another disk with --dir",
                    plan.directory,
                    free >> 20,
                    needed >> 20));
        }
    }

    private Path loadedStore(Engine engine) {
        return data.resolve(engine.label() + "-loaded");
    }

    private void load(Engine engine, ProgressBar progress) throws IOException, InterruptedException {
        String name = engine.label() + " load";
        progress.begin(name, plannedLoadSeconds());
        RunOrder order = order(engine, null, loadedStore(engine), LOAD_SEED);
        try {
            ChildJvm.Outcome outcome = ChildJvm.run(
                    order,
                    SyscallCounter.none("not counted"),
                    logs.resolve(engine.label() + "-load.log"),
                    done -> progress.update(done, "keys"));
            loaded.add(engine);
            progress.end(String.format(
                    Locale.ROOT,
                    "%-10s  %-7s  %,d keys, %,.0f/s",
                    "(load)",
                    engine.label(),
                    outcome.result().get("ops").getAsLong(),
                    outcome.result().get("ops_per_s").getAsDouble()));
        } catch (ChildJvm.ChildFailed e) {
            fail(name, e, progress);
        }
    }

    private void measure(Workload workload, Engine engine, int round, ProgressBar progress)
            throws IOException, InterruptedException {
        int rounds = plan.scale.rounds();
        String name = workload.label() + " " + engine.label() + " " + round + "/" + rounds;
        progress.begin(name, plannedSeconds(workload));
        if (workload.start() != Workload.Start.EMPTY && !loaded.contains(engine)) {
            progress.end(name + ": left out, its store could not be loaded");
            return;
        }
        Path directory = workload.start() == Workload.Start.LOADED
                ? loadedStore(engine)
                : data.resolve(engine.label() + "-" + workload.label());
        try {
            if (workload.start() == Workload.Start.COPY_OF_LOADED) {
                copy(loadedStore(engine), directory);
            }
            Path errors = logs.resolve(workload.label() + "-" + engine.label() + "-" + round + ".log");
            RunOrder order = order(engine, workload, directory, round * ROUND_SEED);
            ChildJvm.Outcome outcome = ChildJvm.run(order, counter, errors, done -> progress.update(done, "ops"));
            RunRecord run = toRecord(workload, engine, round, outcome);
            long wrong = outcome.result().get("wrong").getAsLong();
            if (wrong > 0) {
                throw new ChildJvm.ChildFailed(wrong + " reads did not find what must be there");
            }
            records.add(run);
            progress.end(String.format(
                    Locale.ROOT,
                    "%-10s  %-7s  %d/%d  %,12.0f ops/s  p50 %s µs  p99 %s µs",
                    workload.label(),
                    engine.label(),
                    round,
                    rounds,
                    run.opsPerSecond(),
                    micros(run.p50Micros()),
                    micros(run.p99Micros())));
        } catch (ChildJvm.ChildFailed e) {
            fail(name, e, progress);
        } finally {
            if (workload.start() != Workload.Start.LOADED) {
                deleteQuietly(directory);
            }
        }
    }

    private static String micros(double micros) {
        return ResultTable.micros(OptionalDouble.of(micros));
    }

    private void fail(String name, ChildJvm.ChildFailed failure, ProgressBar progress) {
        String line = name + ": " + failure.getMessage();
        failures.add(line);
        progress.end("FAILED  " + line);
    }

    private RunOrder order(Engine engine, @Nullable Workload workload, Path directory, long seed) {
        Scale scale = plan.scale;
        return new RunOrder(
                engine,
                workload,
                directory,
                data.resolve("progress"),
                plan.settings,
                plan.rocksRecycledLogs,
                scale.keys(),
                workload == null ? scale.keys() : scale.operations(workload),
                workload == null ? Long.MAX_VALUE : scale.nanos(workload),
                workload == null ? 0 : scale.warmUpNanos(workload),
                seed);
    }

    private static RunRecord toRecord(Workload workload, Engine engine, int round, ChildJvm.Outcome outcome) {
        JsonObject result = outcome.result();
        return new RunRecord(
                workload.label(),
                engine.label(),
                round,
                workload.threads(),
                workload.synced(),
                result.get("ops").getAsLong(),
                result.get("seconds").getAsDouble(),
                result.get("ops_per_s").getAsDouble(),
                result.get("p50_us").getAsDouble(),
                result.get("p99_us").getAsDouble(),
                result.get("p999_us").getAsDouble(),
                outcome.counts(),
                outcome.cpuSeconds(),
                outcome.rssMegabytes(),
                result.get("backend").getAsString());
    }

    /** Copies a closed store and syncs every file, so that no writing back goes on while the copy is measured. */
    private static void copy(Path from, Path to) throws IOException {
        deleteQuietly(to);
        Files.createDirectories(to);
        List<Path> files;
        try (Stream<Path> list = Files.list(from)) {
            files = list.filter(Files::isRegularFile).toList();
        }
        for (Path file : files) {
            Path copy = to.resolve(file.getFileName().toString());
            Files.copy(file, copy);
            try (FileChannel channel = FileChannel.open(copy, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
    }

    /**
     * One at a time: when the JVM is told to end, two threads come here for the same directory. What is deleted elsewhere meanwhile
     * makes the walk fail, so that is tried again. What cannot be deleted stays below target/, where it does no harm.
     */
    static synchronized void deleteQuietly(Path directory) {
        for (int attempt = 0; attempt < DELETE_ATTEMPTS && Files.exists(directory); attempt++) {
            try (Stream<Path> walk = Files.walk(directory)) {
                for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(path);
                }
            } catch (IOException | UncheckedIOException e) {
                continue;
            }
        }
    }
}
