package dev.catena.engine.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MemoryAccount;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BlockCacheTest {
    private final long allocated = NativeMemory.allocatedBytes();

    @AfterEach
    void nothingLeaks() {
        assertEquals(allocated, NativeMemory.allocatedBytes());
    }

    /** A block of longs that only this name has. */
    private static long insert(BlockCache cache, long table, long offset, int bytes) {
        MemorySegment memory = cache.allocate(bytes);
        long block = BlockCache.start(memory);
        for (int i = 0; i + 8 <= bytes; i += 8) {
            Memory.putLong(block + i, table * 1_000_003 + offset);
        }
        return cache.insert(table, offset, memory, block, bytes, BlockCache.CHANCES_DATA);
    }

    private static void check(long handle, long table, long offset) {
        long block = BlockCache.address(handle);
        for (int i = 0; i + 8 <= BlockCache.length(handle); i += 8) {
            assertEquals(table * 1_000_003 + offset, Memory.getLong(block + i));
        }
        assertEquals(offset, BlockCache.offset(handle));
    }

    @Test
    void staysWithinItsBytes() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        long capacity = 3 << 20;
        try (BlockCache cache = new BlockCache(capacity)) {
            Map<Long, Integer> pinned = new HashMap<>();
            List<Long> handles = new ArrayList<>();
            long hits = 0;
            for (int i = 0; i < 50_000; i++) {
                long table = 1L + random.nextInt(3);
                long offset = 4096L * random.nextInt(random.nextBoolean() ? 20 : 3000);
                long handle = cache.pin(table, offset);
                if (handle == 0) {
                    handle = insert(cache, table, offset, 8 + random.nextInt(8000));
                } else {
                    hits++;
                }
                check(handle, table, offset);
                handles.add(handle);
                pinned.merge(handle, 1, Integer::sum);
                while (handles.size() > random.nextInt(100)) {
                    long some = handles.remove(random.nextInt(handles.size()));
                    pinned.merge(some, -1, Integer::sum);
                    cache.release(some);
                }
                assertTrue(cache.bytes() <= capacity, cache.bytes() + " bytes");
                if (i % 1000 == 0) {
                    // Transient blocks aside, what is allocated is what is counted, nearly.
                    assertTrue(NativeMemory.allocatedBytes() - allocated <= capacity + 100 * 8100L);
                }
            }
            assertTrue(cache.bytes() > capacity / 2, "it is used: " + cache.bytes());
            assertTrue(hits > 10_000, hits + " hits");
            assertEquals(hits, cache.hits());
            assertEquals(50_000 - hits, cache.misses());
            handles.forEach(cache::release);
        }
    }

    @Test
    void aSecondCopyIsDropped() {
        try (BlockCache cache = new BlockCache(1 << 20)) {
            long first = insert(cache, 1, 0, 4096);
            long second = insert(cache, 1, 0, 4096);
            assertEquals(first, second);
            cache.release(first);
            cache.release(second);
            assertThrows(AssertionError.class, () -> cache.release(second));
            assertEquals(first, cache.pin(1, 0));
            cache.release(first);
        }
    }

    @Test
    void pinnedBlocksStayAndWhatDoesNotFitIsPrivate() {
        try (BlockCache cache = new BlockCache(1 << 20)) {
            List<Long> handles = new ArrayList<>();
            for (int i = 0; i < 300; i++) {
                handles.add(insert(cache, 7, i, 8000));
            }
            for (int i = 0; i < 300; i++) {
                check(handles.get(i), 7, i);
            }
            assertTrue(cache.bytes() <= 1 << 20);
            assertEquals(0, cache.pin(7, 299));
            handles.forEach(cache::release);
            // But for records of the private blocks, which are kept.
            assertTrue(NativeMemory.allocatedBytes() - allocated <= (1 << 20) + 300 * 64);
            long big = insert(cache, 8, 0, 2 << 20);
            check(big, 8, 0);
            assertEquals(0, cache.pin(8, 0));
            cache.release(big);
        }
    }

    @Test
    void reservedBytesAreTakenFromBlocks() {
        try (BlockCache cache = new BlockCache(1 << 20)) {
            for (int i = 0; i < 200; i++) {
                cache.release(insert(cache, 1, i, 8000));
            }
            long before = cache.bytes();
            cache.account().charge(MemoryAccount.Owner.TABLES, 512 << 10);
            assertTrue(cache.bytes() <= 1 << 20, cache.bytes() + " bytes");
            assertTrue(cache.bytes() - (512 << 10) < before);
            cache.account().charge(MemoryAccount.Owner.TABLES, -(512 << 10));
        }
    }

    @Test
    void blocksInUseDoNotChangeUnderThreads() throws Exception {
        try (BlockCache cache = new BlockCache(2 << 20);
                ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Future<?>> running = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                Random random = new Random(thread);
                running.add(threads.submit(() -> {
                    for (int i = 0; i < 100_000; i++) {
                        long table = 1L + random.nextInt(2);
                        long offset = random.nextInt(random.nextBoolean() ? 50 : 1500);
                        long handle = cache.pin(table, offset);
                        if (handle == 0) {
                            handle = insert(cache, table, offset, 2000);
                        }
                        check(handle, table, offset);
                        cache.release(handle);
                    }
                }));
            }
            for (Future<?> future : running) {
                future.get();
            }
            assertTrue(cache.bytes() <= 2 << 20);
        }
    }

    /** Whether a block was there; else it is read. */
    private static boolean touch(BlockCache cache, long table, long offset) {
        long handle = cache.pin(table, offset);
        boolean found = handle != 0;
        if (!found) {
            handle = insert(cache, table, offset, BLOCK);
        }
        cache.release(handle);
        return found;
    }

    private static final int BLOCK = 4000;
    private static final long CAPACITY = 8 << 20;

    @Test
    void whatIsReadOnceDoesNotPushOutWhatIsHot() {
        int hot = 1000; // half of the cache
        try (BlockCache cache = new BlockCache(CAPACITY)) {
            for (int round = 0; round < 4; round++) {
                for (int i = 0; i < hot; i++) {
                    touch(cache, 1, i);
                }
            }
            for (int i = 0; i < 30_000; i++) { // fifteen times the cache
                touch(cache, 2, i);
            }
            int kept = 0;
            for (int i = 0; i < hot; i++) {
                kept += touch(cache, 1, i) ? 1 : 0;
            }
            assertTrue(kept >= 0.95 * hot, kept + " of " + hot + " hot blocks kept");
            assertTrue(cache.bytes() <= CAPACITY);
        }
    }

    @Test
    void hitsMoreThanLeastRecentlyUsedWhenScansPass() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        int blocks = (int) (CAPACITY / (BLOCK + 300));
        Map<Long, Boolean> recent = new LinkedHashMap<>(16, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<Long, Boolean> eldest) {
                return size() > blocks;
            }
        };
        int wanted = 0;
        int hits = 0;
        int recentHits = 0;
        long scanned = 0;
        try (BlockCache cache = new BlockCache(CAPACITY)) {
            for (int i = 0; i < 200_000; i++) {
                // Skewed lookups in four times the cache; after each two of them a scan reads two more blocks.
                long offset = (long) (4.0 * blocks * Math.pow(random.nextDouble(), 3));
                wanted++;
                hits += touch(cache, 1, offset) ? 1 : 0;
                recentHits += recent.put(offset, true) != null ? 1 : 0;
                if (i % 2 == 0) {
                    for (int j = 0; j < 2; j++) {
                        touch(cache, 2, scanned);
                        recent.put(-1 - scanned++, true);
                    }
                }
            }
        }
        double rate = (double) hits / wanted;
        double recentRate = (double) recentHits / wanted;
        System.out.println("hit rate " + rate + ", least recently used " + recentRate);
        assertTrue(rate > recentRate + 0.05, rate + " against " + recentRate);
    }
}
