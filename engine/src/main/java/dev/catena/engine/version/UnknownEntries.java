package dev.catena.engine.version;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * The entries of a table that cannot be opened, for a merge with others: nobody knows them, but within which keys they are.
 *
 * <p>It stands at the first place, or the last, where an entry may be, as if that were an operand: what a reader makes of the key depends on
 * it and on all that is older, not on what is newer. As its sequence number is the table's largest, and its value cannot be had, a merge
 * yields what is before it and what is newer, and fails as soon as it needs what may be here. So it does at a move on, which may be over anything.
 *
 * <p>Not thread safe.
 */
final class UnknownEntries implements InternalIterator {
    private static final int FIRST_KEY_BYTES = 64;

    private final TableFile table;
    private final long trailer;
    private final Buffer key = new Buffer(FIRST_KEY_BYTES, "iterator");
    private int keyLength;
    private boolean valid;

    /** @param snapshot the largest sequence number that the reader sees */
    UnknownEntries(TableFile table, long snapshot) {
        this.table = table;
        trailer = Keys.trailer(Math.min(table.meta().largestSequence(), snapshot), Keys.MERGE);
    }

    @Override
    public void seekToFirst() {
        standAt(table.meta().smallest());
    }

    @Override
    public void seekToLast() {
        standAt(table.meta().largest());
    }

    @Override
    public void seek(long target, int length, long targetTrailer) {
        valid = false;
        if (table.order().compare(table.meta().smallest(), target, length) > 0) {
            seekToFirst();
        } else if (table.order().compare(table.meta().largest(), target, length) >= 0) {
            if (Long.compareUnsigned(targetTrailer, trailer) < 0) {
                throw unknown(); // behind where it could stand at this key
            }
            standAt(target, length);
        }
    }

    @Override
    public void seekBefore(long target, int length, long targetTrailer) {
        valid = false;
        boolean isAfterKey = Long.compareUnsigned(targetTrailer, trailer) < 0;
        int fromSmallest = table.order().compare(table.meta().smallest(), target, length);
        if (fromSmallest > 0 || (fromSmallest == 0 && !isAfterKey)) {
            return;
        }
        if (table.order().compare(table.meta().largest(), target, length) < 0) {
            seekToLast();
        } else if (isAfterKey) {
            standAt(target, length);
        } else {
            throw unknown(); // any key from the smallest to this one
        }
    }

    @Override
    public void next() {
        valid = false;
        throw unknown();
    }

    @Override
    public void prev() {
        valid = false;
        throw unknown();
    }

    @Override
    public boolean isValid() {
        return valid;
    }

    @Override
    public long keyAddress() {
        return key.address();
    }

    @Override
    public int keyLength() {
        return keyLength;
    }

    @Override
    public long trailer() {
        return trailer;
    }

    @Override
    public long valueAddress() {
        throw unknown();
    }

    @Override
    public int valueLength() {
        throw unknown();
    }

    @Override
    public void close() {
        valid = false;
        key.close();
    }

    private void standAt(byte[] at) {
        key.ensure(at.length, 0);
        MemorySegment.copy(at, 0, key.segment(), ValueLayout.JAVA_BYTE, 0, at.length);
        keyLength = at.length;
        valid = true;
    }

    private void standAt(long at, int length) {
        key.ensure(length, 0);
        Memory.copy(at, key.address(), length);
        keyLength = length;
        valid = true;
    }

    /** What to throw. */
    private CorruptionException unknown() {
        return Objects.requireNonNull(table.damage()).again();
    }
}
