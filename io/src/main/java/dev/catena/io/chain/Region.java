package dev.catena.io.chain;

import dev.catena.io.internal.SharedMemory;
import java.lang.foreign.MemorySegment;

/**
 * Whole pages of chain memory: the only memory that steps read and write. Zeroed when allocated, page-aligned, so good
 * for direct I/O. One owner closes it, once, when no chain uses it any more.
 */
public final class Region implements AutoCloseable {
    private final SharedMemory memory;
    private final MemorySegment segment;
    private final long offset;

    Region(SharedMemory memory, MemorySegment segment, long offset) {
        this.memory = memory;
        this.segment = segment;
        this.offset = offset;
    }

    /** The memory itself. Not to be used after {@link #close}: the pages are given out again. */
    public MemorySegment segment() {
        return segment;
    }

    /** Offset in the chain memory, in bytes. */
    public long offset() {
        return offset;
    }

    /** Size in bytes, as asked for. */
    public long byteSize() {
        return segment.byteSize();
    }

    /** Gives the pages back. AssertionError if that was done before. */
    @Override
    public void close() {
        memory.free(offset);
    }
}
