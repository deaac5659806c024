package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** One budget for all memory of a store: the cache gives way to memtables, compaction and iterators, and gets it back. */
final class MemoryBudgetTest {
    private static final long BUDGET = 64 << 20;
    private static final int VALUE_BYTES = 1000;
    private static final int KEYS = 90_000;

    /** Buffers of the reading thread, which live as long as a block is read, and small things of iterators. */
    private static final long SLACK = 1 << 20;

    @TempDir
    private Path directory;

    private final long allocatedBefore = NativeMemory.allocatedBytes();

    private static byte[] key(int i) {
        return ByteBuffer.allocate(4).putInt(i).array();
    }

    private void checkBudget(Db db) {
        Stats.Memory memory = settled(db);
        assertEquals(BUDGET, memory.budget());
        assertTrue(memory.total() <= BUDGET, () -> "more than the budget: " + memory);
        long allocated = NativeMemory.allocatedBytes() - allocatedBefore;
        long counted = memory.total() - memory.byOwner().get("log");
        assertTrue(allocated <= counted + SLACK, () -> allocated + " bytes allocated, known are " + memory);
    }

    /** The figures are not of one moment, and a thread that takes memory may stand still before the cache has given it: then they are read again. */
    private static Stats.Memory settled(Db db) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        Stats.Memory memory = db.stats().memory();
        while (memory.total() > BUDGET && System.nanoTime() < deadline) {
            Thread.yield();
            memory = db.stats().memory();
        }
        return memory;
    }

    private static long of(Db db, String owner) {
        return db.stats().memory().byOwner().get(owner);
    }

    @Test
    void holdsWhateverIsDone() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        Options options = Options.defaults()
                .withMemoryBudget(BUDGET)
                .withMemtableBytes(8 << 20)
                .withCompression(Compression.NONE)
                .withCacheBytes(1 << 20); // the budget decides
        byte[] value = new byte[VALUE_BYTES];
        try (Db db = Db.open(directory, options)) {
            long memtables = 0;
            long compaction = 0;
            for (int i = 0; i < KEYS; i++) {
                random.nextBytes(value);
                db.put(key(random.nextInt(KEYS)), value);
                if (i % 3 == 0) {
                    db.get(key(random.nextInt(KEYS)));
                }
                if (i % 500 == 0) {
                    checkBudget(db);
                    memtables = Math.max(memtables, of(db, "memtables"));
                    compaction = Math.max(compaction, of(db, "compaction"));
                }
            }
            assertTrue(memtables > 8 << 20, "memtables had " + memtables);
            assertTrue(compaction > 1 << 20, "flushes and compactions had " + compaction);
            db.compact();
            for (int i = 0; i < KEYS; i++) {
                db.get(key(i));
            }
            long cached = of(db, "blocks");
            assertTrue(
                    cached > BUDGET / 2,
                    "the cache has what is left: " + db.stats().memory());
            List<DbIterator> iterators = new ArrayList<>();
            for (int i = 0; i < 30; i++) { // each reads ahead, past the cache
                DbIterator iterator = db.iterator();
                iterators.add(iterator);
                iterator.seek(key(random.nextInt(KEYS / 2)));
                for (int step = 0; step < 3000 && iterator.isValid(); step++) {
                    iterator.next();
                }
                checkBudget(db);
            }
            assertTrue(
                    of(db, "iterators") > 1 << 20, "iterators had " + db.stats().memory());
            assertTrue(of(db, "blocks") < cached, "the cache did not give way");
            iterators.forEach(DbIterator::close);
            assertEquals(0, of(db, "iterators"));
        }
        assertEquals(allocatedBefore, NativeMemory.allocatedBytes(), NativeMemory::describeLive);
    }

    @Test
    void memtablesThatAreTooLargeForItAreRefused() {
        Options options = Options.defaults().withMemoryBudget(BUDGET);
        assertThrows(
                IllegalArgumentException.class, () -> Db.open(directory, options.withMemtableBytes(BUDGET / 4 + 1)));
        assertEquals(BUDGET / 4, options.memtableBytes(), "unless it is set it fits");
        Db.open(directory, options).close();
        assertThrows(IllegalArgumentException.class, () -> Options.defaults().withMemoryBudget(1 << 20));
    }

    @Test
    void familiesHaveTheBudgetOfTheirStore() {
        Options options = Options.defaults().withMemoryBudget(BUDGET).withMemtableBytes(1 << 20);
        Options own = Options.defaults().withMemtableBytes(2 << 20).withKeyChecksums(false);
        try (Db db = Db.open(directory, options)) {
            Options cats = db.createColumnFamily("cats", own).options();
            assertEquals(BUDGET, cats.memoryBudget(), "its compactions read as far ahead as that allows");
            assertEquals(2 << 20, cats.memtableBytes());
            assertTrue(cats.keyChecksums());
            assertThrows(
                    IllegalArgumentException.class, () -> db.createColumnFamily("dogs", own.withMemtableBytes(BUDGET)));
            assertEquals(2, db.columnFamilies().size());
        }
        assertThrows(
                IllegalArgumentException.class,
                () -> Db.open(directory, options.withColumnFamily("cats", own.withMemtableBytes(BUDGET))));
        try (Db db = Db.open(directory, options.withColumnFamily("cats", own))) {
            assertEquals(
                    BUDGET,
                    Objects.requireNonNull(db.columnFamily("cats")).options().memoryBudget());
        }
    }

    @Test
    void emptyFamiliesTakeLittle() {
        try (Db db = Db.open(directory, Options.defaults())) {
            long before = of(db, "memtables");
            for (int i = 0; i < 10; i++) {
                db.createColumnFamily("family " + i, Options.defaults());
            }
            long each = (of(db, "memtables") - before) / 10;
            assertTrue(each <= 64 << 10, "an empty memtable has " + each + " bytes");
        }
    }

    /** As many as there may be, all full: so writers are slowed down by the last one, and not stopped by what all may take. */
    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void fullMemtablesTakeLessThanAllMay(int memtables) {
        long most = 8 << 20;
        HeldMerge flush = new HeldMerge();
        Options options = Options.defaults()
                .withMergeOperator(flush)
                .withMemtables(memtables)
                .withMemtableBytes(most / 2) // more than is left for each when there are four
                .withWriteBufferBytes(most);
        try (Db db = Db.open(directory, options);
                flush) {
            long empty = of(db, "memtables");
            db.put(key(0), key(0));
            db.merge(key(0), key(1));
            long full = 0;
            int sealed = 0;
            for (int i = 1; sealed < memtables - 1; i++) {
                db.put(key(i), new byte[VALUE_BYTES]);
                if (db.stats().memory().immutableMemtables() > sealed) {
                    sealed++;
                    full = db.stats().memory().immutableBytes() / sealed;
                    long taken = (of(db, "memtables") - empty) / sealed;
                    assertTrue(
                            taken * memtables < most,
                            taken + " bytes for the memtable that was sealed as number " + sealed);
                }
            }
            flush.awaitMerging();
            assertTrue(full * memtables > 0.8 * most, full + " bytes in a full memtable");
            assertEquals(0, db.stats().stalls());
            for (int i = 0; db.stats().memory().memtableBytes() < 0.95 * full; i++) {
                db.put(key(-i), new byte[VALUE_BYTES]);
            }
            assertTrue(db.stats().stalls() > 0, "nobody was slowed down");
            assertTrue(
                    of(db, "memtables") < most, () -> "all took " + db.stats().memory());
        }
    }

    @Test
    void aLeakIsReportedWithThePlaceOfItsAllocation() {
        MemorySegment leaked = NativeMemory.allocate(16, "a test");
        try {
            String report = NativeMemory.describeLive();
            assertTrue(report.contains("16 bytes of a test"), report);
            assertTrue(report.contains("aLeakIsReportedWithThePlaceOfItsAllocation"), report);
        } finally {
            NativeMemory.free(leaked);
        }
    }
}
