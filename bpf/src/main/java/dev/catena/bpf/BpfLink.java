package dev.catena.bpf;

import java.lang.foreign.MemorySegment;

/** A program at its place in the kernel. Closing detaches it; closing again does nothing. */
public final class BpfLink implements AutoCloseable {
    private final LibBpf library;
    private final MemorySegment link;
    private boolean closed;

    BpfLink(LibBpf library, MemorySegment link) {
        this.library = library;
        this.link = link;
    }

    synchronized boolean isClosed() {
        return closed;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            library.linkDestroy(link);
        }
    }
}
