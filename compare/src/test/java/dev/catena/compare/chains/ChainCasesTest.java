package dev.catena.compare.chains;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The cases do what they are said to do, in every setting that works here. */
final class ChainCasesTest {
    @TempDir
    private Path directory;

    static List<Setting> settings() {
        return Setting.of(ChainRuntime.probe());
    }

    static Stream<Setting> kernelSettings() {
        return settings().stream().filter(Setting::isKernel);
    }

    @ParameterizedTest
    @MethodSource("settings")
    void copyCopiesEverything(Setting setting) throws IOException {
        // Not as many blocks for one pair as for another.
        for (ChainFile.Access access : ChainFile.Access.values()) {
            long bytes = 4096L * (access == ChainFile.Access.DIRECT ? 100 : 3_001);
            try (CopyCase copy = new CopyCase("copy", 4096, bytes, access)) {
                copy.prepare(directory);
                assertFalse(copy.isCopied());
                try (Pass pass = copy.open(setting)) {
                    Pass.Figures figures = pass.run();
                    // and a no-op to begin with, and one at the end of each pair's loop
                    assertEquals(2 * bytes / 4096 + 1 + CopyCase.PAIRS, figures.steps());
                    assertEquals(bytes, figures.bytes());
                    assertTrue(figures.nanos() > 0 && figures.p99() >= figures.p50(), figures.toString());
                }
                assertTrue(copy.isCopied());
            }
        }
    }

    /** The case itself checks what it finds. */
    @ParameterizedTest
    @MethodSource("settings")
    void lookupsFindTheirWay(Setting setting) throws IOException {
        try (LookupCase lookup = new LookupCase("lookup", 6, 512, 50, ChainFile.Access.BUFFERED, 0)) {
            lookup.prepare(directory);
            try (Pass pass = lookup.open(setting)) {
                assertEquals(300, pass.run().steps());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("settings")
    void everyAppendIsInTheFile(Setting setting) throws IOException {
        int producers = 5;
        int appends = 40;
        try (LogCase log = new LogCase("log", producers, appends)) {
            log.prepare(directory);
            try (Pass pass = log.open(setting)) {
                assertEquals((long) producers * appends, pass.run().steps());
            }
            Set<Long> found = new HashSet<>();
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(directory.resolve("log")))
                    .order(ByteOrder.nativeOrder());
            for (int at = 0; at < bytes.capacity(); at += GroupLog.RECORD) {
                found.add(bytes.getLong(at));
            }
            for (int producer = 1; producer <= producers; producer++) {
                for (int i = 0; i < appends; i++) {
                    assertTrue(found.contains((long) i << 32 | producer), "append " + i + " of thread " + producer);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kernelSettings")
    void theProgramsTimeIsCounted(Setting setting) throws IOException {
        try (NopCase nops = new NopCase("step", 1);
                Pass pass = nops.open(setting)) {
            long before = pass.counters().getOrDefault("program.completions", -1L);
            long steps = pass.run().steps();
            assertTrue(pass.counters().getOrDefault("program.completions", -1L) >= before + steps);
        }
    }
}
