package dev.catena.compare;

import dev.catena.bench.CatenaStore;
import dev.catena.bench.KeyFormat;
import dev.catena.bench.KeyValueStore;
import dev.catena.bench.PutWatch;
import dev.catena.bench.Soak;
import dev.catena.bench.StoreSettings;
import dev.catena.engine.Options;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code catena soak}: more data than memory, loaded and overwritten once; what puts, device and disk space have to bear. */
@Command(
        name = "soak",
        description = {
            "Loads a store with far more than memory holds, overwrites it once in another order, waits until it is idle, and compacts it."
                    + " Shows how long puts took and where the longest were, what was written for what was put, and the space that is left.",
            "",
            "Keys are 16 bytes, values random bytes; puts are unsynced, from one thread, as fast as they go. All in this JVM: bound its"
                    + " heap with CATENA_JAVA_OPTS, and its memory with a cgroup around the command.",
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  catena soak --gib 1",
            "  catena soak --gib 2 --engines catena,rocksdb",
            "  CATENA_JAVA_OPTS=-Xmx128m systemd-run --scope -p MemoryMax=600M bin/catena soak --gib 10 --memory-mib 256",
            "",
            "Exit codes: 0 done; 1 it failed; 2 wrong usage."
        })
final class SoakCommand implements Callable<Integer> {
    private static final int SEED = 42;
    private static final String[] PASSES = {"load", "overwrite"};

    private final PrintStream out;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Option(
            names = "--gib",
            paramLabel = "N",
            defaultValue = "1",
            description = "Keys and values put in each pass, in 2^30 bytes (default: ${DEFAULT-VALUE}).")
    private double gibibytes;

    @Option(
            names = "--value-bytes",
            paramLabel = "N",
            defaultValue = "1024",
            description = "Bytes of a value (default: ${DEFAULT-VALUE}).")
    private int valueBytes;

    @Option(
            names = "--memory-mib",
            paramLabel = "N",
            defaultValue = "256",
            description =
                    "Catena's memoryBudget; RocksDB gets as large memtables, and half of this as its block cache (default:"
                            + " ${DEFAULT-VALUE}).")
    private int memoryMebibytes;

