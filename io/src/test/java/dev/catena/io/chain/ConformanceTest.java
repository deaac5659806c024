package dev.catena.io.chain;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.opentest4j.TestAbortedException;

/**
 * {@link Conformance} on this machine: every row on every backend and placement, those that do not work here skipped
 * with the reason. Its lines go to {@code target/conformance/host.lines}, for {@code bin/test} to add up.
 */
class ConformanceTest {
    @TempDir
    static Path directory;

    private static @Nullable BufferedWriter lines;
    private static Conformance.@Nullable Way way;
    private static @Nullable ConformanceRun run;

    @BeforeAll
    static void openLines() throws IOException {
        lines = Files.newBufferedWriter(
                Files.createDirectories(Path.of("target", "conformance")).resolve("host.lines"));
    }

    @AfterAll
    static void close() throws IOException {
        try {
            if (run != null) {
                run.close();
            }
        } finally {
            lines.close();
        }
    }

    @TestFactory
    Stream<DynamicContainer> rows() {
        List<Conformance.Row> rows = Conformance.rows();
        return Conformance.WAYS.stream()
                .map(way -> DynamicContainer.dynamicContainer(
                        way.toString(),
                        rows.stream()
                                .map(row -> DynamicTest.dynamicTest(way + " " + row.name(), () -> run(way, row)))));
    }

    private static void run(Conformance.Way wanted, Conformance.Row row) throws Throwable {
        if (!wanted.equals(way)) {
            if (run != null) {
                run.close();
            }
            way = wanted;
            run = new ConformanceRun(wanted.backend(), wanted.placement(), directory, false);
        }
        String outcome = "passed";
        try {
            run.run(row);
        } catch (Skipped e) {
            outcome = "skipped " + e.getMessage();
            throw new TestAbortedException(e.getMessage());
        } catch (Throwable e) {
            outcome = "failed " + e;
            throw new AssertionError(wanted + ", " + row.name() + ", seed " + Fixture.SEED, e);
        } finally {
            lines.write(Conformance.line(wanted, row, outcome));
            lines.newLine();
            lines.flush();
        }
    }
}
