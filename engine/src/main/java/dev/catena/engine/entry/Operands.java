package dev.catena.engine.entry;

import dev.catena.engine.Limits;
import dev.catena.engine.MergeException;
import dev.catena.engine.MergeOperator;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Copies of operands of one key, and of the value that they apply to; and the call of the operator. As a sink it takes all that a
 * lookup finds. Not thread safe.
 */
public final class Operands implements ValueSink {
    /** What an array takes beside its bytes, about. */
    private static final int OVERHEAD_BYTES = 48;

    private final Deque<byte[]> oldestFirst = new ArrayDeque<>();
    private byte @Nullable [] base;
    private long bytes;

    /** Forgets everything. */
    public void clear() {
        oldestFirst.clear();
        base = null;
        bytes = 0;
    }

    /** How many operands there are. */
    public int count() {
        return oldestFirst.size();
    }

    /** Bytes that the operands take, about. */
    public long memoryBytes() {
        return bytes;
    }

    /** The oldest operand. */
    public byte[] oldest() {
        return oldestFirst.getFirst();
    }

    @Override
    public void accept(MemorySegment segment, long offset, int length) {
        base = copy(segment, offset, length);
    }

    @Override
    public boolean operand(MemorySegment segment, long offset, int length) {
        oldestFirst.addFirst(copy(segment, offset, length));
        bytes += OVERHEAD_BYTES + length;
        return true;
    }

    /** Takes the value that an entry holds. */
    public void setBase(InternalIterator entry) {
        accept(Memory.ALL, entry.valueAddress(), entry.valueLength());
    }

    /** Takes an operand that is older than all there are. */
    public void addOlder(InternalIterator entry) {
        operand(Memory.ALL, entry.valueAddress(), entry.valueLength());
    }

    /**
     * The value that the operands make of their base.
     *
     * @throws MergeException when the operator throws, gives nothing or too much, or there is none
     */
    public byte[] fold(@Nullable MergeOperator operator, byte[] key) {
        if (operator == null) {
            throw new MergeException(
                    key, "the store was opened without the merge operator that it was written with", null);
        }
        try {
            return checked(operator, key, operator.merge(key, base, List.copyOf(oldestFirst)));
        } catch (RuntimeException | Error e) {
            throw failed(operator, key, e);
        }
    }

    /**
     * Makes one operand of all, unless the operator cannot.
     *
     * @return whether it could
     * @throws MergeException as {@link #fold}
     */
    public boolean combine(MergeOperator operator, byte[] key) {
        try {
            byte[] combined = operator.combine(key, List.copyOf(oldestFirst));
            if (combined != null) {
                byte[] one = checked(operator, key, combined);
                clear();
                operand(MemorySegment.ofArray(one), 0, one.length);
            }
            return combined != null;
        } catch (RuntimeException | Error e) {
            throw failed(operator, key, e);
        }
    }

    private static byte[] checked(MergeOperator operator, byte[] key, byte @Nullable [] value) {
        if (value == null || value.length > Limits.VALUE_BYTES_MAX) {
            String given = value == null ? "nothing" : value.length + " bytes";
            throw new MergeException(key, "operator " + operator.name() + " made " + given + " of them", null);
        }
        return value;
    }

    private static MergeException failed(MergeOperator operator, byte[] key, Throwable e) {
        return e instanceof MergeException merge
                ? merge
                : new MergeException(key, "operator " + operator.name() + " threw " + e, e);
    }

    private static byte[] copy(MemorySegment segment, long offset, int length) {
        byte[] copy = new byte[length];
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, copy, 0, length);
        return copy;
    }
}
