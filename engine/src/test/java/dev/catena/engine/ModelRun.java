package dev.catena.engine;

import dev.catena.engine.ModelSteps.Contents;
import dev.catena.engine.table.Runs;
import dev.catena.engine.table.TableBuilder;
import dev.catena.io.chain.Availability;
import dev.catena.io.chain.ChainRuntime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A store that is opened again and again, each time with other options and on another backend, has random operations done to it
 * ({@link ModelSteps}), and ends in one of three ways:
 *
 * <ul>
 *   <li>closed;
 *   <li>copied while it is open, as a killed process would leave it; it goes on with the copy;
 *   <li>in a process of its own that is killed at a random time. How many steps it began, and up to where it was told that its writes are
 *       durable, is in a file that it has mapped.
 * </ul>
 *
 * <p>After the last two it must hold what some number of writes left, of which none that was acknowledged is missing; the model goes on
 * from there.
 */
final class ModelRun {
    /** So few data blocks are a partition: so compactions find runs to copy. */
    private static final int PARTITION_FRAMES = 2;

    private static final int PROGRESS_BYTES = 3 * Long.BYTES;
    private static final VarHandle NUMBER = ValueLayout.JAVA_LONG.varHandle();

    /** Where the numbers are that a process tells of itself. */
    private static final long STEPS = 0;

    private static final long DURABLE = 8;

    private final Path directory;
    private final long seed;
    private final long operations;
    private final List<String> backends;

    private Path store;
    private long done;

    /** What the store may hold, one of these. */
    private List<Contents> possible;

    /** The families that the store has, or these; the same mostly. */
    private List<List<String>> families;

    private int closed;
    private int copied;
    private int killed;
    private int lost;
    private long copiedBytes;

    /** @param directory an empty one */
    ModelRun(Path directory, long operations, long seed) {
        this.directory = directory;
        this.operations = operations;
        this.seed = seed;
        backends = ChainRuntime.probe().stream()
                .filter(Availability::available)
                .map(Availability::name)
                .toList();
        store = directory.resolve("0");
        List<String> names = List.of(ColumnFamily.DEFAULT);
        possible = List.of(new Contents(
                0, names, new PersistentMap[] {PersistentMap.empty(ModelSteps.order(ColumnFamily.DEFAULT))}));
        families = List.of(names);
    }

    /** Runs, and says how it went. */
    void run() throws IOException {
        int frames = TableBuilder.setPartitionFrames(PARTITION_FRAMES);
        long bytes = Runs.setBytesMin(1);
        try {
            runWithSmallPartitions();
        } finally {
            TableBuilder.setPartitionFrames(frames);
            Runs.setBytesMin(bytes);
        }
        ModelSteps.expect(copiedBytes > 0 || operations < 100_000, "compactions never copied a run");
    }

    private void runWithSmallPartitions() throws IOException {
        long began = System.nanoTime();
        long told = began;
        for (int opening = 0; done < operations; opening++) {
            SplittableRandom random = random(seed, opening);
            Options options = options(random, backends);
            int steps = (int) Math.min(operations - done, 1 + random.nextInt(stepsMax()));
            int ending = random.nextInt(8);
            String where = "opening " + opening + " (" + (ending == 0 ? "killed" : ending < 4 ? "copied" : "closed")
                    + ", " + options.backend() + "), after " + done + " operations, in " + store;
            if (ending == 0) {
                steps = Math.min(steps, stepsMax() / 4);
                killedWhileWorking(where, opening, steps, random);
            } else {
                work(where, opening, options, steps, random, ending < 4);
            }
            done += steps;
            if (System.nanoTime() - told > TimeUnit.SECONDS.toNanos(60)) {
                told = System.nanoTime();
                System.out.println(figures(began));
            }
        }
        String where = "after all " + done + " operations";
        try (Db db = open(where, options(random(seed, -1), backends))) {
            ModelSteps.expect(db.verify(VerifyListener.NONE).damages().isEmpty(), where + ": damaged");
        }
        System.out.println(figures(began));
    }

    private int stepsMax() {
        return Math.clamp(operations / 20, 1000, 400_000);
    }

