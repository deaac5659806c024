package dev.catena.compare;

import dev.catena.engine.ColumnFamily;
import dev.catena.engine.Db;
import dev.catena.engine.DbIterator;
import dev.catena.engine.Durability;
import dev.catena.engine.IteratorOptions;
import dev.catena.engine.Options;
import dev.catena.engine.Stats;
import dev.catena.engine.StoreDamage;
import dev.catena.engine.VerifyReport;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** {@code catena db DIR …}: looks into a store, and changes it by hand. */
@Command(
        name = "db",
        description = "Looks into a store, and changes it by hand. The store must not be open elsewhere.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "Keys and values are text: \\xNN is the byte with that hexadecimal number, \\\\ a backslash. Bytes that are not"
                    + " printable ASCII are shown that way. With --hex: two digits a byte.",
            "",
            "Examples:",
            "  catena db DIR put fruit/1 apple",
            "  catena db DIR get fruit/1",
            "  catena db DIR scan --from fruit/ --to fruit0 --limit 10",
            "  catena db DIR stats",
            "  catena db DIR levels",
            "  catena db DIR --family cats get k",
            "  catena db DIR verify",
            "",
            "Of a store whose keys are in the order of a key comparator that a program made itself, this shows stats and levels,",
            "and verifies all but that order; get, scan, put and delete are refused.",
            "",
            "Exit codes: 0 done; 1 not found, damage found, or not done; 2 wrong usage."
        })
