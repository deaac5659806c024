package dev.catena.engine.table;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * A few pieces of freed memory, kept for whoever wants the same size next: in a full cache each block that comes takes the memory of
 * one that went, and the allocator, which costs as much as reading the block from the page cache, is not asked.
 *
 * <p>Sizes up to {@link #POOLED_MAX} are rounded up to a multiple of {@link #STEP}; pieces of one size share a few slots. What is
 * kept never exceeds a number of bytes. Thread safe, without locks.
 */
final class MemoryPool implements AutoCloseable {
    /** Larger pieces are not kept. */
    static final long POOLED_MAX = 64L << 10;

    private static final int STEP = 256;
    private static final int SLOTS = 8;

    private final String owner;

    /** Bytes kept at most; -1 once closed. */
    private volatile long limit;

    private final AtomicLong kept = new AtomicLong();
    private final AtomicReferenceArray<@Nullable MemorySegment> slots =
            new AtomicReferenceArray<>(SLOTS * (int) (POOLED_MAX / STEP + 1));

    /**
     * An empty pool.
     *
     * @param limit bytes kept at most
     */
    MemoryPool(String owner, long limit) {
        this.owner = owner;
        this.limit = limit;
    }

    /** Memory of at least so many bytes, to be given back to {@link #give} whole. */
    MemorySegment take(long bytes) {
        if (bytes > POOLED_MAX) {
            return NativeMemory.allocate(bytes, owner);
        }
        int size = (int) (bytes + STEP - 1) / STEP;
        for (int slot = SLOTS * size; slot < SLOTS * (size + 1); slot++) {
            if (slots.getPlain(slot) != null) {
                MemorySegment memory = slots.getAndSet(slot, null);
                if (memory != null) {
                    kept.addAndGet(-memory.byteSize());
                    return memory;
                }
            }
        }
        return NativeMemory.allocate((long) size * STEP, owner);
    }

    /** Takes memory back that {@link #take} gave. */
    void give(MemorySegment memory) {
        long bytes = memory.byteSize();
        if (bytes <= POOLED_MAX) {
            if (kept.addAndGet(bytes) <= limit) {
                int size = (int) bytes / STEP;
                for (int slot = SLOTS * size; slot < SLOTS * (size + 1); slot++) {
                    if (slots.getPlain(slot) == null && slots.compareAndSet(slot, null, memory)) {
                        if (limit < 0) {
                            sweep(); // closed meanwhile, perhaps after it looked here
                        }
                        return;
                    }
                }
            }
            kept.addAndGet(-bytes);
        }
        NativeMemory.free(memory);
    }

    /** Frees what is kept. Nothing is taken any more; what is still given is freed. */
    @Override
    public void close() {
        limit = -1;
        sweep();
    }

    private void sweep() {
        for (int slot = 0; slot < slots.length(); slot++) {
            MemorySegment memory = slots.getAndSet(slot, null);
            if (memory != null) {
                NativeMemory.free(memory);
            }
        }
    }
}
