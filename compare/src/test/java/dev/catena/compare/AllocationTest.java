package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.management.ThreadMXBean;
import dev.catena.engine.Db;
import dev.catena.engine.DbIterator;
import dev.catena.engine.Durability;
import dev.catena.engine.Options;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Put, get and next on the caller's segments allocate nothing on the heap: counted by the JVM for this thread, over many operations,
 * once they are compiled.
 */
final class AllocationTest {
    private static final int KEYS = 20_000;

    private static final int SYNCED = 1000;

    /** An operation may so run some times with what the compiler has not removed yet. */
    private static final double BYTES_MAX = 1.0;

    private static final int WARM_UPS = 400;
    private static final ValueLayout.OfLong NUMBER = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment key = arena.allocate(8);
    private final MemorySegment value = arena.allocate(100);

    @TempDir
    private Path directory;

    private ThreadMXBean threads;

    @BeforeEach
    void findCounter() {
        threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        assumeTrue(threads.isThreadAllocatedMemorySupported(), "this JVM does not count what threads allocate");
    }

    @AfterEach
    void keepAlive() {
        java.lang.ref.Reference.reachabilityFence(arena);
    }

    @Test
    void putOfSegments() {
        try (Db db = Db.open(directory, Options.defaults())) {
            assertAllocatesNothing(KEYS, () -> load(db));
        }
    }

    /** In memory, if possible: what is waited for there is compiled just the same. */
    @Test
    void syncedPutOfSegments() throws IOException {
        Path memory = Path.of("/dev/shm");
        Path path = Files.isWritable(memory) ? Files.createTempDirectory(memory, "catena") : directory;
        try {
            try (Db db = Db.open(path, Options.defaults())) {
                assertAllocatesNothing(SYNCED, () -> put(db, SYNCED, Durability.SYNCED));
            }
        } finally {
            Db.destroy(path);
        }
    }

    @Test
    void getIntoASegmentFromTheMemtable() {
        try (Db db = Db.open(directory, Options.defaults())) {
            load(db);
            assertAllocatesNothing(KEYS, () -> getAll(db));
        }
    }

    @Test
    void getIntoASegmentFromCachedTables() {
        try (Db db = Db.open(directory, Options.defaults())) {
            load(db);
            db.flush();
            assertAllocatesNothing(KEYS, () -> getAll(db));
        }
    }

    @Test
    void nextIntoSegments() {
        try (Db db = Db.open(directory, Options.defaults())) {
            load(db);
            db.flush();
            load(db); // a merge of memtable and table
            try (DbIterator iterator = db.iterator()) {
                assertAllocatesNothing(KEYS, () -> {
                    int entries = 0;
                    for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                        assertEquals(8, iterator.key(key));
                        assertEquals(100, iterator.value(value));
                        entries++;
                    }
                    assertEquals(KEYS, entries);
                });
            }
        }
    }

    private void load(Db db) {
        put(db, KEYS, Durability.BUFFERED);
    }

    private void put(Db db, long count, Durability durability) {
        for (long i = 0; i < count; i++) {
            key.set(NUMBER, 0, i);
            value.set(NUMBER, 0, i);
            db.put(key, value, durability);
        }
    }

    private void getAll(Db db) {
        for (long i = 0; i < KEYS; i++) {
            key.set(NUMBER, 0, i);
            assertEquals(100, db.get(key, value));
            assertEquals(i, value.get(NUMBER, 0));
        }
    }

    private void assertAllocatesNothing(int count, Runnable operations) {
        double least = Double.MAX_VALUE;
        for (int i = 0; i < WARM_UPS && least > BYTES_MAX; i++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            operations.run();
            least = Math.min(least, (double) (threads.getCurrentThreadAllocatedBytes() - before) / count);
        }
        assertTrue(least <= BYTES_MAX, least + " bytes allocated an operation");
    }
}
