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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
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
                    + " next call shows how long that takes to open. The first opening of a call has a new JVM's costs in it.",
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  catena opening /data/store --keys 100000000",
            "  echo 3 > /proc/sys/vm/drop_caches; catena opening /data/store",
            "  catena opening /data/store --log-mib 256; catena opening /data/store",
            "",
            "Exit codes: 0 done; 1 it failed; 2 wrong usage; 137 died as asked for by --log-mib."
        })
final class OpeningCommand implements Callable<Integer> {
    private static final int KILLED = 137;

    /** So that what is to be in the log only is in one memtable. */
    private static final Options OPTIONS =
            Options.defaults().withMemtableBytes(1L << 30).withScrubBytesPerSecond(0);

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

    private OpeningCommand(PrintStream out) {
        this.out = out;
    }

    static CommandLine line(PrintStream out) {
        return new CommandLine(new OpeningCommand(out));
    }

    @Override
    public Integer call() throws IOException {
        if (keys < 1 || openings < 1 || logMebibytes < 0 || logMebibytes > 512) {
            throw new ParameterException(
                    spec.commandLine(), "at least one key and one opening are needed, and at most 512 MiB of log");
        }
        if (!Files.exists(directory.resolve("MANIFEST"))) {
            try (Db db = Db.open(directory, OPTIONS.withMemtableBytes(64L << 20).withMemtables(3))) {
                put(db, false);
                db.flush();
            }
            out.println("made a store of " + keys + " keys");
        }
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
                    "opened in %d ms, first get in %.1f ms (%s); %d tables, %d MiB in memtables%n",
                    (opened - began) / 1_000_000,
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
