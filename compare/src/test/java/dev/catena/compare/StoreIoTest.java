package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.catena.bench.CatenaStore;
import dev.catena.bench.RunResult;
import dev.catena.bench.StoreSettings;
import dev.catena.bench.Workload;
import dev.catena.bench.WorkloadRun;
import dev.catena.engine.Compression;
import dev.catena.engine.Db;
import dev.catena.engine.DbIterator;
import dev.catena.engine.IteratorOptions;
import dev.catena.engine.Options;
import dev.catena.engine.Stats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What chains steered in the kernel are for: how few I/O system calls the store makes, counted from outside. Skipped where the
 * kernel cannot steer or BPF cannot count.
 */
final class StoreIoTest {
    private static final int TABLE_BYTES = 4 << 20;
    private static final int MANY_TABLES = 48;
    private static final int KEY_BYTES = 16;
    private static final int VALUE_BYTES = 1000;
    private static final long SEED = 7;

    private final SyscallCounter counter = SyscallCounter.open();

    @TempDir
    private Path directory;

    @BeforeEach
    void needsBpf() {
        assumeTrue(counter.unavailable().isEmpty(), counter::unavailable);
    }

    @AfterEach
    void close() {
        counter.close();
    }

    private SyscallCounter.Counts counted() {
        SyscallCounter.Counts counts = counter.stop();
        assertNotNull(counts);
        return counts;
    }

    @Test
    void sixteenSyncedWritersShareSystemCalls() throws Exception {
        try (CatenaStore store = new CatenaStore(directory, StoreSettings.DEFAULTS);
                Arena arena = Arena.ofShared()) {
            assumeTrue(store.backend().equals("kernel-hook"), "backend " + store.backend());
            MemorySegment progress = arena.allocate(16L * WorkloadRun.PROGRESS_STRIDE, 8);
            WorkloadRun.Plan plan = new WorkloadRun.Plan(100_000, 20_000, Long.MAX_VALUE, SEED);
            try (WorkloadRun run = WorkloadRun.of(Workload.FILLSYNC16, store, plan, progress)) {
                counter.start(ProcessHandle.current().pid());
                RunResult result = run.run();
                SyscallCounter.Counts counts = counted();
                double each = (double) counts.ioSyscalls() / result.operations();
                assertTrue(each < 0.2, each + " I/O system calls a put: " + counts);
                assertTrue(counts.ioSyscalls() > 0, "nothing was written, or nothing counted");
            }
        }
    }

    /**
     * Reading, verifying, writing, syncing and opening tables is the chains', so more tables mean no more calls, but for some looks into
     * blocks: whether anything can be copied.
     */
    @Test
    void compactionOfMoreTablesMakesNoMoreSystemCalls() {
        SyscallCounter.Counts unused = compaction("warm-up", 2); // loads classes, and makes lanes
        SyscallCounter.Counts few = compaction("few", 4);
        SyscallCounter.Counts many = compaction("many", MANY_TABLES);
        long more = many.ioSyscalls() - few.ioSyscalls();
        assertTrue(more < (MANY_TABLES - 4) / 2, "of few tables " + few + ", of many " + many);
        assertTrue(few.ioSyscalls() > 0 && few.ioSyscalls() < 40, few.toString());
    }

    /** What a compaction of so many tables, about, calls that rewrites all of them. */
    private SyscallCounter.Counts compaction(String name, int tables) {
        Options options = Options.defaults().withCompression(Compression.NONE).withTableBytes(TABLE_BYTES);
        try (Db db = Db.open(directory.resolve(name), options)) {
            assumeTrue(
                    db.stats().backend().startsWith("kernel"),
                    "backend " + db.stats().backend());
            long keys = (long) tables * TABLE_BYTES / (KEY_BYTES + VALUE_BYTES);
            put(db, keys, 1);
            db.compact();
            put(db, keys, 16);
            db.flush();
            long written = db.stats().compaction().writtenBytes();
            counter.start(ProcessHandle.current().pid());
            db.compact();
            SyscallCounter.Counts counts = counted();
            long more = db.stats().compaction().writtenBytes() - written;
            assertTrue(more >= (tables - 1L) * TABLE_BYTES, more + " bytes written for " + tables + " tables");
            return counts;
        }
    }

