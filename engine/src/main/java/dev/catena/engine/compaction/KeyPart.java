package dev.catena.engine.compaction;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.version.TableFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A part of a compaction's keys, which is merged by a thread of its own. All versions of a key are in one part, so a part is a compaction by itself:
 * what it writes is what the whole would write of these keys, but for where tables begin and end.
 *
 * @param after the part begins with the first key after this one; null for the first of all
 * @param until the last key of the part; null for the last of all
 */
record KeyPart(byte @Nullable [] after, byte @Nullable [] until) {
    /** All keys. */
    static final KeyPart ALL = new KeyPart(null, null);

    /** A key at which tables may be cut, and how many bytes one of them has before it, from its last one on. */
    private record Cut(byte[] key, double bytes) {}

    /**
     * Parts with about as many bytes each, so many at most: fewer when each would have little, or deletions of ranges could not be cut, for which the
     * order has to have a key just after another.
     *
     * @param bytesMin that a part is to have at least
     */
    static List<KeyPart> of(Compaction compaction, KeyOrder order, int most, long bytesMin) {
        long count = Math.min(most, compaction.bytes() / bytesMin);
        if (count < 2
                || (order != KeyOrder.BYTES && !compaction.rangeDeletions().isEmpty())) {
            return List.of(ALL);
        }
        List<Cut> cuts = new ArrayList<>();
        double all = 0;
        for (TableFile table : compaction.tables()) {
            List<byte[]> keys = table.reader().cuts();
            double bytes = (double) table.meta().bytes() / keys.size();
            keys.forEach(key -> cuts.add(new Cut(key, bytes)));
            all += table.meta().bytes();
        }
        cuts.sort(Comparator.comparing(Cut::key, order::compare));
        List<KeyPart> parts = new ArrayList<>();
        byte @Nullable [] after = null;
        double before = 0;
        for (Cut cut : cuts) {
            before += cut.bytes;
            if (before >= all * (parts.size() + 1) / count
                    && parts.size() + 1 < count
                    && (after == null || order.compare(cut.key, after) > 0)) {
                parts.add(new KeyPart(after, cut.key));
                after = cut.key;
            }
        }
        parts.add(new KeyPart(after, null));
        return parts;
    }

    /** Whether a table may have keys of the part. */
    boolean meets(TableFile table, KeyOrder order) {
        return (after == null || order.compare(table.meta().largest(), after) > 0)
                && (until == null || order.compare(table.meta().smallest(), until) <= 0);
    }

    /** What of deletions of ranges concerns keys of the part. */
    RangeDeletions of(RangeDeletions ranges) {
        RangeDeletions from = after == null ? ranges : ranges.from(justAfter(after));
        return until == null ? from : from.before(justAfter(until));
    }

    private static byte[] justAfter(byte[] key) {
        return Arrays.copyOf(key, key.length + 1);
    }

    /** What of the input belongs to the part; closes the input. */
    InternalIterator of(InternalIterator input, KeyOrder order) {
        return after == null && until == null ? input : new Within(input, order, after, until);
    }

    /** The entries of an input that is read once, of keys in a range. */
    private static final class Within implements InternalIterator {
        private final InternalIterator input;
        private final KeyOrder order;
        private final @Nullable Buffer after;
        private final @Nullable Buffer until;
        private final int afterLength;
        private final int untilLength;
        private boolean ended;
        private boolean closed;

        Within(InternalIterator input, KeyOrder order, byte @Nullable [] after, byte @Nullable [] until) {
            this.input = input;
            this.order = order;
            this.after = copy(after);
            this.until = copy(until);
            afterLength = after == null ? 0 : after.length;
            untilLength = until == null ? 0 : until.length;
        }

        private static @Nullable Buffer copy(byte @Nullable [] key) {
            if (key == null) {
                return null;
            }
            Buffer copy = new Buffer(Math.max(1, key.length), "compaction");
            MemorySegment.copy(key, 0, copy.segment(), ValueLayout.JAVA_BYTE, 0, key.length);
            return copy;
        }

        @Override
        public void seekToFirst() {
            input.seekToFirst();
            while (after != null
                    && input.isValid()
                    && order.compare(input.keyAddress(), input.keyLength(), after.address(), afterLength) <= 0) {
                input.next();
            }
            look();
        }

        @Override
        public void next() {
            input.next();
            look();
        }

        private void look() {
            ended = until != null
                    && input.isValid()
                    && order.compare(input.keyAddress(), input.keyLength(), until.address(), untilLength) > 0;
        }

        @Override
        public boolean isValid() {
            return !ended && input.isValid();
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
        public void seek(long key, int length, long trailer) {
            throw onlyOnce();
        }

        @Override
        public void seekToLast() {
            throw onlyOnce();
        }

        @Override
        public void prev() {
            throw onlyOnce();
        }

        private static UnsupportedOperationException onlyOnce() {
            return new UnsupportedOperationException("the input is read once, from the beginning");
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                input.close();
                if (after != null) {
                    after.close();
                }
                if (until != null) {
                    until.close();
                }
            }
        }
    }
}
