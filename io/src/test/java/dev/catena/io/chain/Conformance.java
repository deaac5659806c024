package dev.catena.io.chain;

import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The conformance suite: one table of chains with their expected outcome, the same for every backend and placement on
 * every kernel. {@link ConformanceTest} runs it on the host; {@link #main} needs nothing but the classes, and is what
 * guests run.
 *
 * <p>Each row of each backend and placement gives one line, from which {@code bin/test} adds up:
 *
 * <pre>
 * conformance KERNEL BACKEND PLACEMENT ROW passed|failed|skipped [REASON]
 * </pre>
 */
final class Conformance {
    /**
     * A chain, or a few of a kind, with their expected outcome.
     *
     * @param name in words joined by hyphens
     * @param body throws {@link AssertionError} if something else came out, {@link Skipped} if it cannot be done here
     * @param detaches whether it takes the steering program away, so that the backend has to be opened anew
     */
    record Row(String name, Body body, boolean detaches) {}

    /** What a row does. */
    interface Body {
        void run(Fixture on) throws Exception;
    }

    /** A way to run chains. */
    record Way(String backend, Placement placement) {
        @Override
        public String toString() {
            return backend + " "
                    + placement.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
        }
    }

    /** All of them; where a lane's placement makes no difference there is one. */
    static final List<Way> WAYS = List.of(
            new Way("kernel-loop", Placement.IN_CONTEXT),
            new Way("kernel-loop", Placement.RESIDENT),
            new Way("kernel-hook", Placement.IN_CONTEXT),
            new Way("kernel-hook", Placement.RESIDENT),
            new Way("user", Placement.IN_CONTEXT),
            new Way("portable", Placement.IN_CONTEXT));

    /** The table under construction. */
    static final class Table {
        private final List<Row> rows = new ArrayList<>();

        void row(String name, Body body) {
            rows.add(new Row(name, body, false));
        }

        void detachingRow(String name, Body body) {
            rows.add(new Row(name, body, true));
        }
    }

    private Conformance() {}

    /** The table, or those whose names match {@code -Dcatena.rows=REGEX}. Rows that take the program away come last. */
    static List<Row> rows() {
        Table table = new Table();
        TransferRows.addTo(table);
        ChecksumRows.addTo(table);
        SteeringRows.addTo(table);
        FaultRows.addTo(table);
        JoinRows.addTo(table);
        MalformedRows.addTo(table);
        ChunkRows.addTo(table);
        table.row("random-chains", ChainDifferential::row);
        LifeRows.addTo(table);
        String wanted = System.getProperty("catena.rows", ".*");
        table.rows.removeIf(row -> !row.name().matches(wanted));
        return table.rows;
    }

    static String line(Way way, Row row, String outcome) {
        return "conformance " + System.getProperty("os.version") + " " + way + " " + row.name() + " "
                + outcome.replaceAll("\\s*\\R\\s*", " ");
    }

    /**
     * Runs the table.
     *
     * @param arguments names of backends, which have to work here, then a directory to work in
     */
    public static void main(String[] arguments) throws Exception {
        PrintStream out = System.out;
        List<String> backends = List.of(arguments).subList(0, arguments.length - 1);
        Path directory = Files.createTempDirectory(Path.of(arguments[arguments.length - 1]), "conformance");
        List<Row> rows = rows();
        int failures = 0;
        for (Way way : WAYS) {
            if (!backends.contains(way.backend())) {
                continue;
            }
            int passed = 0;
            int skipped = 0;
            int failed = 0;
            long start = System.nanoTime();
            try (ConformanceRun run = new ConformanceRun(way.backend(), way.placement(), directory, true)) {
                for (Row row : rows) {
                    long rowStart = System.nanoTime();
                    try {
                        run.run(row);
                        passed++;
                        out.println(line(way, row, "passed"));
                    } catch (Skipped e) {
                        skipped++;
                        out.println(line(way, row, "skipped " + e.getMessage()));
                    } catch (Throwable e) {
                        failed++;
                        out.println(line(way, row, "failed " + e));
                        e.printStackTrace(out);
                    }
                    long millis = (System.nanoTime() - rowStart) / 1_000_000;
                    if (Boolean.getBoolean("catena.times")) {
                        out.println("  " + millis + " ms");
                    }
                }
            }
            out.println(way + ": " + passed + " passed, " + failed + " failed, " + skipped + " skipped in "
                    + (System.nanoTime() - start) / 1_000_000_000 + " s");
            failures += failed;
        }
        Files.delete(directory);
        System.exit(failures == 0 ? 0 : 1);
    }
}
