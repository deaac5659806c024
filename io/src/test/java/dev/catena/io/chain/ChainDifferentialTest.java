package dev.catena.io.chain;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random chains, with reads past the end, writes to a file that is open for reading, wrong checksums, jumps, loops and
 * joins, run by every backend and placement that works here: all must give what {@code portable} gives, in results,
 * counts, sums, memory and file content. {@code -Dcatena.chains=N} says how many, {@code -Dcatena.seed=S} where to begin.
 */
class ChainDifferentialTest {
    private static final int CHAINS =
            Integer.getInteger("catena.chains", Boolean.getBoolean("catena.long") ? 50_000 : 1_500);
    private static final long SEED = Long.getLong("catena.seed", System.nanoTime());

    private static final int SOURCE_BYTES = 20_000;
    private static final int TARGET_BYTES = 16_384;
    private static final int REGION_BYTES = 32_768;

    /** A backend with a placement, and what one chain after another runs on. */
    private static final class Runner implements AutoCloseable {
        final ChainRuntime runtime;
        final Lane lane;
        final Chain chain;
        final Region region;
        final ChainFile source;
        final ChainFile target;
        final Path targetPath;

        Runner(String backend, Placement placement, Path directory, Path sourcePath) throws IOException {
            runtime = ChainRuntime.acquire(backend);
            lane = runtime.lane(placement);
            chain = lane.chain(64);
            region = runtime.allocate(REGION_BYTES, "test");
            source = runtime.open(sourcePath, ChainFile.Mode.READ, ChainFile.Access.BUFFERED);
            targetPath = Files.write(directory.resolve(backend + placement), new byte[TARGET_BYTES]);
            target = runtime.open(targetPath, ChainFile.Mode.READ_WRITE, ChainFile.Access.BUFFERED);
        }

        String run(long seed, byte[] memory) throws IOException {
            MemorySegment.copy(memory, 0, region.segment(), ValueLayout.JAVA_BYTE, 0, REGION_BYTES);
            build(new SplittableRandom(seed));
            ChainResult result = chain.run();
            StringBuilder told = new StringBuilder();
            told.append("result ").append(result.result()).append(" at ").append(result.failedStep());
            told.append(" sum ").append(result.sum()).append(" bytes ").append(result.bytes());
            told.append(" steps ")
                    .append(result.completedSteps())
                    .append(" short ")
                    .append(result.shortIos());
            told.append(" retries ").append(result.retries());
            told.append(" issued ").append(result.issuedByProgram() + result.issuedByUser());
            told.append(" memory ").append(Arrays.hashCode(region.segment().toArray(ValueLayout.JAVA_BYTE)));
            told.append(" target ").append(Arrays.hashCode(Files.readAllBytes(targetPath)));
            return told.toString();
        }

        /** One request at a time, so that the outcome is one; but joins may be waited for by several, all of which succeed. */
        private void build(SplittableRandom random) {
            chain.begin().budget(random.nextInt(8) == 0 ? random.nextInt(1, 30) : 100);
            int steps = random.nextInt(1, 24);
            for (int i = 0; i < steps; i++) {
                Step step = anyStep(random);
                int later = random.nextInt(i, steps);
                switch (random.nextInt(6)) {
                    case 0 -> step.retryOnError(random.nextInt(4));
                    case 1 -> step.jumpOnError(later);
                    case 2 -> step.jumpOnShort(later);
                    case 3 -> step.acceptShort();
                    case 4 -> step.stopOnShort();
                    default -> {}
                }
                if (random.nextInt(4) == 0) {
                    step.next(random.nextInt(steps));
                }
                if (random.nextInt(4) == 0) {
                    step.join(random.nextInt(1, 3));
                }
                if (random.nextInt(10) == 0) {
                    step.barrier();
                }
            }
        }

        private Step anyStep(SplittableRandom random) {
            int length = random.nextInt(1, 4_096);
            int buffer = random.nextInt(0, 24_000 - length);
            Step step = switch (random.nextInt(10)) {
                case 0, 1, 2 -> chain.read(source, region, buffer, length, random.nextInt(SOURCE_BYTES));
                case 3, 4, 5 -> chain.write(target, region, buffer, length, random.nextInt(TARGET_BYTES - length));
                case 6 -> chain.write(source, region, buffer, length, 0); // refused: open for reading
                case 7 -> chain.sync(target);
                default -> chain.nop().over(region, buffer, length);
            };
            int place = 24_000 + 8 * random.nextInt(1_000);
            switch (random.nextInt(8)) {
                case 0, 1 -> step.accumulate();
                case 2 -> step.accumulate().storeHash(region, place);
                case 3 -> step.storeSum(region, place);
                case 4 -> {
                    if (random.nextInt(4) == 0) {
                        step.verify(region, place); // wrong, unless an earlier step stored it there
                    }
                }
                case 5 -> step.seed(random.nextLong()).accumulate();
                default -> {}
            }
            return step;
        }

        @Override
        public void close() {
            chain.close();
            lane.close();
            region.close();
            source.close();
            target.close();
            runtime.close();
        }
    }

    private final Map<String, Runner> runners = new LinkedHashMap<>();

    @TempDir
    Path directory;

    @BeforeEach
    void open() throws IOException {
        byte[] content = new byte[SOURCE_BYTES];
        new SplittableRandom(SEED).nextBytes(content);
        Path source = Files.write(directory.resolve("source"), content);
        for (String backend : List.of("portable", "user", "kernel-hook")) {
            for (Placement placement : Placement.values()) {
                try {
                    runners.put(backend + " " + placement, new Runner(backend, placement, directory, source));
                } catch (UnsupportedOperationException e) {
                    System.out.println(backend + " is left out: " + e.getMessage());
                }
            }
        }
        Assumptions.assumeTrue(runners.size() > 2, "no backend to compare with portable");
    }

    @AfterEach
    void close() {
        runners.values().forEach(Runner::close);
    }

    @Test
    void everyBackendDoesTheSame() throws IOException {
        System.out.println(
                "ChainDifferentialTest: " + CHAINS + " chains from seed " + SEED + " on " + runners.keySet());
        byte[] memory = new byte[REGION_BYTES];
        for (int i = 0; i < CHAINS; i++) {
            long seed = SEED + i;
            new SplittableRandom(~seed).nextBytes(memory);
            List<String> told = new ArrayList<>();
            for (Map.Entry<String, Runner> runner : runners.entrySet()) {
                told.add(runner.getValue().run(seed, memory));
                assertEquals(told.getFirst(), told.getLast(), runner.getKey() + ", seed " + seed);
            }
        }
    }
}
