package dev.catena.engine.entry;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Deletions of ranges of keys, laid out to be searched: <b>fragments</b>, ranges that ascend and do not overlap, each with the sequence
 * numbers of all deletions that hold for it. Made of any deletions by cutting them where others begin and end; neighbours that are
 * alike are one again.
 *
 * <p>A version of a key is deleted when its key is in a fragment with a newer sequence number (that the reader sees). Nothing else
 * counts: not where the deletion is stored, nor where the version is.
 *
 * <p>Immutable, on the heap: there are few of them.
 */
public final class RangeDeletions {
    /** No deletions. */
    public static final RangeDeletions NONE = new RangeDeletions(KeyOrder.BYTES, List.of());

    /** What {@link #find} gives between, before and after fragments. */
    private static final int NOWHERE = -1;

    private final KeyOrder order;
    private final byte[][] begins;
    private final byte[][] ends;

    /** Of each fragment, newest first, one at least. */
    private final long[][] sequences;

    private RangeDeletions(KeyOrder order, List<Fragment> fragments) {
        this.order = order;
        begins = new byte[fragments.size()][];
        ends = new byte[fragments.size()][];
        sequences = new long[fragments.size()][];
        for (int i = 0; i < begins.length; i++) {
            begins[i] = fragments.get(i).begin;
            ends[i] = fragments.get(i).end;
            sequences[i] = fragments.get(i).sequences;
        }
    }

    private record Fragment(byte[] begin, byte[] end, long[] sequences) {}

    /** All that hold somewhere. */
    public static RangeDeletions of(KeyOrder order, Collection<RangeDeletion> deletions) {
        TreeMap<byte[], List<RangeDeletion>> beginning = new TreeMap<>(order::compare);
        TreeMap<byte[], List<RangeDeletion>> ending = new TreeMap<>(order::compare);
        TreeSet<byte[]> bounds = new TreeSet<>(order::compare);
        for (RangeDeletion deletion : deletions) {
            if (order.compare(deletion.begin(), deletion.end()) < 0) {
                beginning
                        .computeIfAbsent(deletion.begin(), bound -> new ArrayList<>())
                        .add(deletion);
                ending.computeIfAbsent(deletion.end(), bound -> new ArrayList<>())
                        .add(deletion);
                bounds.add(deletion.begin());
                bounds.add(deletion.end());
            }
        }
        if (bounds.isEmpty()) {
            return NONE;
        }
        List<Fragment> fragments = new ArrayList<>();
        TreeSet<Long> open = new TreeSet<>();
        byte[] from = bounds.first();
        for (byte[] bound : bounds) {
            if (!open.isEmpty()) {
                add(
                        fragments,
                        from,
                        bound,
                        open.descendingSet().stream().mapToLong(Long::longValue).toArray());
            }
            for (RangeDeletion deletion : at(ending, bound)) {
                open.remove(deletion.sequence());
            }
            for (RangeDeletion deletion : at(beginning, bound)) {
                open.add(deletion.sequence());
            }
            from = bound;
        }
        return new RangeDeletions(order, fragments);
    }

    private static List<RangeDeletion> at(TreeMap<byte[], List<RangeDeletion>> bounds, byte[] bound) {
        List<RangeDeletion> deletions = bounds.get(bound);
        return deletions == null ? List.of() : deletions;
    }

    private static void add(List<Fragment> fragments, byte[] begin, byte[] end, long[] sequences) {
        Fragment last = fragments.isEmpty() ? null : fragments.getLast();
        if (last != null && Arrays.equals(last.end, begin) && Arrays.equals(last.sequences, sequences)) {
            fragments.set(fragments.size() - 1, new Fragment(last.begin, end, sequences));
        } else {
            fragments.add(new Fragment(begin, end, sequences));
        }
    }

    /** Whether there are none. */
    public boolean isEmpty() {
        return begins.length == 0;
    }

    /** How many fragments there are. */
    public int count() {
        return begins.length;
    }

    /** The first key of a fragment. */
    public byte[] begin(int fragment) {
        return begins[fragment];
    }

    /** The first key after a fragment. */
    public byte[] end(int fragment) {
        return ends[fragment];
    }

    /** The sequence numbers of a fragment, newest first; not to be changed. */
    public long[] sequences(int fragment) {
        return sequences[fragment];
    }

    /** The fragment that an off-heap key is in; negative when it is in none. */
    public int find(long key, int length) {
        int fragment = firstEndingAfter(key, length);
        return fragment < begins.length && order.compare(begins[fragment], key, length) <= 0 ? fragment : NOWHERE;
    }

