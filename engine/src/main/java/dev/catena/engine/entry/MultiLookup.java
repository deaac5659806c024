package dev.catena.engine.entry;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Lookups of many keys at one snapshot. Each source in turn, newest first, is asked for the keys that no source before it decided, in
 * ascending order, so that it can keep open from one key to the next what both need. Keys are kept off the heap. Not thread safe.
 */
public final class MultiLookup implements AutoCloseable, ValueSink {
    private final long snapshot;
    private final MemorySegment keys;
    private final long[] offsets;
    private final int[] lengths;

    /** Keys not decided yet, by their place in the caller's order, ascending by key. */
    private final int[] pending;

    private int pendingCount;

    /** Keys whose newest version is an operand. */
    private final List<Integer> merged = new ArrayList<>();

    /** Of each key: the sequence number up to which its versions are deleted; null when none are. */
    private long @Nullable [] floors;

    private final byte[] @Nullable [] values;
    private byte @Nullable [] value;

    /** What has lookups: as {@code get} of a table. */
    @FunctionalInterface
    public interface Source {
        /** Looks a key up; see {@link Lookup}. */
        Lookup find(
                MemorySegment key, long keyOffset, int keyLength, long snapshotSequence, long floor, ValueSink sink);
    }

    /** What knows ranges of keys that were deleted. */
    @FunctionalInterface
    public interface Floors {
        /** The sequence number up to which a key's versions are deleted, as of a snapshot; 0 for none. */
        long floor(long key, int length, long snapshot);
    }

    /**
     * Copies the keys.
     *
     * @param snapshot the largest sequence number to see
     */
    public MultiLookup(KeyOrder keyOrder, List<byte[]> keys, long snapshot) {
        this.snapshot = snapshot;
        int count = keys.size();
        byte[][] heap = keys.toArray(byte[][]::new);
        offsets = new long[count];
        lengths = new int[count];
        values = new byte[count][];
        long bytes = 0;
        for (int i = 0; i < count; i++) {
            offsets[i] = bytes;
            lengths[i] = heap[i].length;
            bytes += heap[i].length;
        }
        Integer[] order = new Integer[count];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> keyOrder.compare(heap[a], heap[b]));
        pending = new int[count];
        Arrays.setAll(pending, i -> order[i]);
        pendingCount = count;
        this.keys = NativeMemory.allocate(Math.max(1, bytes), "lookups");
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(heap[i], 0, this.keys, ValueLayout.JAVA_BYTE, offsets[i], lengths[i]);
        }
    }

    /** Asks a source for every key that is not decided yet, in ascending order. */
    public void ask(Source source) {
        int left = 0;
        for (int i = 0; i < pendingCount; i++) {
            int key = pending[i];
            Lookup found =
                    source.find(keys, offsets[key], lengths[key], snapshot, floors == null ? 0 : floors[key], this);
            if (found == Lookup.FOUND) {
                values[key] = value;
            } else if (found == Lookup.ABSENT) {
                pending[left++] = key;
            } else if (found == Lookup.MERGE) {
                merged.add(key);
            }
        }
        pendingCount = left;
    }

    /** Asks for the keys whose newest version is an operand, from a source that merges it with older ones. */
    public void askMerged(Source source) {
        for (int key : merged) {
            if (source.find(keys, offsets[key], lengths[key], snapshot, floors == null ? 0 : floors[key], this)
                    == Lookup.FOUND) {
                values[key] = value;
            }
        }
        merged.clear();
    }

    /** Asks up to which sequence number each key's versions are deleted. */
    public void askFloors(Floors source) {
        floors = new long[lengths.length];
        for (int i = 0; i < floors.length; i++) {
            floors[i] = source.floor(keys.address() + offsets[i], lengths[i], snapshot);
        }
    }

    /** Whether every key is decided. */
    public boolean isDone() {
        return pendingCount == 0;
    }

    /** The values, null where a key is absent, in the order of the keys. */
    public List<byte @Nullable []> values() {
        return Arrays.asList(values);
    }

    @Override
    public void accept(MemorySegment segment, long offset, int length) {
        byte[] copy = new byte[length];
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, copy, 0, length);
        value = copy;
    }

    @Override
    public void close() {
        NativeMemory.free(keys);
    }
}
