package dev.catena.engine.entry;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The entries of one source without those that deletions of ranges hide from a snapshot. Where nothing that the source has in a
 * fragment can be newer than the fragment's deletion, the rest of it is passed by a seek.
 *
 * <p>Not thread safe.
 */
public final class Undeleted implements InternalIterator {
    private final InternalIterator input;
    private final RangeDeletions ranges;
    private final long snapshot;
    private final long largestSequence;
    private final Buffer bound = new Buffer(64, "iterator");
    private boolean closed;

    /** The first fragment that ends after the input's key. */
    private int fragment;

    /**
     * @param input closed by this
     * @param ranges all there are, of this source and others
     * @param snapshot deletions that are newer do not count
     * @param largestSequence of all entries of the input; {@link Long#MAX_VALUE} when more may come
     */
    public Undeleted(InternalIterator input, RangeDeletions ranges, long snapshot, long largestSequence) {
        this.input = input;
        this.ranges = ranges;
        this.snapshot = snapshot;
        this.largestSequence = largestSequence;
    }

    @Override
    public void seekToFirst() {
        input.seekToFirst();
        locate();
        skipForward();
    }

    @Override
    public void seek(long key, int length, long trailer) {
        input.seek(key, length, trailer);
        locate();
        skipForward();
    }

    @Override
    public void next() {
        input.next();
        skipForward();
    }

    @Override
    public void seekToLast() {
        input.seekToLast();
        locate();
        skipBackward();
    }

    @Override
    public void seekBefore(long key, int length, long trailer) {
        input.seekBefore(key, length, trailer);
        locate();
        skipBackward();
    }

    @Override
    public void prev() {
        input.prev();
        skipBackward();
    }

    private void locate() {
        if (input.isValid()) {
            fragment = ranges.firstEndingAfter(input.keyAddress(), input.keyLength());
        }
    }

    private void skipForward() {
        while (input.isValid()) {
            while (fragment < ranges.count() && compare(ranges.end(fragment)) <= 0) {
                fragment++;
            }
            long deletion = deletion();
            if (Keys.sequence(input.trailer()) >= deletion) {
                return;
            }
            if (largestSequence < deletion) {
                byte[] end = ranges.end(fragment);
                input.seek(copy(end), end.length, -1);
                if (input.isValid() && compare(end) > 0) {
                    throw ranges.order().failed("does not keep to its order: of keys from one on one is before it");
                }
            } else {
                input.next();
            }
        }
    }

    private void skipBackward() {
        while (input.isValid()) {
            while (fragment > 0 && compare(ranges.end(fragment - 1)) > 0) {
                fragment--;
            }
            long deletion = deletion();
            if (Keys.sequence(input.trailer()) >= deletion) {
                return;
            }
            if (largestSequence < deletion) {
                byte[] begin = ranges.begin(fragment);
                input.seekBefore(copy(begin), begin.length, -1);
                if (input.isValid() && compare(begin) <= 0) {
                    throw ranges.order().failed("does not keep to its order: of keys before one one is not");
                }
            } else {
                input.prev();
            }
        }
    }

    /** What deletes the input's key for the snapshot: a sequence number, or 0. */
    private long deletion() {
        if (fragment < ranges.count() && compare(ranges.begin(fragment)) <= 0) {
            for (long sequence : ranges.sequences(fragment)) {
                if (sequence <= snapshot) {
                    return sequence;
                }
            }
        }
        return 0;
    }

    /** Compares a bound with the input's key. */
    private int compare(byte[] with) {
        return ranges.order().compare(with, input.keyAddress(), input.keyLength());
    }

    private long copy(byte[] key) {
        bound.ensure(key.length, 0);
        MemorySegment.copy(key, 0, bound.segment(), ValueLayout.JAVA_BYTE, 0, key.length);
        return bound.address();
    }

    @Override
    public boolean isValid() {
        return input.isValid();
    }

    @Override
    public long keyAddress() {
        return input.keyAddress();
    }

    @Override
    public int keyLength() {
        return input.keyLength();
    }

    @Override
    public long trailer() {
        return input.trailer();
    }

    @Override
    public long valueAddress() {
        return input.valueAddress();
    }

    @Override
    public int valueLength() {
        return input.valueLength();
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            bound.close();
            input.close();
        }
    }
}