    /** Writes one of so many of the keys, all over them. */
    private static void put(Db db, long keys, int oneOf) {
        SplittableRandom random = new SplittableRandom(SEED);
        byte[] key = new byte[KEY_BYTES];
        byte[] value = new byte[VALUE_BYTES];
        for (long i = 0; i < keys; i++) {
            ByteBuffer.wrap(key).putLong(random.nextLong());
            if (i % oneOf == 0) {
                new SplittableRandom(i).nextBytes(value);
                db.put(key, value);
            }
        }
    }

    @Test
    void aHundredKeysAreReadWithAHandfulOfSystemCalls() {
        int keys = 100_000;
        Options options = Options.defaults().withCompression(Compression.NONE).withCacheBytes(8 << 20);
        try (Db db = Db.open(directory, options)) {
            byte[] value = new byte[VALUE_BYTES];
            for (int i = 0; i < keys; i++) {
                db.put(ByteBuffer.allocate(KEY_BYTES).putInt(i).array(), value);
            }
            db.compact();
        }
        try (Db db = Db.open(directory, options)) {
            db.multiGet(keys(keys, 500)); // classes are loaded, lanes made, indexes and filters read
            List<byte[]> asked = keys(keys, 0);
            counter.start(ProcessHandle.current().pid());
            List<byte[]> values = db.multiGet(asked);
            SyscallCounter.Counts counts = counted();
            assertTrue(values.stream().allMatch(found -> found != null && found.length == VALUE_BYTES));
            assertTrue(counts.ioSyscalls() > 0 && counts.ioSyscalls() <= 6, counts.toString());
        }
    }

    /**
     * A walk's data is read half a MiB at a time, and the indexes of 100 partitions with it: a call to begin each half and, where it does not come out of
     * the page cache, one to wait for it.
     */
    @Test
    void aWalkMakesFewSystemCalls() {
        Options options = Options.defaults().withCompression(Compression.NONE);
        int keys = 100_000;
        try (Db db = Db.open(directory, options)) {
            byte[] value = new byte[VALUE_BYTES];
            for (int i = 0; i < keys; i++) {
                db.put(ByteBuffer.allocate(KEY_BYTES).putInt(i).array(), value);
            }
            db.compact();
        }
        long halves = (long) keys * VALUE_BYTES / (512 << 10);
        IteratorOptions ahead = IteratorOptions.defaults().withReadaheadBytes(1 << 20);
        for (int walk = 0; walk < 2; walk++) { // the first one loads classes, makes lanes, and fills the page cache
            try (Db db = Db.open(directory, options);
                    DbIterator iterator = db.iterator(ahead)) {
                assumeTrue(
                        db.stats().backend().equals("kernel-hook"),
                        "backend " + db.stats().backend());
                int found = 0;
                counter.start(ProcessHandle.current().pid());
                for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                    found++;
                }
                SyscallCounter.Counts counts = counted();
                assertEquals(keys, found);
                assertTrue(
                        counts.ioSyscalls() <= (walk == 0 ? 2 * halves + 50 : halves + 50),
                        halves + " halves: " + counts);
            }
        }
    }

    /** What is read of each table is its end: no more for a larger store than for a small one but that. */
    @Test
    void openingReadsTheEndsOfTables() {
        long[] calls = new long[2];
        long[] tables = new long[2];
        for (int size = 0; size < 2; size++) {
            Options options =
                    Options.defaults().withCompression(Compression.NONE).withMemtableBytes(64 << 10);
            Path store = directory.resolve("store" + size);
            try (Db db = Db.open(store, options)) {
                byte[] value = new byte[VALUE_BYTES];
                for (int i = 0; i < (size == 0 ? 100 : 8_000); i++) {
                    db.put(ByteBuffer.allocate(KEY_BYTES).putInt(i).array(), value);
                }
                db.flush();
            }
            counter.start(ProcessHandle.current().pid());
            Db db = Db.openReadOnly(store, options);
            calls[size] = counted().ioSyscalls();
            tables[size] = db.stats().families().getFirst().levels().stream()
                    .mapToLong(Stats.Level::tables)
                    .sum();
            db.close();
        }
        long more = tables[1] - tables[0];
        assertTrue(more > 50, more + " tables more");
        assertTrue(calls[1] - calls[0] <= 4 * more, (calls[1] - calls[0]) + " I/O system calls for so many tables");
    }

    /** A hundred of so many keys, from one of them on. */
    private static List<byte[]> keys(int count, int first) {
        List<byte[]> keys = new ArrayList<>();
        for (int i = first; i < count; i += count / 100) {
            keys.add(ByteBuffer.allocate(KEY_BYTES).putInt(i).array());
        }
        return keys;
    }
}
