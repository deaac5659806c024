package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.catena.compare.CommandLineTest.Outcome;
import dev.catena.engine.Db;
import dev.catena.engine.Durability;
import dev.catena.engine.Options;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code catena top} on a store of this process. */
final class TopCommandTest {
    private static final int PUTS = 20;

    @TempDir
    private Path directory;

    private void openAndPut(Runnable then) {
        Assumptions.assumeTrue(Files.isReadable(Path.of("/proc/self/mem")), "/proc/self/mem cannot be read here");
        try (Db db = Db.open(directory, Options.defaults())) {
            for (int i = 0; i < PUTS; i++) {
                db.put(("key" + i).getBytes(StandardCharsets.UTF_8), new byte[100], Durability.SYNCED);
            }
            then.run();
        }
    }

    @Test
    void countsTheChainsOfTheLog() {
        openAndPut(() -> {
            Outcome outcome = CommandLineTest.run("top", directory.toString(), "--json", "--count", "1");
            assertEquals(0, outcome.exit(), outcome.err());
            JsonObject reading = JsonParser.parseString(outcome.out()).getAsJsonObject();
            assertEquals(ProcessHandle.current().pid(), reading.get("pid").getAsLong());
            long steps = 0;
            long issued = 0;
            long chains = 0;
            for (JsonElement element : reading.getAsJsonArray("accounts")) {
                JsonObject account = element.getAsJsonObject();
                if (account.get("kind").getAsString().equals("log")) {
                    chains += account.get("chains").getAsLong();
                    steps += account.get("steps").getAsLong();
                    issued += account.get("issuedByProgram").getAsLong()
                            + account.get("issuedByUser").getAsLong();
                }
            }
            assertTrue(chains >= PUTS, "a flush for each put: " + outcome.out());
            assertTrue(steps >= chains && issued >= steps, outcome.out());
        });
    }

    @Test
    void showsTablesAgainAndAgain() {
        openAndPut(() -> {
            Outcome outcome = CommandLineTest.run("top", directory.toString(), "--interval", "0.01", "--count", "2");
            assertEquals(0, outcome.exit(), outcome.err());
            assertEquals(2, outcome.out().split("by kernel", -1).length - 1, outcome.out());
            assertTrue(outcome.out().contains("  log  "), outcome.out());
        });
    }

    @Test
    void saysThatAStoreIsNotOpen() {
        openAndPut(() -> {});
        Outcome outcome = CommandLineTest.run("top", directory.toString());
        assertEquals(1, outcome.exit());
        assertEquals("catena: the store " + directory + " is not open in any process\n", outcome.err());
    }
}
