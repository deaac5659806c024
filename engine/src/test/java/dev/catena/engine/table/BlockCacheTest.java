package dev.catena.engine.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.entry.Memory;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
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
            cache.reserve(512 << 10);
            assertTrue(cache.bytes() <= 1 << 20, cache.bytes() + " bytes");
            assertTrue(cache.bytes() - (512 << 10) < before);
            cache.reserve(-(512 << 10));
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
}
