package dev.catena.engine.compaction;

import dev.catena.engine.MergeOperator;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.Operands;
import dev.catena.engine.entry.RangeDeletions;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What of sorted entries is to be written: of each key the newest version and those that an open snapshot sees, operands folded.
 *
 * <p>Open snapshots cut a key's versions into runs; of each run only the newest version is ever seen. A snapshot that is opened later is
 * not older than any entry of the input, and so sees the newest. A deletion is left out where no older data lies below and no snapshot
 * is older than it. So it is with versions in deleted ranges, and with the deletions of ranges.
 *
 * <p><b>Operands.</b> A run that begins with operands becomes
 *
 * <ul>
 *   <li>a value, where a value or deletion (of a range, too) follows them in the run, or where nothing can be older: neither in the input nor below;
 *   <li>else one operand, if the operator can combine them;
 *   <li>else it stays: all its operands, and what follows them.
 * </ul>
 *
 * <p>Without an operator it stays, too: a program that only looks after a store need not know how to merge.
 *
 * <p>One use, one thread.
 */
final class Survivors implements AutoCloseable {
    private static final String OWNER = "compaction";
    private static final int FIRST_BYTES = 256;

    /** A buffer that a big value made larger than this is given back after it. */
    private static final long KEPT_BYTES = 1 << 20;

    /** Memory of operands from which on they are combined before more are read. */
    private static final long COMBINED_BYTES = 1 << 20;

    private final InternalIterator input;
    private final TableWriter.Below below;
    private final long[] snapshots;
    private final long oldestSnapshot;
    private final RangeDeletions ranges;
    private final @Nullable MergeOperator operator;

    /** The key that versions are looked at of. */
    private final Buffer key = new Buffer(FIRST_BYTES, OWNER);

    private int keyLength = -1;

    /** Of that key's version before: its sequence number, and whether it needs older ones. */
    private long newer;

    private boolean newerIsOperand;

    /** Whether a version of the key was given already. */
    private boolean isGiven;

    /** Folded versions of the key that stand for what was read, the one that this stands on first. */
    private final Deque<Folded> folded = new ArrayDeque<>();

    private final Buffer value = new Buffer(FIRST_BYTES, OWNER);
    private final Operands operands = new Operands();

    private boolean begun;
    private boolean firstOfKey;

    private record Folded(long trailer, byte[] value) {}

    /**
     * @param input positioned nowhere; not closed
     * @param ranges deletions of ranges, of all sources of the input
     * @param snapshots sequence numbers of open snapshots, ascending
     * @param operator null when operands are to stay
     */
    Survivors(
            InternalIterator input,
            RangeDeletions ranges,
            TableWriter.Below below,
            long[] snapshots,
            @Nullable MergeOperator operator) {
        this.input = input;
        this.ranges = ranges;
        this.below = below;
        this.snapshots = snapshots;
        this.operator = operator;
        oldestSnapshot = snapshots.length == 0 ? Long.MAX_VALUE : snapshots[0];
    }

    /** Moves to the next entry to be written; false after the last. */
    boolean next() {
        if (!folded.isEmpty()) {
            folded.removeFirst();
            if (!folded.isEmpty()) {
                showFolded();
                firstOfKey = false;
                return true;
            }
        } else if (begun) {
            input.next();
        } else {
            begun = true;
            input.seekToFirst();
        }
        for (; input.isValid(); input.next()) {
            long trailer = input.trailer();
            long sequence = Keys.sequence(trailer);
            int kind = Keys.kind(trailer);
            boolean older = isSameKey();
            boolean needed = (!older || newerIsOperand || isSeen(sequence, newer)) && !isDeleted(sequence);
            if (!older) {
                keyLength = input.keyLength();
                key.ensure(keyLength, 0);
                Memory.copy(input.keyAddress(), key.address(), keyLength);
                isGiven = false;
            }
            newer = sequence;
            newerIsOperand = needed && kind == Keys.MERGE;
            if (needed
                    && !(kind == Keys.DELETE
                            && sequence <= oldestSnapshot
                            && !below.mayHave(key.address(), keyLength))) {
                firstOfKey = !isGiven;
                isGiven = true;
                if (newerIsOperand && operator != null) {
                    fold(operator);
                    showFolded();
                }
                return true;
            }
            input.check(); // what is left out is what it says it is, too
        }
        return false;
    }

    /** Whether no version of its key was given before this one. */
    boolean isFirstOfKey() {
        return firstOfKey;
    }

    long keyAddress() {
        return key.address();
    }

    int keyLength() {
        return keyLength;
    }

