package dev.catena.engine;

import dev.catena.engine.entry.ValueSink;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * What a thread needs for a lookup, kept from one to the next: a copy of the key off the heap (where comparisons work), and the place
 * where the value goes. The key's memory lives as long as the thread's scratch does.
 */
final class Scratch implements ValueSink {
    private static final ThreadLocal<Scratch> OF_THREAD = ThreadLocal.withInitial(Scratch::new);
    private static final int FIRST_KEY_BYTES = 256;
    private static final byte[] EMPTY = {};

    private MemorySegment key = Arena.ofAuto().allocate(FIRST_KEY_BYTES, 16);
    private byte @Nullable [] array;
    private @Nullable MemorySegment into;
    private long length;

    static Scratch get() {
        return OF_THREAD.get();
    }

    /** Copies a key, whose length has been checked. */
    MemorySegment key(byte[] bytes) {
        MemorySegment to = room(bytes.length);
        MemorySegment.copy(bytes, 0, to, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return to;
    }

    /** Copies a key, whose length has been checked. */
    MemorySegment key(MemorySegment bytes) {
        MemorySegment to = room(bytes.byteSize());
        MemorySegment.copy(bytes, 0, to, 0, bytes.byteSize());
        return to;
    }

    private MemorySegment room(long bytes) {
        if (bytes > key.byteSize()) {
            key = Arena.ofAuto().allocate(Limits.KEY_BYTES_MAX, 16);
        }
        return key;
    }

    /** The next value is wanted as an array. */
    void expectArray() {
        into = null;
        array = null;
    }

    /** The next value is wanted in a segment. */
    void expectIn(MemorySegment segment) {
        into = segment;
        length = -1;
    }

    @Override
    public void accept(MemorySegment segment, long offset, int valueLength) {
        MemorySegment target = into;
        if (target == null) {
            byte[] copy = valueLength == 0 ? EMPTY : new byte[valueLength];
            MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, copy, 0, valueLength);
            array = copy;
        } else {
            length = valueLength;
            MemorySegment.copy(segment, offset, target, 0, Math.min(valueLength, target.byteSize()));
        }
    }

    /** The value that came, or null. */
    byte @Nullable [] takeArray() {
        byte[] value = array;
        array = null;
        return value;
    }

    /** The length of the value that came, or -1. */
    long takeLength() {
        into = null;
        return length;
    }
}
