package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Help, exit codes and errors of the command, and {@code doctor}. */
final class CommandLineTest {
    /** What a command left behind. */
    record Outcome(int exit, String out, String err) {}

    /** Runs a command in this JVM. */
    static Outcome run(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int exit;
        try (PrintStream outStream = new PrintStream(out, true, StandardCharsets.UTF_8);
                PrintStream errStream = new PrintStream(err, true, StandardCharsets.UTF_8)) {
            exit = Main.run(arguments, outStream, errStream);
        }
        return new Outcome(exit, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "compare",
                "chains",
                "soak",
                "opening",
                "scan",
                "doctor",
                "db",
                "db . get",
                "db . put",
                "db . delete",
                "db . scan",
                "db . stats",
                "db . verify"
            })
    void helpHasAnExample(String command) {
        Outcome outcome = run((command + " --help").strip().split(" "));
        assertEquals(0, outcome.exit);
        assertTrue(outcome.out.contains("Usage: catena"), outcome.out);
        assertTrue(outcome.out.contains("Example"), outcome.out);
        assertEquals("", outcome.err);
    }

    @Test
    void helpOfCompareNamesWorkloadsAndJsonFields() {
        String help = run("compare", "--help").out.replaceAll("\\s+", " ");
        assertTrue(help.contains("fillsync16 random puts, each durable, 16 threads"), help);
        assertTrue(help.contains("YCSB B: 95% Zipfian gets"), help);
        assertTrue(help.contains("p999_us, io_syscalls, syscalls, switches, cpu_s, rss_mb, backend"), help);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "nonsense",
                "compare --nonsense",
                "compare --quick --full",
                "compare --rounds 0",
                "compare --keys 5",
                "compare --seconds 0",
                "compare --cache-mib 0",
                "compare --workloads fillrandom,nonsense",
                "chains --cases copy-4k,nonsense",
                "chains --backends nonsense",
                "chains --rounds 0",
                "chains --scale 0",
                "soak --gib 0",
                "opening . --openings 0",
                "scan . --rounds 0",
                "scan . --readahead much",
                "soak --engines nonsense",
                "db",
                "db .",
                "db . get"
            })
    void wrongUsageIsOneClearLine(String command) {
        Outcome outcome = run(command.isEmpty() ? new String[0] : command.split(" "));
        assertEquals(2, outcome.exit);
        assertEquals("", outcome.out);
        assertEquals(2, outcome.err.lines().count(), outcome.err);
        assertTrue(outcome.err.startsWith("catena: "), outcome.err);
        assertTrue(outcome.err.contains("\nSee: catena"), outcome.err);
    }

    @Test
    void failureIsOneLineAndATraceOnlyOnRequest() {
        Outcome outcome = run("db", "/nonexistent", "get", "key");
        assertEquals(1, outcome.exit);
        assertEquals("catena: /nonexistent: there is no such directory\n", outcome.err);
        Outcome verbose = run("--verbose", "db", "/nonexistent", "get", "key");
        assertEquals(1, verbose.exit);
        assertTrue(verbose.err.contains("\tat dev.catena.compare"), verbose.err);
    }

    @Test
    void doctorTellsTheBackendsAndTheChoice() {
        Outcome outcome = run("doctor", "--json");
        assertEquals(0, outcome.exit, outcome.err);
        JsonObject found = JsonParser.parseString(outcome.out).getAsJsonObject();
        String chosen = found.get("chosen").getAsString();
        boolean chosenIsAvailable = false;
        for (var entry : found.getAsJsonArray("backends")) {
            JsonObject backend = entry.getAsJsonObject();
            assertFalse(backend.get("reason").getAsString().isEmpty());
            chosenIsAvailable |= backend.get("name").getAsString().equals(chosen)
                    && backend.get("available").getAsBoolean();
        }
        assertTrue(chosenIsAvailable, outcome.out);
        for (String field : new String[] {"kernel", "jdk", "libbpf", "disk"}) {
            assertTrue(found.has(field), field);
        }
        assertTrue(found.getAsJsonObject("disk").get("free_bytes").getAsLong() > 0);
        assertTrue(run("doctor").out.contains(chosen));
    }
}