    @Option(
            names = "--engines",
            paramLabel = "NAMES",
            split = ",",
            defaultValue = "catena",
            description = "catena, rocksdb or both, one after the other (default: ${DEFAULT-VALUE}).")
    private List<Engine> engines = List.of();

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description =
                    "Where the store is made, on the disk to be measured; deleted afterwards (default: soak below target/).")
    private Path directory = CompareCommand.targetDirectory().resolve("soak");

    @Option(names = "--no-compact", description = "Leave the last part out: the compaction of the whole store.")
    private boolean noCompaction;

    private SoakCommand(PrintStream out) {
        this.out = out;
    }

    static CommandLine line(PrintStream out) {
        return new CommandLine(new SoakCommand(out));
    }

    @Override
    public Integer call() throws IOException {
        long keys = (long) (gibibytes * (1L << 30) / (KeyFormat.KEY_BYTES + valueBytes));
        if (keys < 100 || valueBytes < 1 || valueBytes > 1 << 20 || memoryMebibytes < 64) {
            throw new ParameterException(
                    spec.commandLine(),
                    "at least 100 keys, values of 1 to 1048576 bytes and 64 MiB of memory are needed");
        }
        Map<Engine, Map<String, String>> columns = new LinkedHashMap<>();
        try (SyscallCounter counter = SyscallCounter.open()) {
            if (!counter.unavailable().isEmpty()) {
                out.println("System calls are not counted: " + counter.unavailable());
            }
            for (Engine engine : engines) {
                Path place = directory.resolve(engine.label());
                delete(place);
                Files.createDirectories(place);
                try {
                    columns.put(engine, new Run(engine, place, keys, counter).run());
                } finally {
                    delete(place);
                }
            }
        }
        out.println();
        out.print(ResultTable.text(table(columns), 1));
        return 0;
    }

    private static List<List<String>> table(Map<Engine, Map<String, String>> columns) {
        List<List<String>> lines = new ArrayList<>();
        List<String> head = new ArrayList<>(List.of(""));
        columns.keySet().forEach(engine -> head.add(engine.label()));
        lines.add(head);
        for (String row : columns.values().iterator().next().keySet()) {
            List<String> line = new ArrayList<>(List.of(row));
            columns.values().forEach(column -> line.add(column.getOrDefault(row, ResultTable.NONE)));
            lines.add(line);
        }
        return lines;
    }

    private KeyValueStore open(Engine engine, Path place) {
        return switch (engine) {
            case CATENA -> new CatenaStore(place, options(), valueBytes);
            case ROCKSDB -> {
                StoreSettings settings = new StoreSettings(
                        options().memtableBytes(),
                        ((long) memoryMebibytes << 20) / 2,
                        StoreSettings.DEFAULTS.blockBytes(),
                        StoreSettings.DEFAULTS.filterBitsPerKey());
                yield new RocksStore(place, settings, 1, valueBytes, true);
            }
        };
    }

    private Options options() {
        long budget = (long) memoryMebibytes << 20;
        return Options.defaults()
                .withMemoryBudget(budget)
                .withMemtableBytes(Math.min(budget / 4, Options.defaults().memtableBytes()));
    }

    /** One engine's. */
    private final class Run {
        private final Engine engine;
        private final Path place;
        private final long keys;
        private final SyscallCounter counter;
        private final double userBytes;
        private final Map<String, String> figures = new LinkedHashMap<>();

        Run(Engine engine, Path place, long keys, SyscallCounter counter) {
            this.engine = engine;
            this.place = place;
            this.keys = keys;
            this.counter = counter;
            userBytes = (double) keys * (KeyFormat.KEY_BYTES + valueBytes);
        }

        Map<String, String> run() throws IOException {
            long writtenBefore = ProcessFigures.writtenBytes();
            try (KeyValueStore store = open(engine, place)) {
                out.printf(
                        Locale.ROOT,
                        "%s (%s): %,d keys, %.1f MiB, in %s%n",
                        engine.label(),
                        store.backend(),
                        keys,
                        userBytes / (1 << 20),
                        Machine.disk(place));
                Soak soak = new Soak(store, keys, valueBytes, SEED);
                for (int pass = 0; pass < PASSES.length; pass++) {
                    pass(soak, pass, PASSES[pass]);
                }
                counted("idle", store::awaitIdle);
                double put = PASSES.length * userBytes;
                figure("written by the process / put", "%.2f", (ProcessFigures.writtenBytes() - writtenBefore) / put);
                figure("tables written / put", "%.2f", store.tableBytesWritten() / put);
                figure("tables / live data", "%.3f", bytes(true) / userBytes);
                figure("all files / live data", "%.3f", bytes(false) / userBytes);
                if (!noCompaction) {
                    counted("compact", store::settle);
                    figure("compact: tables / live data", "%.3f", bytes(true) / userBytes);
                }
                figure("resident at most, MiB", "%,.0f", ProcessFigures.residentMebibytes("VmHWM"));
            }
            return figures;
        }

        private void pass(Soak soak, int number, String name) throws IOException {
            counter.start(ProcessHandle.current().pid());
            long began = System.nanoTime();
            Soak.Pass pass = soak.pass(number, done -> progress(name, done, began));
            io(name);
            double seconds = pass.nanos() / 1e9;
            figure(name + ": puts/s", "%,.0f", pass.puts() / seconds);
            for (double percentile : new double[] {50, 99, 99.9, 100}) {
                String which = percentile == 100 ? "longest" : String.format(Locale.ROOT, "p%.4g", percentile);
                figure(name + ": " + which + ", ms", "%,.4f", pass.latencies().getValueAtPercentile(percentile) / 1e6);
            }
            figure(name + ": puts of 100 ms and more", "%,.0f", (double) pass.overLimit());
            for (PutWatch.Place at : pass.longPuts()) {
                out.printf(
                        Locale.ROOT,
                        "  long puts: %,d, up to %.0f ms, %.1f s together: %s%n",
                        at.puts(),
                        at.longestNanos() / 1e6,
                        at.nanos() / 1e9,
                        at.where());
            }
            out.flush();
        }

        private void progress(String name, long done, long began) {
            long percent = done * 100 / keys;
            if (percent % 10 == 0) {
                out.printf(
                        Locale.ROOT,
                        "  %s %3d%%, %.0f s, resident %.0f MiB%n",
                        name,
                        percent,
                        (System.nanoTime() - began) / 1e9,
                        ProcessFigures.residentMebibytes("VmRSS"));
                out.flush();
            }
        }

        private void counted(String name, Runnable work) {
            counter.start(ProcessHandle.current().pid());
            long cpu = ProcessClock.nanos();
            long began = System.nanoTime();
            work.run();
            figure(name + ": seconds", "%,.1f", (System.nanoTime() - began) / 1e9);
            figure(name + ": CPU seconds", "%,.1f", (ProcessClock.nanos() - cpu) / 1e9);
            io(name);
        }

        private void io(String name) {
            SyscallCounter.Counts counts = counter.stop();
            figures.put(
                    name + ": I/O calls",
                    counts == null ? ResultTable.NONE : String.format(Locale.ROOT, "%,d", counts.ioSyscalls()));
            if (counts != null) {
                out.printf(Locale.ROOT, "  %s: I/O calls %s%n", name, counts.io());
            }
        }

        private void figure(String name, String format, double value) {
            figures.put(name, String.format(Locale.ROOT, format, value));
        }

        private double bytes(boolean tables) throws IOException {
            double bytes = 0;
            try (Stream<Path> files = Files.list(place)) {
                for (Path file : files.toList()) {
                    String name = file.getFileName().toString();
                    if (!tables || name.endsWith(".table") || name.endsWith(".sst")) {
                        bytes += Files.size(file);
                    }
                }
            }
            return bytes;
        }
    }

    private static void delete(Path directory) throws IOException {
        if (Files.exists(directory)) {
            try (Stream<Path> walk = Files.walk(directory)) {
                for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
    }
}
