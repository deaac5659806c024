package dev.catena.io.chain;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@link ChainDifferential}, for a number of chains: {@code -Dcatena.chains=N} says how many, {@code -Dcatena.seed=S} where to begin. The
 * seed of a chain with a difference is told, and gives that chain again with {@code -Dcatena.chains=1}.
 */
class ChainDifferentialTest {
    private static final int CHAINS =
            Integer.getInteger("catena.chains", Boolean.getBoolean("catena.long") ? 1_000_000 : 100_000);
    private static final long SEED = Long.getLong("catena.seed", System.nanoTime());

    /** So many chains in memory for one on the disk, where durable writes take their time. */
    private static final int IN_MEMORY_FOR_ONE_ON_DISK = 1_000;

    private static final Path MEMORY = Path.of("/dev/shm");

    @TempDir
    Path onDisk;

    @Test
    void everyBackendDoesWhatTheModelDoes() throws IOException {
        boolean hasMemory = Files.isWritable(MEMORY);
        Path inMemory = Files.createTempDirectory(hasMemory ? MEMORY : onDisk, "catena-chains-");
        try (ChainDifferential fast = new ChainDifferential(inMemory);
                ChainDifferential slow = new ChainDifferential(onDisk)) {
            System.out.println(
                    "ChainDifferentialTest: " + CHAINS + " chains from seed " + SEED + " on " + fast.runners());
            fast.leftOut().forEach(System.out::println);
            assertTrue(fast.runners().contains("portable resident"));
            for (long i = 0; i < CHAINS; i++) {
                fast.run(SEED + i);
                if (i % IN_MEMORY_FOR_ONE_ON_DISK == 0) {
                    slow.run(SEED + i);
                }
            }
        } finally {
            ChainDifferential.delete(inMemory);
        }
    }
}