    /** The first fragment that ends after an off-heap key; {@link #count} when none does. */
    public int firstEndingAfter(long key, int length) {
        int low = 0;
        int high = ends.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (order.compare(ends[middle], key, length) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** The newest deletion of a key that is not newer than a snapshot: what is older is deleted. 0 for none. */
    public long newest(long key, int length, long snapshot) {
        int fragment = find(key, length);
        if (fragment >= 0) {
            for (long sequence : sequences[fragment]) {
                if (sequence <= snapshot) {
                    return sequence;
                }
            }
        }
        return 0;
    }

    /** The deletion of a key that comes next after a version with this sequence number; {@link Long#MAX_VALUE} for none. */
    public long nextAfter(long key, int length, long sequence) {
        int fragment = find(key, length);
        long next = Long.MAX_VALUE;
        if (fragment >= 0) {
            for (long each : sequences[fragment]) {
                if (each <= sequence) {
                    break;
                }
                next = each;
            }
        }
        return next;
    }

    /**
     * The sequence number up to which all keys from one to another are deleted for a snapshot: of each its newest deletion that is not newer than
     * that, and of these the oldest. 0 when one of them is not deleted.
     */
    public long newestOfAll(byte[] smallest, byte[] largest, long snapshot) {
        int low = 0;
        int high = ends.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (order.compare(ends[middle], smallest) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        long oldest = Long.MAX_VALUE;
        byte[] from = smallest;
        for (int i = low; i < ends.length && order.compare(begins[i], from) <= 0; i++) {
            oldest = Math.min(
                    oldest,
                    Arrays.stream(sequences[i])
                            .filter(sequence -> sequence <= snapshot)
                            .findFirst()
                            .orElse(0));
            if (oldest == 0 || order.compare(ends[i], largest) > 0) {
                return oldest;
            }
            from = ends[i];
        }
        return 0;
    }

    /** Whether one of them deletes keys of a range, ends included. */
    public boolean touch(byte[] smallest, byte[] largest) {
        for (int low = 0, high = ends.length; low < high; ) {
            int middle = (low + high) >>> 1;
            if (order.compare(ends[middle], smallest) <= 0) {
                low = middle + 1;
            } else if (order.compare(begins[middle], largest) > 0) {
                high = middle;
            } else {
                return true;
            }
        }
        return false;
    }

    /** The order of keys that they are laid out in. */
    KeyOrder order() {
        return order;
    }

    /** Whether they are apart from one another at an off-heap key: it begins none, is in none, and ends none, or begins one where none ends. */
    public boolean areApartAt(long key, int length) {
        int after = firstEndingAfter(key, length);
        return (after == ends.length || order.compare(begins[after], key, length) >= 0)
                && (after == 0 || order.compare(ends[after - 1], key, length) < 0);
    }

    /** What of them holds for keys before a bound. */
    public RangeDeletions before(byte[] bound) {
        List<Fragment> fragments = new ArrayList<>();
        for (int i = 0; i < begins.length && order.compare(begins[i], bound) < 0; i++) {
            boolean cut = order.compare(ends[i], bound) > 0;
            fragments.add(new Fragment(begins[i], cut ? bound : ends[i], sequences[i]));
        }
        return new RangeDeletions(order, fragments);
    }

    /** What of them holds for keys from a bound on. */
    public RangeDeletions from(byte[] bound) {
        List<Fragment> fragments = new ArrayList<>();
        for (int i = 0; i < begins.length; i++) {
            if (order.compare(ends[i], bound) > 0) {
                boolean cut = order.compare(begins[i], bound) < 0;
                fragments.add(new Fragment(cut ? bound : begins[i], ends[i], sequences[i]));
            }
        }
        return new RangeDeletions(order, fragments);
    }

    /** With those sequence numbers of each fragment only that are to be kept. */
    public RangeDeletions keeping(Kept kept) {
        List<Fragment> fragments = new ArrayList<>();
        for (int i = 0; i < begins.length; i++) {
            long[] left = kept.of(begins[i], ends[i], sequences[i]);
            if (left.length > 0) {
                add(fragments, begins[i], ends[i], left);
            }
        }
        return new RangeDeletions(order, fragments);
    }

    /** Chooses what is kept of a fragment. */
    @FunctionalInterface
    public interface Kept {
        /** Which of the sequence numbers, newest first, are kept. */
        long[] of(byte[] begin, byte[] end, long[] sequences);
    }

    /** Adds them to a list, a deletion for each fragment and sequence number. */
    public void addTo(Collection<RangeDeletion> deletions) {
        for (int i = 0; i < begins.length; i++) {
            for (long sequence : sequences[i]) {
                deletions.add(new RangeDeletion(begins[i], ends[i], sequence));
            }
        }
    }
}
