package dev.catena.engine.table;

import dev.catena.engine.entry.Memory;
import java.lang.foreign.MemorySegment;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/**
 * Whoever asks a cache for a block gets that block, whatever is pinned, evicted and recycled meanwhile: as if there were no cache. It
 * holds two blocks or so, so that nearly each lookup evicts one.
 */
@Param(name = "block", gen = IntGen.class, conf = "0:5")
public class BlockCacheLinearizabilityTest {
    private static final int BYTES = 1024;

    /** One for all runs: what it holds makes no difference. */
    private static final BlockCache CACHE = new BlockCache(3 * (BYTES + 512));

    /** What a block holds. */
    @Operation
    public long get(@Param(name = "block") int block) {
        long handle = pin(block);
        try {
            return read(handle);
        } finally {
            CACHE.release(handle);
        }
    }

    /** What two blocks hold that are pinned at the same time. */
    @Operation
    public long getBoth(@Param(name = "block") int first, @Param(name = "block") int second) {
        long one = pin(first);
        long other = pin(second);
        try {
            return read(one) * 1000 + read(other);
        } finally {
            CACHE.release(one);
            CACHE.release(other);
        }
    }

    private static long pin(int block) {
        long handle = CACHE.pin(1, block);
        if (handle != 0) {
            return handle;
        }
        MemorySegment memory = CACHE.allocate(BYTES);
        long start = BlockCache.start(memory);
        for (int i = 0; i < BYTES; i += 8) {
            Memory.putLong(start + i, block);
        }
        return CACHE.insert(1, block, memory, start, BYTES, BlockCache.CHANCES_DATA);
    }

    /** The block's number, -1 if it is not one block throughout. */
    private static long read(long handle) {
        long address = BlockCache.address(handle);
        long first = Memory.getLong(address);
        for (int i = 8; i < BYTES; i += 8) {
            if (Memory.getLong(address + i) != first) {
                return -1;
            }
        }
        return first;
    }

    /** What it must be like. */
    public static class Specification {
        public long get(int block) {
            return block;
        }

        public long getBoth(int first, int second) {
            return first * 1000L + second;
        }
    }

    @AfterAll
    static void close() {
        CACHE.close();
    }

    @Test
    void isAsIfThereWereNone() {
        new StressOptions()
                .sequentialSpecification(Specification.class)
                .threads(3)
                .actorsPerThread(4)
                .iterations(15)
                .invocationsPerIteration(2000)
                .check(BlockCacheLinearizabilityTest.class);
    }
}
