package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Placement;
import dev.catena.io.chain.Region;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a resident lane of {@code kernel-hook} asks of the kernel: it enters no ring, whoever sleeps and is woken. Skipped where BPF cannot count. */
final class ChainIoTest {
    private static final int BYTES = 64 << 20;
    private static final int BLOCK = 256 << 10;
    private static final long SEED = 7;
    private static final String ENTER = "io_uring_enter";
    /** On a busy machine the watchdog may find the submission thread not yet awake, and wake it by one. */
    private static final int ATTEMPTS = 3;

    @TempDir
    private Path directory;

    @Test
    void aCopyThatRunsDryAgainAndAgainEntersNoRing() throws Exception {
        Path source = directory.resolve("source");
        byte[] content = new byte[BYTES];
        new Random(SEED).nextBytes(content);
        Files.write(source, content);
        try (SyscallCounter counter = SyscallCounter.open()) {
            assumeTrue(counter.unavailable().isEmpty(), counter::unavailable);
            try (ChainRuntime runtime = ChainRuntime.acquire(null);
                    Lane lane = runtime.lane(Placement.RESIDENT);
                    Region buffer = runtime.allocate(BLOCK, "copy");
                    Chain chain = lane.chain(16, "copy");
                    ChainFile from = runtime.open(source, ChainFile.Mode.READ, ChainFile.Access.BUFFERED);
                    ChainFile to =
                            runtime.open(directory.resolve("copy"), ChainFile.Mode.CREATE, ChainFile.Access.BUFFERED)) {
                assumeTrue(runtime.backend().equals("kernel-hook"), "backend " + runtime.backend());
                SyscallCounter.Counts counts = null;
                for (int i = 0; i < ATTEMPTS && (counts == null || counts.io().containsKey(ENTER)); i++) {
                    counter.start(ProcessHandle.current().pid());
                    copy(chain, buffer, from, to);
                    counts = counter.stop();
                    assertNotNull(counts);
                }
                assertFalse(counts.io().containsKey(ENTER), counts.toString());
                assertTrue(counts.syscalls() > BYTES / BLOCK / 2, "nobody waited, or nothing was counted: " + counts);
            }
        }
        assertEquals(-1, Files.mismatch(source, directory.resolve("copy")));
    }

    /** A block at a time, each waited for; and now and then so late that the kernel's submission thread sleeps, or is about to. */
    private static void copy(Chain chain, Region buffer, ChainFile from, ChainFile to) {
        Random random = new Random(SEED);
        chain.begin().window(1).start();
        for (int at = 0; at < BYTES; at += BLOCK) {
            if (random.nextInt(4) == 0) {
                LockSupport.parkNanos(random.nextInt(5_000_000, 12_000_000));
            }
            chain.read(from, buffer, 0, BLOCK, at);
            chain.write(to, buffer, 0, BLOCK, at);
            chain.publish();
            chain.awaitStep(2 * (at / BLOCK) + 1);
        }
        chain.seal();
        assertEquals(2L * BYTES, chain.await().throwIfFailed().bytes());
    }
}
