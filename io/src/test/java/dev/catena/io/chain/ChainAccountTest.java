package dev.catena.io.chain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.io.internal.Errno;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is counted, on every backend: in the shared memory, seen from outside, and as events. */
class ChainAccountTest {
    @TempDir
    Path directory;

    private static ChainRuntime acquire(String backend) {
        try {
            return ChainRuntime.acquire(backend);
        } catch (UnsupportedOperationException e) {
            return Assumptions.abort(backend + " is not available: " + e.getMessage());
        }
    }

    private static ChainAccount account(List<ChainAccount> accounts, String kind) {
        return accounts.stream()
                .filter(account -> account.kind().equals(kind))
                .reduce((first, second) -> {
                    throw new AssertionError("two accounts of kind " + kind);
                })
                .orElseThrow();
    }

    @ParameterizedTest
    @ValueSource(strings = {"kernel-loop", "kernel-hook", "user", "portable"})
    void everyCountIsKept(String backend) throws IOException {
        for (Placement placement : Placement.values()) {
            String kind = "counted " + placement;
            try (ChainRuntime runtime = acquire(backend);
                    Lane lane = runtime.lane(placement);
                    Region region = runtime.allocate(65_536, "test");
                    ChainFile file = runtime.open(
                            directory.resolve(kind + backend), ChainFile.Mode.CREATE, ChainFile.Access.BUFFERED);
                    Chain chain = lane.chain(16, kind)) {
                chain.write(file, region, 0, 4096, 0).cut(1000, 2);
                chain.write(file, region, 0, 4096, 4096).fault(Errno.EIO, 3).retryOnError(3);
                chain.run().throwIfFailed();
                chain.begin();
                chain.nop().over(region, 0, 8).verify(region, 4096);
                chain.nop();
                chain.nop();
                assertEquals(-Errno.EBADMSG, chain.run().result());

                ChainAccount account = account(runtime.accounts(), kind);
                assertEquals(placement, account.placement());
                assertEquals(2, account.chains());
                assertEquals(1, account.failed());
                assertEquals(2, account.steps());
                assertEquals(3 + 4 + 1, account.completions());
                assertEquals(account.completions(), account.issuedByProgram() + account.issuedByUser());
                assertEquals(8192, account.bytes());
                assertEquals(3, account.retries());
                assertEquals(2, account.shortIos());
                assertEquals(2, account.drops());
                assertEquals(1, account.mismatches());
                assertEquals(8, Arrays.stream(account.requestLatency()).sum());
                assertEquals(2, Arrays.stream(account.chainLatency()).sum());
                assertTrue(ChainAccount.quantile(account.chainLatency(), 1)
                        >= ChainAccount.quantile(account.requestLatency(), 0.01));
                boolean steered = backend.startsWith("kernel");
                assertEquals(steered, account.issuedByProgram() > 0);
                assertEquals(steered, account.programNanos() > 0);

                try (ChainMonitor monitor =
                        new ChainMonitor(ProcessHandle.current().pid(), runtime.address())) {
                    ChainAccount seen = account(monitor.accounts(), kind);
                    assertEquals(
                            account.toString().replaceAll("\\[J@\\w+", ""),
                            seen.toString().replaceAll("\\[J@\\w+", ""));
                    assertEquals(runtime.rings().toString(), monitor.rings().toString());
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"kernel-loop", "kernel-hook", "user", "portable"})
    void chainsAndAccountsAreEvents(String backend) throws IOException {
        Path file = directory.resolve(backend + ".jfr");
        try (ChainRuntime runtime = acquire(backend);
                Lane lane = runtime.lane(Placement.IN_CONTEXT);
                Chain chain = lane.chain(4, "evented");
                Recording recording = new Recording()) {
            recording.enable("dev.catena.Chain");
            recording.enable("dev.catena.ChainAccount").with("period", "endChunk");
            recording.start();
            for (int i = 0; i < 3; i++) {
                chain.begin().nop();
                chain.run();
            }
            recording.stop();
            recording.dump(file);
        }
        Map<String, List<RecordedEvent>> events = RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getString("kind").equals("evented"))
                .collect(Collectors.groupingBy(
                        event -> event.getEventType().getName(), TreeMap::new, Collectors.toList()));
        assertEquals(List.of("dev.catena.Chain", "dev.catena.ChainAccount"), List.copyOf(events.keySet()));
        assertEquals(3, events.get("dev.catena.Chain").size());
        assertEquals(1, events.get("dev.catena.Chain").getFirst().getInt("steps"));
        RecordedEvent last = events.get("dev.catena.ChainAccount").getLast();
        assertEquals(backend, last.getString("backend"));
        assertTrue(last.getLong("steps") >= 3);
    }
}
