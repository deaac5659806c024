package dev.catena.engine.entry;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;

/**
 * Off-heap memory that grows: the working space of builders, iterators and readers. Content past what a caller asked to keep is lost
 * when it grows, and the address changes. Not thread safe.
 */
public final class Buffer implements AutoCloseable {
    private final String owner;
    private MemorySegment segment;
    private long address;
    private boolean closed;

    /** @param owner a name for people */
    public Buffer(long bytes, String owner) {
        this.owner = owner;
        segment = NativeMemory.allocate(bytes, owner);
        address = segment.address();
    }

    /** Where it starts, until the next {@link #ensure} that grows it. */
    public long address() {
        return address;
    }

    /** All of it, until the next {@link #ensure} that grows it. */
    public MemorySegment segment() {
        return segment;
    }

    /** How large it is. */
    public long bytes() {
        return segment.byteSize();
    }

    /** Makes it at least {@code bytes} large, by doubling at least, keeping the first {@code keep} bytes. */
    public void ensure(long bytes, long keep) {
        if (bytes > segment.byteSize()) {
            replace(Math.max(bytes, 2 * segment.byteSize()), keep);
        }
    }

    /** Gives memory back when it has grown past {@code bytes}; content is lost. */
    public void shrink(long bytes) {
        if (segment.byteSize() > bytes) {
            replace(bytes, 0);
        }
    }

    private void replace(long bytes, long keep) {
        MemorySegment replacement = NativeMemory.allocate(bytes, owner);
        MemorySegment.copy(segment, 0, replacement, 0, keep);
        NativeMemory.free(segment);
        segment = replacement;
        address = replacement.address();
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            NativeMemory.free(segment);
        }
    }
}