    long trailer() {
        return folded.isEmpty() ? input.trailer() : folded.getFirst().trailer;
    }

    long valueAddress() {
        return folded.isEmpty() ? input.valueAddress() : value.address();
    }

    /** The entry's checksum. */
    int checksum() {
        return folded.isEmpty()
                ? input.checksum()
                : EntryChecksum.ofEntry(trailer(), keyAddress(), keyLength(), valueAddress(), valueLength());
    }

    int valueLength() {
        return folded.isEmpty() ? input.valueLength() : folded.getFirst().value.length;
    }

    @Override
    public void close() {
        key.close();
        value.close();
    }

    private boolean isSameKey() {
        int length = input.keyLength();
        return length == keyLength && Keys.compare(input.keyAddress(), length, key.address(), length) == 0;
    }

    /** Whether a snapshot sees a version that is followed by a newer one, or by a deletion. */
    private boolean isSeen(long sequence, long next) {
        int found = Arrays.binarySearch(snapshots, sequence);
        int first = found < 0 ? -found - 1 : found;
        return first < snapshots.length && snapshots[first] < next;
    }

    /** The deletion of a range that the input's key has next after a version of it. */
    private long deletion(long sequence) {
        return ranges.isEmpty() ? Long.MAX_VALUE : ranges.nextAfter(input.keyAddress(), input.keyLength(), sequence);
    }

    /** Whether the deletion of a range follows the input's version, and no snapshot sees it before. */
    private boolean isDeleted(long sequence) {
        long next = deletion(sequence);
        return next != Long.MAX_VALUE && !isSeen(sequence, next);
    }

    /** The deletions of ranges that are to be written: of each run the newest, unless nothing older can be left. */
    RangeDeletions ranges() {
        return ranges.keeping((begin, end, sequences) -> {
            boolean last = !below.mayHaveIn(begin, end);
            long[] kept = new long[sequences.length];
            int count = 0;
            long next = Long.MAX_VALUE;
            for (long sequence : sequences) {
                if ((next == Long.MAX_VALUE || isSeen(sequence, next)) && !(last && sequence <= oldestSnapshot)) {
                    kept[count++] = sequence;
                }
                next = sequence;
            }
            return Arrays.copyOf(kept, count);
        });
    }

    private void showFolded() {
        byte[] bytes = folded.getFirst().value;
        value.shrink(KEPT_BYTES);
        value.ensure(bytes.length, 0);
        MemorySegment.copy(bytes, 0, value.segment(), ValueLayout.JAVA_BYTE, 0, bytes.length);
    }

    /** Reads the run of operands that begins at the input's entry, folds it, and leaves the input after it. */
    private void fold(MergeOperator by) {
        byte[] name = keyLength == 0 ? new byte[0] : Memory.toArray(key.address(), keyLength);
        List<Folded> single = new ArrayList<>();
        boolean combines = true;
        boolean complete = false;
        long trailer = input.trailer();
        long combineAt = COMBINED_BYTES;
        try {
            while (true) {
                input.check();
                operands.addOlder(input);
                single.add(new Folded(input.trailer(), operands.oldest()));
                if (combines && operands.count() > 1 && operands.memoryBytes() >= combineAt) {
                    combines = operands.combine(by, name);
                    if (combines) {
                        single.clear();
                        single.add(new Folded(trailer, operands.oldest()));
                        combineAt = Math.max(COMBINED_BYTES, 2 * operands.memoryBytes());
                    }
                }
                input.next();
                if (!input.isValid() || !isSameKey()) {
                    complete = ranges.newest(key.address(), keyLength, newer) > 0
                            || !below.mayHave(key.address(), keyLength);
                    break;
                }
                long sequence = Keys.sequence(input.trailer());
                int kind = Keys.kind(input.trailer());
                if (deletion(sequence) < newer) {
                    complete = true;
                    newerIsOperand = false;
                    break;
                }
                if (isSeen(sequence, newer)) {
                    newerIsOperand = false; // the snapshot's run begins here
                    break;
                }
                newer = sequence;
                if (kind != Keys.MERGE) {
                    if (kind == Keys.PUT) {
                        input.check();
                        operands.setBase(input);
                    }
                    complete = true;
                    newerIsOperand = false;
                    input.next();
                    break;
                }
            }
            if (complete) {
                folded.add(new Folded(Keys.trailer(Keys.sequence(trailer), Keys.PUT), operands.fold(by, name)));
            } else if (operands.count() == 1 || (combines && operands.combine(by, name))) {
                folded.add(new Folded(trailer, operands.oldest()));
            } else {
                folded.addAll(single);
            }
        } finally {
            operands.clear();
        }
    }
}
