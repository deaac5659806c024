package dev.catena.engine.entry;

import dev.catena.engine.MergeOperator;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Lookups of many keys at one snapshot. Each source in turn, newest first, is asked for the keys that no source before it decided, in
 * ascending order, so that it can keep open from one key to the next what both need; and in groups, for which it can get ready at
 * once what it lacks. Keys are kept off the heap. Not thread safe.
 */
public final class MultiLookup implements AutoCloseable, ValueSink {
    /** Keys that a source gets ready for at once: what it then holds for them has a bound. */
    private static final int GROUP = 256;

    /** In place of a key that is decided. */
    private static final int DECIDED = -1;

    private final long snapshot;
    private final MemorySegment keys;
    private final long[] offsets;
    private final int[] lengths;

    /** Keys not decided yet, by their place in the caller's order, ascending by key. */
    private final int[] pending;

    private int pendingCount;

    /** Of the keys of a group: whether the source lacked something. */
    private final boolean[] lacking;

    /** What was found of keys whose newest version is an operand; null while there are none. */
    private @Nullable Operands @Nullable [] operands;

    /** Of each key: the sequence number up to which its versions are deleted; null when none are. */
    private long @Nullable [] floors;

    private final byte[] @Nullable [] values;
    private byte @Nullable [] value;

    /** What has lookups: as {@code get} of a table. */
    @FunctionalInterface
    public interface Source {
        /** Looks a key up; see {@link Lookup}. Null when it lacks something for it: to be asked again after {@link #prepare}. */
        @Nullable
        Lookup find(
                MemorySegment key, long keyOffset, int keyLength, long snapshotSequence, long floor, ValueSink sink);

        /** Gets something ready that it lacked. */
        default void prepare() {}

        /** Lets go of what it got ready. */
        default void release() {}
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
        lacking = new boolean[Math.min(GROUP, count)];
        this.keys = NativeMemory.allocate(Math.max(1, bytes), "lookups");
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(heap[i], 0, this.keys, ValueLayout.JAVA_BYTE, offsets[i], lengths[i]);
        }
    }

    /** Asks a source for every key that is not decided yet, in ascending order. */
    public void ask(Source source) {
        int left = 0;
        for (int first = 0; first < pendingCount; first += GROUP) {
            int end = Math.min(first + GROUP, pendingCount);
            boolean lacks = askGroup(source, first, end, false);
            if (lacks) {
                while (lacks) {
                    source.prepare();
                    lacks = askGroup(source, first, end, true);
                }
                source.release();
            }
            for (int i = first; i < end; i++) {
                if (pending[i] >= 0) {
                    pending[left++] = pending[i];
                }
            }
        }
        pendingCount = left;
    }

    /**
     * Asks for the pending keys from {@code first} to {@code end}; the places of decided ones become {@link #DECIDED}.
     *
     * @param again whether only for those that the source lacked something for
     * @return whether it lacks something for one
     */
    private boolean askGroup(Source source, int first, int end, boolean again) {
        boolean lacks = false;
        for (int i = first; i < end; i++) {
            int key = pending[i];
            if (key < 0 || (again && !lacking[i - first])) {
                continue;
            }
            Lookup found = find(source, key);
            lacking[i - first] = found == null;
            lacks |= found == null;
            if (found != null && found != Lookup.ABSENT) {
                pending[i] = DECIDED;
            }
        }
        return lacks;
    }

    private @Nullable Lookup find(Source source, int key) {
        long floor = floors == null ? 0 : floors[key];
        Operands older = operands == null ? null : operands[key];
        Lookup found = source.find(keys, offsets[key], lengths[key], snapshot, floor, older == null ? this : older);
        if (found == Lookup.FOUND && older == null) {
            values[key] = value;
        } else if (found == Lookup.MERGE) {
            if (operands == null) {
                operands = new Operands[lengths.length];
            }
            operands[key] = new Operands();
            return find(source, key); // the same again, for a sink that takes operands
        }
        return found;
    }

    /** Merges operands with what is below them, when all sources were asked. */
    public void merge(@Nullable MergeOperator operator) {
        for (int key = 0; operands != null && key < operands.length; key++) {
            Operands found = operands[key];
            if (found != null) {
                byte[] bytes = keys.asSlice(offsets[key], lengths[key]).toArray(ValueLayout.JAVA_BYTE);
                values[key] = found.fold(operator, bytes);
            }
        }
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
