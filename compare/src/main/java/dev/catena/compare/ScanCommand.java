package dev.catena.compare;

import dev.catena.bench.KeyFormat;
import dev.catena.bench.KeyValueStore;
import dev.catena.bench.StoreSettings;
import dev.catena.bench.WorkloadRun;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code catena scan DIR}: how long it takes to walk once through all entries when nothing of the store is in memory. */
@Command(
        name = "scan",
        description = {
            "Walks through all entries of a store that is in no cache: a new process' block cache is empty, and the page cache is emptied"
                    + " before each walk (needs root). Catena and RocksDB take turns, each with every readahead asked for.",
            "",
            "A directory without the stores gets them first, as `catena compare` loads them; they stay.",
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  catena scan /data/scan --keys 8000000",
            "  catena scan /data/scan --keys 8000000 --readahead auto,0,2097152 --engines catena",
            "  catena scan /data/scan --keys 8000000 --warm",
            "",
            "Exit codes: 0 done; 1 it failed; 2 wrong usage."
        })
final class ScanCommand implements Callable<Integer> {
    private static final Path DROP_CACHES = Path.of("/proc/sys/vm/drop_caches");
    private static final int ENTRY_BYTES = 116;
    private static final double MEGA = 1e6;

    private final PrintStream out;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "DIR", description = "Where the stores are.")
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private Path directory;

    @Option(
            names = "--keys",
            paramLabel = "N",
            defaultValue = "1000000",
            description = "Keys of the stores (default: ${DEFAULT-VALUE}).")
    private long keys;

    @Option(
            names = "--rounds",
            paramLabel = "N",
            defaultValue = "5",
            description = "Walks of each (default: ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(
            names = "--engines",
            paramLabel = "NAME",
            split = ",",
            defaultValue = "catena,rocksdb",
            description = "Which engines (default: ${DEFAULT-VALUE}).")
    private List<String> engines = List.of();

    @Option(
            names = "--readahead",
            paramLabel = "BYTES",
            split = ",",
            defaultValue = "auto,2097152",
            description = "Bytes read ahead, or auto for what the engine does by itself (default: ${DEFAULT-VALUE}).")
    private List<String> readahead = List.of();

    @Option(names = "--warm", description = "Leave the page cache as it is.")
    private boolean warm;

    private ScanCommand(PrintStream out) {
        this.out = out;
    }

    static CommandLine line(PrintStream out) {
        return new CommandLine(new ScanCommand(out));
    }

    /** One column of figures. */
    private final class Setting {
        final Engine engine;
        final String label;
        final long readaheadBytes;
        final List<Double> seconds = new ArrayList<>();
        final List<Double> calls = new ArrayList<>();

        Setting(Engine engine, String text) {
            this.engine = engine;
            label = text;
            try {
                readaheadBytes = text.equals("auto") ? KeyValueStore.AUTOMATIC_READAHEAD : Long.parseLong(text);
            } catch (NumberFormatException e) {
                throw new ParameterException(spec.commandLine(), "no number of bytes: " + text, e);
            }
        }

        Path store() {
            return directory.resolve(engine.label());
        }

        void walk(SyscallCounter counter, boolean counts) throws IOException {
            try (KeyValueStore store = engine.open(store(), StoreSettings.DEFAULTS, 0);
                    KeyValueStore.Session session = store.session()) {
                if (!warm) {
                    Files.writeString(DROP_CACHES, "1\n");
                }
                counter.start(ProcessHandle.current().pid());
                long began = System.nanoTime();
                long found = 0;
                try (KeyValueStore.Cursor cursor = session.cursor(readaheadBytes)) {
                    for (boolean is = cursor.first(); is; is = cursor.next()) {
                        if (KeyFormat.read(session.key()) != found++) {
                            throw new CommandFailure("entry " + found + " is another one");
                        }
                    }
                }
                double took = (System.nanoTime() - began) / 1e9;
                SyscallCounter.Counts counted = counter.stop();
                if (found != keys) {
                    throw new CommandFailure(found + " entries instead of " + keys + " in " + store());
                }
                if (counts) {
                    seconds.add(took);
                    if (counted != null) {
                        calls.add((double) counted.ioSyscalls());
                    }
                }
            }
        }
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        List<Setting> settings = new ArrayList<>();
        for (String text : readahead) {
            for (String name : engines) {
                Engine engine = Arrays.stream(Engine.values())
                        .filter(each -> each.label().equals(name))
                        .findFirst()
                        .orElseThrow(() -> new ParameterException(spec.commandLine(), "no engine: " + name));
                settings.add(new Setting(engine, text));
            }
        }
        if (keys < 1 || rounds < 1) {
            throw new ParameterException(spec.commandLine(), "at least one key and one round are needed");
        }
        for (Setting setting : settings) {
            if (!Files.exists(setting.store())) {
                load(setting);
            }
        }
        try (SyscallCounter counter = SyscallCounter.open()) {
            for (int round = -1; round < rounds; round++) { // the first one is the JVM's
                for (Setting setting : settings) {
                    setting.walk(counter, round >= 0);
                }
            }
        }
        List<List<String>> lines = new ArrayList<>();
        lines.add(List.of("engine", "readahead", "entries/s", "MB/s", "min", "max", "I/O calls", "times the first"));
        for (Setting setting : settings) {
            lines.add(line(setting, settings.getFirst()));
        }
        out.print(ResultTable.text(lines, 2));
        return 0;
    }

    private void load(Setting setting) throws IOException, InterruptedException {
        Files.createDirectories(setting.store());
        try (KeyValueStore store = setting.engine.open(setting.store(), StoreSettings.DEFAULTS, 0);
                Arena arena = Arena.ofShared();
                WorkloadRun load = WorkloadRun.load(store, keys, 1, progress(arena))) {
            load.run();
            store.settle();
        }
    }

    private static MemorySegment progress(Arena arena) {
        return arena.allocate(WorkloadRun.PROGRESS_STRIDE, 8);
    }

    private List<String> line(Setting setting, Setting first) {
        List<Double> rates = setting.seconds.stream()
                .map(seconds -> keys * ENTRY_BYTES / seconds / MEGA)
                .sorted()
                .toList();
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < rounds; i++) {
            ratios.add(first.seconds.get(i) / setting.seconds.get(i));
        }
        ratios.sort(null);
        return List.of(
                setting.engine.label(),
                setting.label,
                ResultTable.rate(OptionalDouble.of(rates.get(rounds / 2) * MEGA / ENTRY_BYTES)),
                ResultTable.rate(OptionalDouble.of(rates.get(rounds / 2))),
                ResultTable.rate(OptionalDouble.of(rates.getFirst())),
                ResultTable.rate(OptionalDouble.of(rates.getLast())),
                ResultTable.count(setting.calls.stream()
                        .mapToDouble(Double::doubleValue)
                        .sorted()
                        .skip(setting.calls.size() / 2)
                        .findFirst()),
                String.format(
                        Locale.ROOT, "%.2f (%.2f–%.2f)", ratios.get(rounds / 2), ratios.getFirst(), ratios.getLast()));
    }
}