    private String figures(long began) {
        return "ModelRun seed %d: %,d operations, %d s; closed %d times, copied %d times, killed %d times, of which %d lost writes; %,d entries; %,d bytes copied in runs"
                .formatted(
                        seed,
                        done,
                        TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began),
                        closed,
                        copied,
                        killed,
                        lost,
                        entries(),
                        copiedBytes);
    }

    private long entries() {
        long entries = 0;
        for (PersistentMap map : possible.getLast().maps()) {
            for (var walk = map.walk(true); walk.hasNext(); walk.next()) {
                entries++;
            }
        }
        return entries;
    }

    private static SplittableRandom random(long seed, int opening) {
        return new SplittableRandom(seed * 0x9E3779B97F4A7C15L + opening);
    }

    private static SplittableRandom randomOfSteps(long seed, int opening) {
        return new SplittableRandom(seed * 0xD1B54A32D192ED03L + opening);
    }

    private static Options options(SplittableRandom random, List<String> backends) {
        Compression[] compressions = Compression.values();
        return Options.defaults()
                .withMemtableBytes(64L << 10 << random.nextInt(3))
                .withMemtables(2 + random.nextInt(3))
                .withWriteBufferBytes(random.nextBoolean() ? 0 : 256 << 10 << random.nextInt(2))
                .withTableBytes(64 << 10 << random.nextInt(2))
                .withLevelOneBytes(128 << 10 << random.nextInt(3))
                .withLevelZeroTrigger(1 + random.nextInt(5))
                .withMaxSubcompactions(1 + random.nextInt(4))
                .withCacheBytes(1 << 20 << random.nextInt(3))
                .withMemoryBudget(random.nextInt(4) == 0 ? 64 << 20 : 0)
                .withBlockBytes(512 << random.nextInt(5))
                .withFilterBitsPerKey(random.nextInt(12))
                .withLastLevelFilterBitsPerKey(random.nextBoolean() ? null : random.nextInt(5))
                .withCompression(compressions[random.nextInt(compressions.length)])
                .withLastLevelCompression(
                        random.nextBoolean() ? null : compressions[random.nextInt(compressions.length)])
                .withMergeOperator(new ModelSteps.Appending(random.nextBoolean()))
                .withBackend(backends.get(random.nextInt(backends.size())));
    }

    /** Opens the store, and finds what it holds: one of what is possible. */
    private Db open(String where, Options options) {
        Db db = Db.open(store, inOrders(options));
        try {
            found(where, db);
            return db;
        } catch (RuntimeException | Error e) {
            db.close();
            throw e;
        }
    }

    private Options inOrders(Options options) {
        return ModelSteps.inOrders(options, names());
    }

    /** The families that there may be. */
    private Set<String> names() {
        return families.stream().flatMap(List::stream).collect(Collectors.toCollection(TreeSet::new));
    }

    private void found(String where, Db db) {
        long sequence = ModelSteps.sequence(db);
        long first = possible.getFirst().sequence();
        long last = possible.getLast().sequence();
        String what = where + ": opened with operations up to " + sequence + ", acknowledged were " + first
                + ", written " + last;
        List<String> names =
                db.columnFamilies().stream().map(ColumnFamily::name).toList();
        ModelSteps.expect(families.contains(names), what + "; families " + names + ", not " + families);
        AssertionError nearest = new AssertionError(what);
        // Mostly the one with the same number. Where a family was dropped the number is that of the newest operation
        // then,
        // which the log may not have had yet.
        for (Contents each : possible.reversed()) {
            if (each.sequence() <= sequence) {
                Contents contents = new Contents(
                        sequence, names, names.stream().map(each::of).toArray(PersistentMap[]::new));
                try {
                    ModelSteps.compareFamilies(db, contents);
                    lost += each.sequence() < last ? 1 : 0;
                    becomes(contents);
                    return;
                } catch (AssertionError e) {
                    nearest = new AssertionError(what + "; unlike what there was at " + each.sequence() + ": " + e, e);
                }
            }
        }
        throw nearest;
    }

    private void becomes(Contents contents) {
        possible = List.of(contents);
        families = List.of(contents.names());
    }

    // ---- In this process.

    private void work(String where, int opening, Options options, int steps, SplittableRandom random, boolean copies)
            throws IOException {
        Path next = store;
        List<Contents> left;
        if (random.nextInt(8) == 0 && opening > 0) {
            try (Db db = Db.openReadOnly(store, inOrders(options))) {
                found(where + ", for reading", db);
            }
        }
        try (Db db = open(where, options)) {
            ModelSteps model = new ModelSteps(
                    randomOfSteps(seed, opening),
                    db,
                    possible.getFirst(),
                    directory,
                    opening + "-",
                    !copies,
                    sequence -> {});
            int step = 0;
            try {
                for (; step < steps; step++) {
                    model.step();
                }
                model.end();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(where + ", step " + step + ", " + model.doing() + ": " + e, e);
            }
            becomes(model.now());
            copiedBytes += db.stats().compaction().copiedBytes();
            left = possible;
            if (copies) {
                next = directory.resolve(Integer.toString(opening + 1));
                copyAsKilled(store, next);
                left = model.historyFrom(0);
            }
        }
        possible = left;
        if (copies) {
            copied++;
            Db.destroy(store);
            store = next;
        } else {
            closed++;
        }
    }

    /** Copies what a store whose process is killed now would leave: its files, at a moment when the manifest is not replaced. */
    private static void copyAsKilled(Path from, Path to) throws IOException {
        Files.createDirectory(to);
        for (int attempt = 1; !copiedAtOnce(from, to); attempt++) {
            ModelSteps.expect(attempt < 1000, "the store's files change too fast for a copy");
        }
    }

    private static boolean copiedAtOnce(Path from, Path to) throws IOException {
        byte[] manifest = Files.readAllBytes(from.resolve("MANIFEST"));
        try {
            for (Path file : files(to)) {
                Files.delete(file);
            }
            for (Path file : files(from)) {
                String name = file.getFileName().toString();
                if (name.endsWith(".table")) {
                    Files.createLink(to.resolve(name), file);
                } else if (!name.equals("LOCK")) {
                    Files.copy(file, to.resolve(name));
                }
            }
            for (Path file : files(from)) {
                if (file.toString().endsWith(".log") && Files.mismatch(file, to.resolve(file.getFileName())) >= 0) {
                    return false;
                }
            }
        } catch (NoSuchFileException e) {
            return false;
        }
        return Arrays.equals(manifest, Files.readAllBytes(from.resolve("MANIFEST")));
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        }
    }

    // ---- In a process that is killed.

    private void killedWhileWorking(String where, int opening, int steps, SplittableRandom random) throws IOException {
        Path file = directory.resolve("progress");
        Path checkpoints = directory.resolve("of-child");
        for (Path left : Files.exists(checkpoints) ? files(checkpoints) : List.<Path>of()) {
            Db.destroy(left);
        }
        int killAt = random.nextInt(steps);
        long begun;
        long durable;
        // A store that was killed is first looked at here: the process that is killed next takes what it finds.
        try (Db db = open(where, options(random, backends))) {
            ModelSteps.expect(db.damages().isEmpty(), where + ": damaged");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment progress = map(file, arena);
            progress.fill((byte) 0);
            Process process = ChildJvm.start(
                    List.of(),
                    List.of("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
                    Child.class,
                    store.toString(),
                    Long.toString(seed),
                    Integer.toString(opening),
                    Integer.toString(steps),
                    file.toString(),
                    String.join(",", names()));
            try {
                process.getOutputStream().close();
                while ((long) NUMBER.getVolatile(progress, STEPS) <= killAt && process.isAlive()) {
                    LockSupport.parkNanos(100_000);
                }
                process.toHandle().destroyForcibly();
                ModelSteps.expect(process.waitFor(60, TimeUnit.SECONDS), "killed and still there");
                ModelSteps.expect(
                        process.exitValue() == 128 + 9, where + ": the process ended with " + process.exitValue());
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            } finally {
                process.destroyForcibly();
            }
            begun = (long) NUMBER.getVolatile(progress, STEPS);
            durable = (long) NUMBER.getVolatile(progress, DURABLE);
        }
        ModelSteps model = new ModelSteps(
                randomOfSteps(seed, opening),
                null,
                possible.getFirst(),
                directory,
                opening + "-",
                false,
                sequence -> {});
        List<Contents> all = new ArrayList<>(model.historyFrom(durable));
        List<String> before = model.now().names();
        for (int step = 0; step < begun; step++) {
            before = model.now().names();
            model.step();
            for (Contents contents : model.historyFrom(durable)) {
                if (all.isEmpty() || contents.sequence() > all.getLast().sequence()) {
                    all.add(contents);
                }
            }
        }
        possible = all;
        families = List.of(before, model.now().names());
        killed++;
    }

    private static MemorySegment map(Path file, Arena arena) throws IOException {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, PROGRESS_BYTES, arena);
        }
    }

    /** The process: store, seed, opening, steps, the file that says how far it is, and the families. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            Path store = Path.of(arguments[0]);
            long seed = Long.parseLong(arguments[1]);
            int opening = Integer.parseInt(arguments[2]);
            int steps = Integer.parseInt(arguments[3]);
            Path file = Path.of(arguments[4]);
            TableBuilder.setPartitionFrames(PARTITION_FRAMES);
            Runs.setBytesMin(1);
            try (Arena arena = Arena.ofShared()) {
                MemorySegment progress = map(file, arena);
                List<String> backends = ChainRuntime.probe().stream()
                        .filter(Availability::available)
                        .map(Availability::name)
                        .toList();
                Options options = options(random(seed, opening), backends);
                Db db = Db.open(store, ModelSteps.inOrders(options, List.of(arguments[5].split(","))));
                Contents contents = ModelSteps.read(db);
                NUMBER.setVolatile(progress, DURABLE, contents.sequence());
                ModelSteps model = new ModelSteps(
                        randomOfSteps(seed, opening),
                        db,
                        contents,
                        store.resolveSibling("of-child"),
                        opening + "-",
                        false,
                        sequence -> NUMBER.setVolatile(progress, DURABLE, sequence));
                Files.createDirectories(store.resolveSibling("of-child"));
                for (int step = 0; step < steps; step++) {
                    NUMBER.setVolatile(progress, STEPS, step + 1L);
                    try {
                        model.step();
                    } catch (RuntimeException | AssertionError e) {
                        throw new AssertionError("step " + step + ", " + model.doing() + ": " + e, e);
                    }
                }
                LockSupport.park(); // to be killed
                System.exit(3);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (Throwable e) {
                e.printStackTrace();
                Runtime.getRuntime().halt(2); // whatever threads the store has
            }
        }
    }
}
