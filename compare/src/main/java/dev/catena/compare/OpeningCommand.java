package dev.catena.compare;

import dev.catena.bench.KeyFormat;
import dev.catena.bench.ValueSource;
import dev.catena.engine.Db;
import dev.catena.engine.Durability;
import dev.catena.engine.Options;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code catena opening DIR}: how long a store takes to open, also after its process was killed with much in the log only. */
@Command(
        name = "opening",
        description = {
            "Shows how long a store takes to open and to answer a first get. A directory without a store gets one first, of so many keys of"
                    + " 16 bytes with values of 100; it stays.",
            "",
            "With --log-mib it then writes so much that is in the log and in memory only, and its process ends at once, as by kill -9: the"
                    + " next call shows how long that takes to open. The first opening of a call has a new JVM's costs in it; with --fresh"
                    + " all have, and the median is shown.",
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  catena opening /data/store --keys 100000000",
            "  echo 3 > /proc/sys/vm/drop_caches; catena opening /data/store",
            "  catena opening /data/store --log-mib 256; catena opening /data/store --fresh",
            "",
            "Exit codes: 0 done; 1 it failed; 2 wrong usage; 137 died as asked for by --log-mib."
        })
final class OpeningCommand implements Callable<Integer> {
    private static final int KILLED = 137;

    /** So that what is to be in the log only is in one memtable. */
    private static final Options OPTIONS =
            Options.defaults().withMemtableBytes(1L << 30).withScrubBytesPerSecond(0);

    private static final Pattern FIGURES = Pattern.compile("opened in (\\d+) ms.*first get in ([0-9.]+) ms");

    private final PrintStream out;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "DIR", description = "The store's directory.")
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private Path directory;

    @Option(
            names = "--keys",
            paramLabel = "N",
            defaultValue = "1000000",
            description = "Keys of a store that is made (default: ${DEFAULT-VALUE}).")
    private long keys;

    @Option(
            names = "--openings",
            paramLabel = "N",
            defaultValue = "3",
            description = "How often it is opened (default: ${DEFAULT-VALUE}).")
    private int openings;

    @Option(
            names = "--log-mib",
            paramLabel = "N",
            defaultValue = "0",
            description =
                    "Bytes of log that are written before the process dies, in 2^20 bytes (default: none, it does not die).")
    private int logMebibytes;

    @Option(names = "--fresh", description = "Opens it in a new JVM each time.")
    private boolean fresh;

    private OpeningCommand(PrintStream out) {
        this.out = out;
    }

    static CommandLine line(PrintStream out) {
        return new CommandLine(new OpeningCommand(out));
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (keys < 1 || openings < 1 || logMebibytes < 0 || logMebibytes > 512 || (fresh && logMebibytes > 0)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "at least one key and one opening are needed, and at most 512 MiB of log; not with --fresh");
        }
        if (!Files.exists(directory.resolve("MANIFEST"))) {
            try (Db db = Db.open(directory, OPTIONS.withMemtableBytes(64L << 20).withMemtables(3))) {
                put(db, false);
                db.flush();
            }
            out.println("made a store of " + keys + " keys");
        }
        if (fresh) {
            return openInNewJvms();
        }
        long called = System.currentTimeMillis();
        for (int i = 0; i < openings; i++) {
            long began = System.nanoTime();
            Db db = Db.open(directory, OPTIONS);
            long opened = System.nanoTime();
            boolean found = db.get(new byte[KeyFormat.KEY_BYTES]) != null;
            long got = System.nanoTime();
            int tables = db.stats().families().stream()
                    .flatMap(family -> family.levels().stream())
                    .mapToInt(level -> level.tables())
                    .sum();
            long memtables = db.stats().memory().memtableBytes();
            out.printf(
                    Locale.ROOT,
                    "opened in %d ms%s, first get in %.1f ms (%s); %d tables, %d MiB in memtables%n",
                    (opened - began) / 1_000_000,
                    i == 0 ? " (begun %d ms after the JVM)".formatted(called - jvmStart()) : "",
                    (got - opened) / 1e6,
                    found ? "found" : "absent",
                    tables,
                    memtables >> 20);
            if (logMebibytes > 0 && i + 1 == openings) {
                put(db, true);
                out.println("wrote " + (db.stats().log().bytes() >> 20) + " MiB of log; dies");
                out.flush();
                Runtime.getRuntime().halt(KILLED);
            }
            db.close();
        }
        return 0;
    }

    private static long jvmStart() {
        return ManagementFactory.getRuntimeMXBean().getStartTime();
    }

    /** Has new JVMs say how long they took, and sums up. */
    private int openInNewJvms() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(List.of("opening", directory.toString(), "--openings", "1"));
        List<Double> took = new ArrayList<>();
        for (int i = 0; i < openings; i++) {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            out.print(said);
            Matcher figures = FIGURES.matcher(said);
            if (process.waitFor() != 0 || !figures.find()) {
                return 1;
            }
            took.add(Double.parseDouble(figures.group(1)) + Double.parseDouble(figures.group(2)));
        }
        Collections.sort(took);
        out.printf(
                Locale.ROOT,
                "in new JVMs: opened and first get answered in %.0f ms (median of %d; %.0f to %.0f)%n",
                took.get((openings - 1) / 2),
                openings,
                took.getFirst(),
                took.getLast());
        return 0;
    }

    /** Puts all keys in order; or random ones until there is so much log. */
    private void put(Db db, boolean log) {
        SplittableRandom random = new SplittableRandom(keys);
        ValueSource values = new ValueSource(keys);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment key = arena.allocate(KeyFormat.KEY_BYTES, 8);
            MemorySegment value = arena.allocate(ValueSource.VALUE_BYTES, 8);
            for (long i = 0; log || i < keys; i++) {
                KeyFormat.write(key, log ? random.nextLong(keys) : i);
                values.next(value);
                boolean last = log && i % 1024 == 0 && db.stats().log().bytes() >= (long) logMebibytes << 20;
                db.put(key, value, last ? Durability.SYNCED : Durability.BUFFERED);
                if (last) {
                    return;
                }
            }
        }
    }
}
