package dev.catena.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each workload does what its name says, the same for the same seed, and notices a store that loses data. */
final class WorkloadTest {
    private static final long KEYS = 1_000;
    private static final long SEED = 42;
    private static final long MINUTE = Duration.ofMinutes(1).toNanos();

    private static RunResult run(Workload workload, MapStore store, long operations, long nanos, long seed)
            throws InterruptedException {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment progress = arena.allocate((long) workload.threads() * WorkloadRun.PROGRESS_STRIDE, 64);
            try (WorkloadRun run =
                    WorkloadRun.of(workload, store, new WorkloadRun.Plan(KEYS, operations, nanos, seed), progress)) {
                RunResult result = run.run();
                long published = 0;
                for (int thread = 0; thread < workload.threads(); thread++) {
                    published += progress.get(ValueLayout.JAVA_LONG, (long) thread * WorkloadRun.PROGRESS_STRIDE);
                }
                assertEquals(result.operations(), published, "progress");
                assertEquals(result.operations(), result.latencies().getTotalCount(), "recorded latencies");
                return result;
            }
        }
    }

    private static MapStore loaded() throws InterruptedException {
        MapStore store = new MapStore();
        try (WorkloadRun run =
                WorkloadRun.load(store, KEYS, SEED, Arena.ofAuto().allocate(64, 64))) {
            assertEquals(KEYS, run.run().operations());
        }
        return store;
    }

    @Test
    void loadPutsEveryKeyOnce() throws InterruptedException {
        MapStore store = loaded();
        assertEquals(KEYS, store.puts.get());
        assertEquals(KEYS, store.entries.size());
        assertEquals(0, store.entries.firstKey());
        assertEquals(KEYS - 1, store.entries.lastKey());
    }

    @Test
    void touchGetsKeysAllOverTheStore() throws InterruptedException {
        MapStore store = loaded();
        try (WorkloadRun run = WorkloadRun.touch(store, KEYS, Arena.ofAuto().allocate(64, 64))) {
            assertEquals(63, run.run().operations()); // every 16th of 1,000
        }
        assertEquals(63, store.gets.get());
        store.entries.remove(992L);
        try (WorkloadRun run = WorkloadRun.touch(store, KEYS, Arena.ofAuto().allocate(64, 64))) {
            assertEquals(1, run.run().wrong(), "the last key touched is lost");
        }
    }

    @ParameterizedTest
    @EnumSource(Workload.class)
    void runsAllItsOperationsAndFindsAllKeys(Workload workload) throws InterruptedException {
        MapStore store = workload.start() == Workload.Start.EMPTY ? new MapStore() : loaded();
        long putsBefore = store.puts.get();
        RunResult result = run(workload, store, 5_003, MINUTE, SEED);
        long puts = store.puts.get() - putsBefore;
        assertEquals(5_003, result.operations());
        assertEquals(0, result.wrong());
        assertEquals(workload.synced() ? puts : 0, store.synced.get());
        switch (workload) {
            case FILLRANDOM, FILLSYNC, FILLSYNC16, OVERWRITE -> assertEquals(5_003, puts);
            case YCSB_A -> assertTrue(puts > 2_200 && puts < 2_800, "puts: " + puts);
            case YCSB_B -> assertTrue(puts > 150 && puts < 350, "puts: " + puts);
            case READRANDOM, YCSB_C -> assertEquals(5_003, store.gets.get());
            case READSEQ, SEEKRANDOM -> assertEquals(0, puts);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Workload.class,
            names = {"READRANDOM", "READSEQ", "SEEKRANDOM", "YCSB_C"})
    void noticesALostKey(Workload workload) throws InterruptedException {
        MapStore store = loaded();
        store.entries.remove(store.entries.firstKey());
        for (long key = 100; key < 500; key++) {
            store.entries.remove(key);
        }
        assertTrue(run(workload, store, 5_000, MINUTE, SEED).wrong() > 0);
    }

    @Test
    void sameSeedSameOperations() throws InterruptedException {
        MapStore first = new MapStore();
        MapStore second = new MapStore();
        MapStore other = new MapStore();
        run(Workload.FILLRANDOM, first, 3_000, MINUTE, SEED);
        run(Workload.FILLRANDOM, second, 3_000, MINUTE, SEED);
        run(Workload.FILLRANDOM, other, 3_000, MINUTE, SEED + 1);
        assertEquals(first.history.getValue(), second.history.getValue());
        assertNotEquals(first.history.getValue(), other.history.getValue());
        assertEquals(0x8828C518L, first.history.getValue(), "the operations changed: old results compare no more");
    }

    @Test
    void endsWhenItsTimeIsOver() throws InterruptedException {
        RunResult result = run(
                Workload.FILLRANDOM,
                new MapStore(),
                Long.MAX_VALUE,
                Duration.ofMillis(50).toNanos(),
                SEED);
        assertTrue(result.seconds() >= 0.05 && result.seconds() < 10, "seconds: " + result.seconds());
        assertTrue(result.operations() > 0);
    }

    @Test
    void aThreadsFailureEndsTheRun() {
        MapStore broken = new MapStore() {
            @Override
            public Session session() {
                throw new IllegalStateException("no session");
            }
        };
        IllegalStateException thrown =
                assertThrows(IllegalStateException.class, () -> run(Workload.FILLSYNC16, broken, 1_000, MINUTE, SEED));
        assertTrue(thrown.getMessage().contains("no session"), thrown.getMessage());
    }
}
