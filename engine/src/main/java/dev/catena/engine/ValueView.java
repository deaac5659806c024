package dev.catena.engine;

import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.ValueSink;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A value where it lies, in a cached block or a memtable, not copied. It keeps that memory until it is closed, and shows the value as it
 * was when it was got, whatever is written since; also after the store was closed. So close it soon: {@code try (var view =
 * db.getView(key))}.
 *
 * <p>Of the thread that got it: another one gets a {@link WrongThreadException} from the segment and from {@link #close}.
 */
public final class ValueView implements AutoCloseable {
    // A value that was merged for this lookup is nowhere else: it is copied into the arena.

    private final Arena arena;
    private final MemorySegment segment;
    private final ValueSink.@Nullable Keeper keeper;
    private final long handle;

    private ValueView(Sink sink) {
        keeper = sink.keeper;
        handle = sink.handle;
        boolean good = false;
        Arena confined = Arena.ofConfined();
        try {
            MemorySegment value = sink.memory.asSlice(sink.offset, sink.length);
            segment = (keeper == null
                            ? confined.allocate(sink.length, 1).copyFrom(value)
                            : value.reinterpret(confined, null))
                    .asReadOnly();
            arena = confined;
            good = true;
        } finally {
            if (!good) {
                confined.close();
                sink.release();
            }
        }
    }

    /**
     * The value's bytes, read-only. After {@link #close} any access to them throws an {@link IllegalStateException}, also through
     * slices and buffers made of them.
     */
    public MemorySegment segment() {
        return segment;
    }

    /** Gives the memory back. Closing twice is no error. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
            if (keeper != null) {
                keeper.release(handle);
            }
        }
    }

    /** Takes a value and who keeps it. */
    static final class Sink implements ValueSink {
        private MemorySegment memory = Memory.ALL;
        private long offset;
        private long length;
        private @Nullable Keeper keeper;
        private long handle;

        @Override
        public void accept(MemorySegment from, long start, int bytes) {
            memory = from;
            offset = start;
            length = bytes;
        }

        @Override
        public boolean keep(Keeper by, long with) {
            keeper = by;
            handle = with;
            return true;
        }

        /** A view of what was taken. */
        ValueView view() {
            return new ValueView(this);
        }

        private void release() {
            if (keeper != null) {
                keeper.release(handle);
            }
        }
    }
}
