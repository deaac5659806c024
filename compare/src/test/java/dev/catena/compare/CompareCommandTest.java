package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.catena.compare.CommandLineTest.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A whole comparison, very small: child JVMs, counting, table, JSON, report. */
final class CompareCommandTest {
    @TempDir
    private Path directory;

    private Outcome compare(String workloads, int rounds) {
        return CommandLineTest.run(
                "compare",
                "--workloads",
                workloads,
                "--rounds",
                Integer.toString(rounds),
                "--keys",
                "3000",
                "--seconds",
                "0.1",
                "--dir",
                directory.toString(),
                "--report",
                directory.resolve("report.html").toString(),
                "--json",
                directory.resolve("runs.jsonl").toString());
    }

    @Test
    void comparesAndReports() throws Exception {
        Outcome outcome = compare("fillrandom,fillsync16,readrandom,seekrandom,ycsb-a", 1);
        assertEquals(0, outcome.exit(), outcome.out() + outcome.err());

        List<String> order = new ArrayList<>();
        boolean counting = outcome.out().contains("counted:  by BPF");
        for (String line : Files.readAllLines(directory.resolve("runs.jsonl"))) {
            JsonObject run = JsonParser.parseString(line).getAsJsonObject();
            order.add(
                    run.get("workload").getAsString() + " " + run.get("engine").getAsString());
            assertTrue(run.get("ops").getAsLong() > 0, line);
            assertTrue(run.get("p50_us").getAsDouble() > 0, line);
            assertTrue(run.get("rss_mb").getAsDouble() > 10, line);
            assertEquals(counting, !run.get("syscalls").isJsonNull(), line);
            if (counting && run.get("sync").getAsBoolean()) {
                assertTrue(run.get("io_syscalls").getAsLong() > 0, line);
                assertTrue(
                        run.get("syscalls").getAsLong()
                                >= run.get("io_syscalls").getAsLong(),
                        line);
            }
        }
        assertEquals(
                List.of(
                        "fillrandom catena",
                        "fillrandom rocksdb",
                        "fillsync16 catena",
                        "fillsync16 rocksdb",
                        "readrandom catena",
                        "readrandom rocksdb",
                        "seekrandom catena",
                        "seekrandom rocksdb",
                        "ycsb-a catena",
                        "ycsb-a rocksdb"),
                order);
        assertTrue(outcome.out().contains("Catena/RocksDB (min–max)"), outcome.out());
        assertTrue(Files.readString(directory.resolve("report.html")).contains("ycsb-a"));
        try (Stream<Path> left = Files.list(directory)) {
            assertFalse(left.anyMatch(path -> path.getFileName().toString().startsWith("data-")), "stores are left");
        }
    }

    @Test
    void anUnwritableResultFileIsFoundOutFirst() {
        Outcome outcome = CommandLineTest.run(
                "compare",
                "--dir",
                directory.toString(),
                "--json",
                directory.resolve("absent/runs").toString());
        assertEquals(1, outcome.exit());
        assertEquals("", outcome.out());
        assertEquals(
                "catena: " + directory.resolve("absent/runs") + ": there is no such file or directory\n",
                outcome.err());
    }
}
