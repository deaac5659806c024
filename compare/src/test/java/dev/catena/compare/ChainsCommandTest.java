package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.catena.compare.CommandLineTest.Outcome;
import dev.catena.compare.chains.ChainCase;
import dev.catena.compare.chains.ChainCases;
import dev.catena.compare.chains.Setting;
import dev.catena.io.chain.ChainRuntime;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A whole run of the micro-benchmarks, very small. */
final class ChainsCommandTest {
    @TempDir
    private Path directory;

    @Test
    void everyCaseOnEveryBackend() throws Exception {
        List<Setting> available = Setting.of(ChainRuntime.probe());
        List<String> expected = new ArrayList<>();
        for (ChainCase each : ChainCases.all(1)) {
            each.settings(available).forEach(setting -> expected.add(each.name() + " " + setting));
        }
        Outcome outcome = CommandLineTest.run(
                "chains",
                "--rounds",
                "1",
                "--scale",
                "0.005",
                "--dir",
                directory.toString(),
                "--json",
                directory.resolve("figures").toString());
        assertEquals(0, outcome.exit(), outcome.out() + outcome.err());
        boolean counting = outcome.out().contains("counted:  by BPF");
        List<String> found = new ArrayList<>();
        for (String line : Files.readAllLines(directory.resolve("figures"))) {
            JsonObject json = JsonParser.parseString(line).getAsJsonObject();
            String placement = json.get("placement").getAsString();
            String backend = json.get("backend").getAsString();
            found.add(
                    json.get("case").getAsString() + " " + (placement.isEmpty() ? backend : backend + " " + placement));
            assertTrue(json.get("steps").getAsLong() > 0, line);
            assertEquals(1, json.get("rounds").getAsInt(), line);
            JsonObject micros = json.getAsJsonObject("us_per_step");
            assertTrue(micros.get("p50").getAsDouble() > 0, line);
            assertTrue(micros.get("p99").getAsDouble() >= micros.get("p50").getAsDouble(), line);
            assertTrue(json.get("cpu_us_per_step").getAsDouble() > 0, line);
            for (String count : List.of("io_syscalls", "syscalls", "switches")) {
                assertEquals(counting, !json.get(count).isJsonNull(), line);
            }
            if (backend.startsWith("kernel-") && !placement.isEmpty()) {
                assertTrue(json.get("program_ns_per_step").getAsDouble() > 0, line);
            }
            if (backend.equals("user")) {
                assertEquals(1, json.getAsJsonObject("times_user").get("median").getAsDouble(), line);
            }
            if (counting
                    && placement.equals("resident")
                    && json.get("case").getAsString().startsWith("copy-")) {
                assertTrue(json.get("io_syscalls").getAsLong() <= 10, line);
            }
        }
        assertEquals(expected, found);
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(
                    List.of("figures"),
                    left.map(path -> path.getFileName().toString()).toList());
        }
        for (String name : expected) {
            assertTrue(outcome.out().contains(name.substring(0, name.indexOf(' '))), name);
        }
    }

    @Test
    void jsonToStdoutIsAllThereIs() {
        Outcome outcome = CommandLineTest.run(
                "chains",
                "--cases",
                "step",
                "--backends",
                "portable",
                "--rounds",
                "2",
                "--scale",
                "0.02",
                "--dir",
                directory.toString(),
                "--json",
                "-");
        assertEquals(0, outcome.exit(), outcome.err());
        assertEquals(1, outcome.out().lines().count(), outcome.out());
        JsonObject json = JsonParser.parseString(outcome.out()).getAsJsonObject();
        assertEquals("step", json.get("case").getAsString());
        assertTrue(json.get("times_user").isJsonNull(), "there was no user backend to compare with");
        assertTrue(outcome.err().contains("portable"), outcome.err());
        assertFalse(outcome.err().contains("FAILED"), outcome.err());
    }

    @Test
    void anUnwritableResultFileIsFoundOutFirst() {
        Path file = directory.resolve("absent/figures");
        Outcome outcome = CommandLineTest.run("chains", "--dir", directory.toString(), "--json", file.toString());
        assertEquals(1, outcome.exit());
        assertEquals("", outcome.out());
        assertEquals("catena: " + file + ": there is no such file or directory\n", outcome.err());
    }
}
