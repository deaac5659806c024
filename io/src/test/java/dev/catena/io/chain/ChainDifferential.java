package dev.catena.io.chain;

import dev.catena.io.chain.ChainModel.Outcome;
import dev.catena.io.internal.Backend;
import dev.catena.io.internal.ChainLayout;
import dev.catena.io.internal.SharedMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Random chains ({@link ChainPlan}), each run by every backend and placement that works here: results, counts, sums, each step's state,
 * memory and file content must be what {@link ChainModel} says. A chain and all it works on depend on its seed only.
 *
 * <p>{@link #main} runs it on its own, as {@code bin/test --differential} does: {@code ChainDifferential DIRECTORY MINUTES [FIRST_SEED]}.
 */
final class ChainDifferential implements AutoCloseable {
    /** Of a row of the conformance suite. */
    private static final int ROW_CHAINS = 200;

    private final byte[] source = new byte[ChainPlan.SOURCE_BYTES];
    private final byte[] target = new byte[ChainPlan.TARGET_BYTES];
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment targetBytes = arena.allocate(ChainPlan.TARGET_BYTES, 8);
    private final MemorySegment scratch = arena.allocate(ChainPlan.TARGET_BYTES_MAX + 8, 8);
    private final List<Runner> runners = new ArrayList<>();
    private final List<String> leftOut = new ArrayList<>();

    /** A backend with a placement, and what one chain after another runs on. */
    private final class Runner implements AutoCloseable {
        private static final int MARK = 0x5eed;

        final String name;
        final ChainRuntime runtime;
        final Lane lane;
        final Chain chain;
        final Chain growing;
        final Region region;
        final ChainFile sourceFile;
        final ChainFile targetFile;
        final SharedMemory memory;
        final long chainAt;

        Runner(Conformance.Way way, Path directory) throws IOException {
            name = way.toString();
            runtime = ChainRuntime.acquire(way.backend());
            lane = runtime.lane(way.placement());
            chain = lane.chain(64, "random");
            growing = lane.chain(ChainPlan.GROWING_CAPACITY, "random, growing");
            region = runtime.allocate(ChainPlan.MEMORY_BYTES, "random chains");
            sourceFile = runtime.open(directory.resolve("source"), ChainFile.Mode.READ, ChainFile.Access.BUFFERED);
            Path path = Files.write(directory.resolve(name), target);
            targetFile = runtime.open(path, ChainFile.Mode.READ_WRITE, ChainFile.Access.BUFFERED);
            memory = runtime.memory();
            chain.budget(MARK);
            int number = 0;
            while (memory.getInt(memory.chain(number) + ChainLayout.Chain.BUDGET) != MARK) {
                number++;
            }
            chainAt = memory.chain(number);
            chain.begin(); // without the mark
        }

        /** Runs a chain; a difference is an AssertionError. */
        void run(ChainPlan plan, Outcome expected) {
            MemorySegment.copy(plan.memory, 0, region.segment(), ValueLayout.JAVA_BYTE, 0, ChainPlan.MEMORY_BYTES);
            targetFile.write(targetBytes, 0, ChainPlan.TARGET_BYTES, 0);
            ChainResult result = plan.shape == ChainPlan.Shape.GROWING ? runGrowing(plan) : run(plan);
            same("result", expected.result, result.result());
            if (expected.result < 0) {
                same("failed step", expected.failedStep, result.failedStep());
            }
            same("sum", expected.sum, result.sum());
            same("bytes", expected.bytes, result.bytes());
            same("completed steps", expected.completed, result.completedSteps());
            same("short transfers", expected.shortIos, result.shortIos());
            same("retries", expected.retries, result.retries());
            same("requests", expected.issued, result.issuedByProgram() + result.issuedByUser());
            if (plan.shape != ChainPlan.Shape.GROWING) {
                for (int i = 0; i < plan.steps.size(); i++) {
                    compareStep(expected, i);
                }
            }
            same(
                    "first byte of memory that differs, of -1",
                    -1,
                    MemorySegment.ofArray(expected.memory)
                            .mismatch(region.segment().asSlice(0, ChainPlan.MEMORY_BYTES)));
            long bytes = targetFile.read(scratch, 0, scratch.byteSize(), 0);
            same(
                    "first byte of the file that differs, of -1",
                    -1,
                    MemorySegment.ofArray(expected.target).mismatch(scratch.asSlice(0, bytes)));
            if (bytes != ChainPlan.TARGET_BYTES) {
                targetFile.truncate(ChainPlan.TARGET_BYTES);
            }
        }

        private ChainResult run(ChainPlan plan) {
            begin(chain, plan);
            int count = plan.steps.size();
            for (int i = 0; i < plan.startedWith; i++) {
                plan.add(i, chain, sourceFile, targetFile, region);
            }
            if (plan.startedWith == count) {
                return chain.run();
            }
            chain.start();
            for (int i = plan.startedWith; i < count; i++) {
                plan.add(i, chain, sourceFile, targetFile, region);
            }
            chain.seal();
            return chain.await();
        }

        private ChainResult runGrowing(ChainPlan plan) {
            begin(growing, plan);
            for (int i = 0; i < plan.steps.size(); i++) {
                if (i == plan.startedWith) {
                    growing.start();
                }
                int before = i - ChainPlan.GROWING_CAPACITY;
                if (before >= 0) {
                    growing.awaitStep(before);
                    if (!growing.isStepDone(before)) {
                        break; // the chain has failed
                    }
                }
                plan.add(i, growing, sourceFile, targetFile, region);
                if (i >= plan.startedWith) {
                    growing.publish();
                }
            }
            if (plan.startedWith == plan.steps.size()) {
                growing.start();
            }
            growing.seal();
            return growing.await();
        }

        private static void begin(Chain chain, ChainPlan plan) {
            chain.begin().window(plan.window);
            if (plan.budget > 0) {
                chain.budget(plan.budget);
            }
        }

        private void compareStep(Outcome expected, int index) {
            long step = memory.step(chainAt, index);
            if (expected.done[index] != chain.isStepDone(index)) {
                throw new AssertionError(
                        name + ": step " + index + " is " + (expected.done[index] ? "not " : "") + "done");
            }
            same("bytes of a step", expected.moved[index], chain.stepBytes(index));
            same("result of a step", expected.results[index], memory.getInt(step + ChainLayout.Step.RESULT));
            same("retries of a step", expected.retried[index], memory.getShort(step + ChainLayout.Step.RETRIED));
            if (expected.hashed[index]) {
                same("hash of a step", expected.hashes[index], chain.stepHash(index));
            }
        }

        private void same(String what, long expected, long found) {
            if (expected != found) {
                throw new AssertionError("%s: %s is %d, but should be %d".formatted(name, what, found, expected));
            }
        }

        @Override
        public void close() {
            growing.close();
            chain.close();
            lane.close();
            region.close();
            sourceFile.close();
            targetFile.close();
            runtime.close();
        }
    }

    /** Opens all backends that work, with files in {@code directory}. */
    ChainDifferential(Path directory) throws IOException {
        this(directory, everyWay());
    }

    private ChainDifferential(Path directory, List<Conformance.Way> ways) throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        random.nextBytes(source);
        random.nextBytes(target);
        targetBytes.copyFrom(MemorySegment.ofArray(target));
        Files.write(directory.resolve("source"), source);
        for (Conformance.Way way : ways) {
            try {
                runners.add(new Runner(way, directory));
            } catch (UnsupportedOperationException e) {
                leftOut.add(way + " is left out: " + e.getMessage());
            }
        }
    }

    private static List<Conformance.Way> everyWay() {
        return Backend.NAMES.stream()
                .flatMap(backend -> Stream.of(Placement.values()).map(each -> new Conformance.Way(backend, each)))
                .toList();
    }

    /** A row of the conformance suite: some chains, on the disk, one way. */
    static void row(Fixture on) throws IOException {
        long first = System.nanoTime();
        List<Conformance.Way> way = List.of(new Conformance.Way(on.backend, on.placement));
        try (ChainDifferential differential = new ChainDifferential(on.directory, way)) {
            for (long i = 0; i < ROW_CHAINS; i++) {
                differential.run(first + i);
            }
        }
    }

    /** What chains run on here. */
    List<String> runners() {
        return runners.stream().map(runner -> runner.name).toList();
    }

    /** What chains do not run on here, with reasons. */
    List<String> leftOut() {
        return leftOut;
    }

    /** Runs the chain of a seed everywhere. */
    void run(long seed) {
        ChainPlan plan = new ChainPlan(seed);
        Outcome expected = ChainModel.run(plan, source, target, scratch);
        for (Runner runner : runners) {
            try {
                runner.run(plan, expected);
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(
                        "seed %d (-Dcatena.chains=1 -Dcatena.seed=%d), %s%n%s"
                                .formatted(seed, seed, e.getMessage(), plan),
                        e);
            }
        }
    }

    @Override
    public void close() {
        runners.forEach(Runner::close);
        arena.close();
    }

    /** Deletes the directory and the files in it. */
    static void delete(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
    }

    /** Runs chains for so many minutes, with files in a directory of its own in the one given. */
    public static void main(String[] arguments) throws IOException {
        Path directory = Files.createTempDirectory(Path.of(arguments[0]), "catena-chains-");
        long nanos = (long) (Double.parseDouble(arguments[1]) * TimeUnit.MINUTES.toNanos(1));
        long first = arguments.length > 2 ? Long.parseLong(arguments[2]) : System.nanoTime();
        try (ChainDifferential differential = new ChainDifferential(directory)) {
            differential.leftOut().forEach(System.out::println);
            System.out.println("chains from seed " + first + " on " + differential.runners());
            long begun = System.nanoTime();
            long chains = 0;
            for (long told = 1; System.nanoTime() - begun < nanos; chains++) {
                differential.run(first + chains);
                if (System.nanoTime() - begun >= told * TimeUnit.MINUTES.toNanos(1)) {
                    System.out.println(told++ + " min: " + chains + " chains");
                }
            }
            System.out.println(chains + " chains, seeds " + first + " to " + (first + chains - 1) + ": no difference");
        } finally {
            delete(directory);
        }
    }
}