final class DbCommand implements Runnable {
    private final PrintStream out;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "DIR", description = "The store's directory.")
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private Path directory;

    @Option(names = "--hex", scope = ScopeType.INHERIT, description = "Keys and values are hexadecimal.")
    private boolean hex;

    @Option(
            names = "--family",
            paramLabel = "NAME",
            scope = ScopeType.INHERIT,
            description =
                    "The column family that keys are in, or that levels are shown of. Default: default; levels of all.")
    private @Nullable String family;

    private DbCommand(PrintStream out) {
        this.out = out;
    }

    /** The command with its sub-commands. */
    static CommandLine line(PrintStream out) {
        DbCommand db = new DbCommand(out);
        return new CommandLine(db)
                .addSubcommand(new Get(db))
                .addSubcommand(new Put(db))
                .addSubcommand(new Delete(db))
                .addSubcommand(new Scan(db))
                .addSubcommand(new StatsOf(db))
                .addSubcommand(new Levels(db))
                .addSubcommand(new Verify(db));
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "a command is needed after DIR: get, put, delete, scan, stats, levels or verify");
    }

    private Db open(boolean create) {
        if (!create) {
            checkDirectory();
        }
        return Db.open(directory, options().withCreateIfMissing(create));
    }

    /** Opens the store so that nothing in it changes, and others may read it too. */
    private Db openReadOnly() {
        checkDirectory();
        return Db.openReadOnly(directory, options());
    }

    private void checkDirectory() {
        if (!Files.isDirectory(directory)) {
            throw new CommandFailure(directory + ": there is no such directory");
        }
    }

    /** What the store was last opened with, so that a command leaves it as its program wants it; but the backend that works here. */
    private Options options() {
        boolean kept = Files.exists(directory.resolve("OPTIONS"));
        return (kept ? Options.stored(directory) : Options.defaults()).withBackend(null);
    }

    /** The column family that is asked for. */
    private ColumnFamily in(Db store) {
        ColumnFamily found = family == null ? store : store.columnFamily(family);
        if (found == null) {
            throw new CommandFailure("no such column family: " + family + "; there are: "
                    + store.columnFamilies().stream().map(ColumnFamily::name).collect(Collectors.joining(", ")));
        }
        return found;
    }

    /** Figures, and what is damaged as far as opening the store shows it. */
    private record Look(Stats stats, List<StoreDamage> damages) {}

    private Look look() {
        try (Db store = openReadOnly()) {
            return new Look(store.stats(), store.damages());
        }
    }

    private void print(List<StoreDamage> damages) {
        damages.forEach(damage -> out.println("DAMAGED  " + damage));
    }

    private byte[] parse(String text) {
        return Text.parse(text, hex);
    }

    private String format(byte[] bytes) {
        return Text.format(bytes, hex);
    }

    @Command(
            name = "get",
            description = "Prints a key's value.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  catena db DIR get fruit/1", "", "Exit codes: 0 found; 1 not found."})
    private static final class Get implements Callable<Integer> {
        private final DbCommand db;

        @Parameters(index = "0", paramLabel = "KEY", description = "The key.")
        @SuppressWarnings("NullAway.Init") // picocli sets it
        private String key;

        @Option(names = "--raw", description = "Print the value's bytes as they are, and no line end.")
        private boolean raw;

        Get(DbCommand db) {
            this.db = db;
        }

        @Override
        public Integer call() {
            byte[] value;
            try (Db store = db.openReadOnly()) {
                value = db.in(store).get(db.parse(key));
            }
            if (value == null) {
                throw new CommandFailure("no such key: " + key);
            }
            if (raw) {
                db.out.write(value, 0, value.length);
            } else {
                db.out.println(db.format(value));
            }
            return 0;
        }
    }

    @Command(
            name = "put",
            description = "Sets a key's value, durably. Makes the store if there is none.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  catena db DIR put fruit/1 apple"})
    private static final class Put implements Callable<Integer> {
        private final DbCommand db;

        @Parameters(index = "0", paramLabel = "KEY", description = "The key.")
        @SuppressWarnings("NullAway.Init") // picocli sets it
        private String key;

        @Parameters(index = "1", paramLabel = "VALUE", description = "The value.")
        @SuppressWarnings("NullAway.Init") // picocli sets it
        private String value;

        Put(DbCommand db) {
            this.db = db;
        }

        @Override
        public Integer call() {
            byte[] keyBytes = db.parse(key);
            byte[] valueBytes = db.parse(value);
            try (Db store = db.open(true)) {
                db.in(store).put(keyBytes, valueBytes, Durability.SYNCED);
            }
            return 0;
        }
    }

    @Command(
            name = "delete",
            description = "Removes a key, durably; no error when it is not there.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  catena db DIR delete fruit/1"})
    private static final class Delete implements Callable<Integer> {
        private final DbCommand db;

        @Parameters(index = "0", paramLabel = "KEY", description = "The key.")
        @SuppressWarnings("NullAway.Init") // picocli sets it
        private String key;

        Delete(DbCommand db) {
            this.db = db;
        }

        @Override
        public Integer call() {
            byte[] keyBytes = db.parse(key);
            try (Db store = db.open(false)) {
                db.in(store).delete(keyBytes, Durability.SYNCED);
            }
            return 0;
        }
    }

    @Command(
            name = "scan",
            description = "Prints keys and values in key order, a line each, with a tab between.",
            mixinStandardHelpOptions = true,
            footer = {
                "",
                "Examples:",
                "  catena db DIR scan --limit 10",
                "  catena db DIR scan --from fruit/ --to fruit0   (0 comes after /: all keys that begin with fruit/)"
            })
    private static final class Scan implements Callable<Integer> {
        private final DbCommand db;

        @Option(names = "--from", paramLabel = "KEY", description = "Begin with this key or the next.")
        private @Nullable String from;

        @Option(names = "--to", paramLabel = "KEY", description = "End before this key.")
        private @Nullable String to;

        @Option(names = "--limit", paramLabel = "N", description = "Print at most so many.")
        private long limit = Long.MAX_VALUE;

        Scan(DbCommand db) {
            this.db = db;
        }

        @Override
        public Integer call() {
            if (limit < 0) {
                throw new ParameterException(db.spec.commandLine(), "--limit is " + limit + ": at least 0 is needed");
            }
            byte[] fromKey = from == null ? null : db.parse(from);
            IteratorOptions bounds = to == null
                    ? IteratorOptions.defaults()
                    : IteratorOptions.defaults().withUpperBound(db.parse(to));
            try (Db store = db.openReadOnly();
                    DbIterator iterator = db.in(store).iterator(bounds)) {
                if (fromKey == null) {
                    iterator.seekToFirst();
                } else {
                    iterator.seek(fromKey);
                }
                for (long printed = 0; printed < limit && iterator.isValid(); printed++) {
                    db.out.println(db.format(iterator.key()) + "\t" + db.format(iterator.value()));
                    if (db.out.checkError()) {
                        break; // the reader, such as head, has seen enough
                    }
                    iterator.next();
                }
            }
            return 0;
        }
    }

    @Command(
            name = "stats",
            description = "Prints figures about the store, and tables that cannot be opened.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  catena db DIR stats"})
    private static final class StatsOf implements Callable<Integer> {
        private final DbCommand db;

        StatsOf(DbCommand db) {
            this.db = db;
        }

        @Override
        public Integer call() {
            Look look = db.look();
            Stats stats = look.stats;
            row("backend", stats.backend());
            row("last sequence", grouped(stats.lastSequence()));
            row(
                    "column families",
                    stats.families().stream().map(Stats.Family::name).collect(Collectors.joining(", ")));
            for (Stats.Level level : stats.levels()) {
                row(
                        "level " + level.level(),
                        grouped(level.tables()) + " tables, " + grouped(level.bytes()) + " bytes");
            }
            row("memtable", grouped(stats.memory().memtableBytes()) + " bytes");
            row("block cache", grouped(stats.memory().cacheBytes()) + " bytes");
            stats.memory().byOwner().forEach((owner, bytes) -> row("memory: " + owner, grouped(bytes) + " bytes"));
            row("log files", grouped(stats.log().files()));
            new TreeMap<>(stats.chains()).forEach((name, count) -> row("chains: " + name, grouped(count)));
            db.print(look.damages);
            return 0;
        }

        private void row(String name, String value) {
            db.out.println(String.format(Locale.ROOT, "%-24s %s", name, value));
        }

        private static String grouped(long number) {
            return String.format(Locale.ROOT, "%,d", number);
        }
    }

    @Command(
            name = "levels",
            description =
                    "Prints what each level of tables holds, how near it is to being compacted, and tables that cannot be opened.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  catena db DIR levels"})
    private static final class Levels implements Callable<Integer> {
        private final DbCommand db;

        Levels(DbCommand db) {
            this.db = db;
        }

        @Override
        public Integer call() {
            Look look = db.look();
            List<Stats.Family> families = look.stats.families().stream()
                    .filter(shown -> db.family == null || db.family.equals(shown.name()))
                    .toList();
            if (families.isEmpty()) {
                throw new CommandFailure("no such column family: " + db.family);
            }
            for (Stats.Family shown : families) {
                if (families.size() > 1) {
                    db.out.println("column family " + shown.name());
                }
                print(shown.levels());
            }
            db.print(look.damages.stream()
                    .filter(damage -> db.family == null || db.family.equals(damage.columnFamily()))
                    .toList());
            return 0;
        }

        private void print(List<Stats.Level> levels) {
            db.out.printf(
                    Locale.ROOT, "%5s %8s %18s %16s  %s%n", "level", "tables", "bytes", "entries", "compacted from");
            for (Stats.Level level : levels) {
                db.out.printf(
                        Locale.ROOT,
                        "%5d %,8d %,18d %,16d  %s%n",
                        level.level(),
                        level.tables(),
                        level.bytes(),
                        level.entries(),
                        from(level));
            }
        }

        private static String from(Stats.Level level) {
            if (level.limit() == 0) {
                return "not in use";
            }
            if (level.limit() == Long.MAX_VALUE) {
                return "never: the last";
            }
            String unit = level.level() == 0 ? "tables" : "bytes";
            return String.format(Locale.ROOT, "%,d %s (%.0f%%)", level.limit(), unit, 100 * level.fill());
        }
    }

    @Command(
            name = "verify",
            description = "Reads every table and log, and checks every checksum and the order of keys.",
            mixinStandardHelpOptions = true,
            footer = {"", "Example:", "  catena db DIR verify", "", "Exit codes: 0 whole; 1 damage found."})
    private static final class Verify implements Callable<Integer> {
        private final DbCommand db;

        Verify(DbCommand db) {
            this.db = db;
        }

        @Override
        public Integer call() {
            VerifyReport report;
            List<StoreDamage> inTables;
            try (Db store = db.openReadOnly()) {
                ProgressBar progress = new ProgressBar(db.out, CompareCommand.isTerminal(), ProgressBar.NO_PLAN);
                long began = System.nanoTime();
                report = store.verify((file, done, total) -> {
                    double seconds = Math.max(1e-3, (System.nanoTime() - began) / 1e9);
                    String rate = String.format(Locale.ROOT, "  %,.0f MB/s", done / 1e6 / seconds);
                    progress.at(total == 0 ? 1 : (double) done / total, "verify " + file.getFileName(), rate);
                });
                progress.clear();
                inTables = store.damages(); // which knows of keys, too
            }
            db.print(inTables);
            for (VerifyReport.Damage damage : report.damages()) {
                if (inTables.stream().noneMatch(each -> each.file().equals(damage.file()))) {
                    db.out.println("DAMAGED  " + damage);
                }
            }
            db.out.println(String.format(
                    Locale.ROOT,
                    "%,d files, %,d bytes, %,d entries: %s",
                    report.files(),
                    report.bytes(),
                    report.entries(),
                    report.isWhole() ? "whole" : report.damages().size() + " damaged"));
            return report.isWhole() ? 0 : 1;
        }
    }
}
