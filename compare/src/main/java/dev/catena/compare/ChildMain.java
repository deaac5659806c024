package dev.catena.compare;

import com.google.gson.JsonObject;
import dev.catena.bench.KeyValueStore;
import dev.catena.bench.RunResult;
import dev.catena.bench.Workload;
import dev.catena.bench.WorkloadRun;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A child JVM of a comparison: one run of one workload on one engine, or the load of its store.
 *
 * <p>It speaks with its parent over stdout and stdin, so that the parent can count from outside what happens between:
 *
 * <pre>
 *   child    @READY          store open, warm; threads waiting
 *   parent   one byte        counting: go
 *   child    @DONE           the measured part is over
 *   parent   one byte        counted: go on
 *   child    @RESULT {json}  then it closes the store and ends with exit code 0
 * </pre>
 *
 * <p>Whatever goes wrong: {@code @ERROR one line}, the stack trace on stderr, and exit code 1. All other lines are noise.
 */
final class ChildMain {
    static final String READY = "@READY";
    static final String DONE = "@DONE";
    static final String RESULT = "@RESULT ";
    static final String ERROR = "@ERROR ";

    /** Before a synced workload the log is switched so many times, so that whoever recycles log files has some to recycle. */
    private static final int LOG_SWITCHES = 2;

    /** Puts before each switch, at least; about 13 MB of log. */
    private static final long PUTS_PER_LOG = 100_000;

    /** Puts before each switch for each second that is measured: more than a store makes durable in that time. */
    private static final long PUTS_PER_LOG_AND_SECOND = 50_000;

    private static final long NANOS_PER_SECOND = 1_000_000_000;
    private static final long NO_LIMIT = Long.MAX_VALUE;

    private final RunOrder order;
    private final MemorySegment progress;

    private ChildMain(RunOrder order, MemorySegment progress) {
        this.order = order;
        this.progress = progress;
    }

    /** Runs the order that the one argument holds. */
    public static void main(String[] arguments) {
        try (Arena arena = Arena.ofShared()) {
            RunOrder order = RunOrder.fromJson(arguments[0]);
            long progressBytes = (long) order.threads() * WorkloadRun.PROGRESS_STRIDE;
            MemorySegment progress;
            try (FileChannel channel =
                    FileChannel.open(order.progressFile(), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                progress = channel.map(FileChannel.MapMode.READ_WRITE, 0, progressBytes, arena);
            }
            new ChildMain(order, progress).run();
        } catch (Throwable thrown) {
            thrown.printStackTrace();
            System.out.println(ERROR + oneLine(thrown));
            System.exit(1);
        }
        System.exit(0);
    }

    private static String oneLine(Throwable thrown) {
        String message = thrown.getMessage();
        return (message == null ? thrown.toString() : message).replace('\n', ' ');
    }

    private void run() throws IOException, InterruptedException {
        Workload workload = order.workload();
        if (workload == null) {
            load();
            return;
        }
        if (workload == Workload.FILLRANDOM) {
            Path scratch = order.directory().resolveSibling(order.directory().getFileName() + "-warm-up");
            try (KeyValueStore store = open(scratch)) {
                warmUp(store, workload);
            }
            delete(scratch);
        }
        try (KeyValueStore store = open(order.directory())) {
            if (workload.synced()) {
                long puts = Math.max(PUTS_PER_LOG, order.nanos() / NANOS_PER_SECOND * PUTS_PER_LOG_AND_SECOND);
                for (int i = 0; i < LOG_SWITCHES; i++) {
                    run(store, Workload.FILLRANDOM, puts, NO_LIMIT, order.seed() - 2 - i);
                    store.flush();
                }
            }
            if (workload.start() != Workload.Start.EMPTY) {
                // The cache holds what it can, whichever engine is slow to fill it.
                try (WorkloadRun touch = WorkloadRun.touch(store, order.keys(), progress)) {
                    touch.run();
                }
            }
            if (workload != Workload.FILLRANDOM) {
                warmUp(store, workload);
            }
            progress.fill((byte) 0);
            WorkloadRun.Plan plan = new WorkloadRun.Plan(order.keys(), order.operations(), order.nanos(), order.seed());
            measure(store, WorkloadRun.of(workload, store, plan, progress), null);
        }
    }

    private void load() throws IOException, InterruptedException {
        try (KeyValueStore store = open(order.directory())) {
            measure(store, WorkloadRun.load(store, order.keys(), order.seed(), progress), store);
        }
    }

    private KeyValueStore open(Path directory) throws IOException {
        Files.createDirectories(directory);
        return order.engine().open(directory, order.settings(), order.rocksRecycledLogs());
    }

    private void warmUp(KeyValueStore store, Workload workload) throws InterruptedException {
        run(store, workload, NO_LIMIT, order.warmUpNanos(), order.seed() - 1);
    }

    private void run(KeyValueStore store, Workload workload, long operations, long nanos, long seed)
            throws InterruptedException {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment unread = arena.allocate((long) workload.threads() * WorkloadRun.PROGRESS_STRIDE, 8);
            WorkloadRun.Plan plan = new WorkloadRun.Plan(order.keys(), operations, nanos, seed);
            try (WorkloadRun run = WorkloadRun.of(workload, store, plan, unread)) {
                run.run();
            }
        }
    }

    private static void measure(KeyValueStore store, WorkloadRun prepared, @Nullable KeyValueStore settleAfter)
            throws IOException, InterruptedException {
        try (WorkloadRun run = prepared) {
            tell(READY);
            await();
            RunResult result = run.run();
            tell(DONE);
            await();
            if (settleAfter != null) {
                settleAfter.settle();
            }
            tell(RESULT + toJson(result, store.backend()));
        }
    }

    private static JsonObject toJson(RunResult result, String backend) {
        JsonObject json = new JsonObject();
        json.addProperty("ops", result.operations());
        json.addProperty("seconds", result.seconds());
        json.addProperty("ops_per_s", result.operationsPerSecond());
        json.addProperty("p50_us", result.latencyMicros(50));
        json.addProperty("p99_us", result.latencyMicros(99));
        json.addProperty("p999_us", result.latencyMicros(99.9));
        json.addProperty("wrong", result.wrong());
        json.addProperty("backend", backend);
        return json;
    }

    private static void tell(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void await() throws IOException {
        if (System.in.read() < 0) {
            // The parent is gone: nobody wants the result.
            Runtime.getRuntime().halt(1);
        }
    }

    private static void delete(Path directory) throws IOException {
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(directory)) {
            paths = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : paths) {
            Files.delete(path);
        }
    }
}
