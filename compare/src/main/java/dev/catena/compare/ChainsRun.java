package dev.catena.compare;

import dev.catena.compare.chains.ChainCase;
import dev.catena.compare.chains.Pass;
import dev.catena.compare.chains.Setting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Runs cases in all their settings.
 *
 * <ol>
 *   <li>A first pass in each setting is counted: system calls and switches. It warms up the JVM as well, and is not timed, because
 *       counting slows system calls down.
 *   <li>Then the rounds, each with one timed pass in each setting, one after the other; nothing counts meanwhile. Slow drifts of the
 *       machine so touch all settings alike.
 * </ol>
 *
 * <p>A backend is open during its own passes only: what it costs the others is a case of its own. A setting that fails is reported
 * and left out. Used by one thread.
 */
final class ChainsRun {
    private final List<ChainCase> cases;
    private final List<Setting> available;
    private final int rounds;
    private final Path directory;
    private final boolean counting;
    private final ProgressBar progress;
    private final List<ChainsRecord> records = new ArrayList<>();
    private final List<String> failures = new ArrayList<>();
    private int passesDone;

    ChainsRun(
            List<ChainCase> cases,
            List<Setting> available,
            int rounds,
            Path directory,
            boolean counting,
            ProgressBar progress) {
        this.cases = cases;
        this.available = available;
        this.rounds = rounds;
        this.directory = directory;
        this.counting = counting;
        this.progress = progress;
    }

    List<ChainsRecord> records() {
        return records;
    }

    /** What went wrong, a line each. */
    List<String> failures() {
        return failures;
    }

    /** Runs everything. */
    void run() throws IOException {
        Path scratch = directory.resolve("chains-" + ProcessHandle.current().pid());
        try (ShutdownHook _ = new ShutdownHook(() -> Comparison.deleteQuietly(scratch))) {
            for (ChainCase each : cases) {
                Files.createDirectories(scratch);
                try (each) {
                    each.prepare(scratch);
                    run(each);
                }
                Comparison.deleteQuietly(scratch);
            }
        } finally {
            Comparison.deleteQuietly(scratch);
            progress.clear();
        }
    }

    private void run(ChainCase each) throws IOException {
        Map<Setting, Measured> counted = new LinkedHashMap<>();
        Map<Setting, List<ChainsRecord.Round>> timed = new LinkedHashMap<>();
        for (Setting setting : each.settings(available)) {
            Measured first = attempt(each, setting, 0, counting);
            if (first != null) {
                counted.put(setting, first);
                timed.put(setting, new ArrayList<>());
            }
        }
        for (int round = 1; round <= rounds; round++) {
            Map<Setting, Measured> passes = new LinkedHashMap<>();
            for (Setting setting : timed.keySet()) {
                Measured pass = attempt(each, setting, round, false);
                if (pass != null) {
                    passes.put(setting, pass);
                }
            }
            Measured reference = passes.get(new Setting(Setting.REFERENCE, null));
            passes.forEach((setting, pass) -> {
                double times = reference == null ? 0 : reference.time(each) / pass.time(each);
                List<ChainsRecord.Round> done = timed.get(setting);
                if (done != null) {
                    done.add(pass.round(times));
                }
            });
        }
        timed.forEach((setting, done) -> {
            Measured first = counted.get(setting);
            if (first != null && !done.isEmpty()) {
                records.add(new ChainsRecord(each.name(), setting, first.figures.steps(), first.counts, done));
            }
        });
    }

    /** What was measured in one pass. */
    private record Measured(
            Pass.Figures figures, long cpuNanos, double programNanos, SyscallCounter.@Nullable Counts counts) {
        /** What is compared, in nanoseconds a step. */
        double time(ChainCase of) {
            return of.isLatency() ? figures.p50() : (double) figures.nanos() / figures.steps();
        }

        ChainsRecord.Round round(double timesReference) {
            return new ChainsRecord.Round(
                    figures.p50() / 1e3,
                    figures.p99() / 1e3,
                    figures.bytes() * 1e3 / figures.nanos(),
                    cpuNanos / 1e3 / figures.steps(),
                    programNanos,
                    timesReference);
        }
    }

    private @Nullable Measured attempt(ChainCase each, Setting setting, int round, boolean counted) throws IOException {
        int passes = 0;
        for (ChainCase one : cases) {
            passes += one.settings(available).size() * (rounds + 1);
        }
        progress.at(
                (double) passesDone++ / passes,
                each.name() + " " + setting,
                round == 0 ? "  counted" : "  round " + round + "/" + rounds);
        try (Pass pass = each.open(setting)) {
            return counted ? count(each, pass) : time(pass);
        } catch (RuntimeException e) {
            failures.add(each.name() + " " + setting + ": " + e);
            return null;
        }
    }

    private static Measured count(ChainCase each, Pass pass) throws IOException {
        try (SyscallCounter counter = SyscallCounter.open()) {
            counter.start(each.process());
            Pass.Figures figures = pass.run();
            return new Measured(figures, 0, 0, counter.stop());
        }
    }

    private static Measured time(Pass pass) throws IOException {
        Map<String, Long> before = pass.counters();
        long cpu = ProcessClock.nanos();
        Pass.Figures figures = pass.run();
        long cpuUsed = ProcessClock.nanos() - cpu;
        Map<String, Long> after = pass.counters();
        long completions = difference(before, after, "program.completions");
        double programNanos = completions == 0 ? 0 : (double) difference(before, after, "program.nanos") / completions;
        return new Measured(figures, cpuUsed, programNanos, null);
    }

    private static long difference(Map<String, Long> before, Map<String, Long> after, String counter) {
        return after.getOrDefault(counter, 0L) - before.getOrDefault(counter, 0L);
    }
}
