package dev.catena.engine;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * A sorted map that never changes: every change makes another one, which shares with it what is the same. So a copy is a reference,
 * and a model may keep one of every moment. A treap: a search tree by key, a heap by the keys' hashes; all operations but walking
 * take logarithmic time.
 */
final class PersistentMap {
    private final Comparator<byte[]> order;
    private final @Nullable Entry root;

    private PersistentMap(Comparator<byte[]> order, @Nullable Entry root) {
        this.order = order;
        this.root = root;
    }

    static PersistentMap empty(Comparator<byte[]> order) {
        return new PersistentMap(order, null);
    }

    private PersistentMap with(@Nullable Entry other) {
        return new PersistentMap(order, other);
    }

    /** A key and its value, with all entries between its neighbours above it. */
    static final class Entry {
        final byte[] key;
        final byte[] value;
        private final int priority;
        private final @Nullable Entry left;
        private final @Nullable Entry right;

        private Entry(byte[] key, byte[] value, int priority, @Nullable Entry left, @Nullable Entry right) {
            this.key = key;
            this.value = value;
            this.priority = priority;
            this.left = left;
            this.right = right;
        }

        private Entry with(@Nullable Entry newLeft, @Nullable Entry newRight) {
            return newLeft == left && newRight == right ? this : new Entry(key, value, priority, newLeft, newRight);
        }
    }

    boolean isEmpty() {
        return root == null;
    }

    byte @Nullable [] get(byte[] key) {
        Entry at = root;
        while (at != null) {
            int order = this.order.compare(key, at.key);
            if (order == 0) {
                return at.value;
            }
            at = order < 0 ? at.left : at.right;
        }
        return null;
    }

    PersistentMap put(byte[] key, byte[] value) {
        int hash = Arrays.hashCode(key) * 0x9E3779B9;
        return with(put(root, key, value, hash ^ hash >>> 15));
    }

    private Entry put(@Nullable Entry at, byte[] key, byte[] value, int priority) {
        if (at == null || priority > at.priority) { // so it is not below
            return new Entry(key, value, priority, below(at, key), from(at, key));
        }
        int order = this.order.compare(key, at.key);
        if (order == 0) {
            return new Entry(key, value, priority, at.left, at.right);
        }
        return order < 0
                ? at.with(put(at.left, key, value, priority), at.right)
                : at.with(at.left, put(at.right, key, value, priority));
    }

    PersistentMap remove(byte[] key) {
        return get(key) == null ? this : with(remove(root, key));
    }

    private @Nullable Entry remove(@Nullable Entry at, byte[] key) {
        if (at == null) {
            return null;
        }
        int order = this.order.compare(key, at.key);
        if (order == 0) {
            return join(at.left, at.right);
        }
        return order < 0 ? at.with(remove(at.left, key), at.right) : at.with(at.left, remove(at.right, key));
    }

    /** Without the keys from begin to end, which itself stays. */
    PersistentMap removeRange(byte[] begin, byte[] end) {
        return this.order.compare(begin, end) >= 0 ? this : with(join(below(root, begin), from(root, end)));
    }

    /** The keys from this one on. */
    PersistentMap from(byte[] key) {
        return with(from(root, key));
    }

    /** The keys below this one. */
    PersistentMap below(byte[] key) {
        return with(below(root, key));
    }

    private @Nullable Entry from(@Nullable Entry at, byte[] key) {
        if (at == null) {
            return null;
        }
        return this.order.compare(at.key, key) >= 0 ? at.with(from(at.left, key), at.right) : from(at.right, key);
    }

    private @Nullable Entry below(@Nullable Entry at, byte[] key) {
        if (at == null) {
            return null;
        }
        return this.order.compare(at.key, key) < 0 ? at.with(at.left, below(at.right, key)) : below(at.left, key);
    }

    private static @Nullable Entry join(@Nullable Entry low, @Nullable Entry high) {
        if (low == null || high == null) {
            return low == null ? high : low;
        }
        return low.priority >= high.priority
                ? low.with(low.left, join(low.right, high))
                : high.with(join(low, high.left), high.right);
    }

    @Nullable
    Entry first() {
        Entry at = root;
        while (at != null && at.left != null) {
            at = at.left;
        }
        return at;
    }

    @Nullable
    Entry last() {
        Entry at = root;
        while (at != null && at.right != null) {
            at = at.right;
        }
        return at;
    }

    /** The smallest key from this one on, or above it. */
    @Nullable
    Entry above(byte[] key, boolean orEqual) {
        Entry found = null;
        for (Entry at = root; at != null; ) {
            int order = this.order.compare(at.key, key);
            if (order > 0 || (order == 0 && orEqual)) {
                found = at;
                at = at.left;
            } else {
                at = at.right;
            }
        }
        return found;
    }

    /** The largest key up to this one, or below it. */
    @Nullable
    Entry under(byte[] key, boolean orEqual) {
        Entry found = null;
        for (Entry at = root; at != null; ) {
            int order = this.order.compare(at.key, key);
            if (order < 0 || (order == 0 && orEqual)) {
                found = at;
                at = at.right;
            } else {
                at = at.left;
            }
        }
        return found;
    }

    /** All entries by key. */
    Iterator<Entry> walk(boolean ascending) {
        Deque<Entry> path = new ArrayDeque<>();
        push(path, root, ascending);
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return !path.isEmpty();
            }

            @Override
            public Entry next() {
                Entry next = path.poll();
                if (next == null) {
                    throw new NoSuchElementException();
                }
                push(path, ascending ? next.right : next.left, ascending);
                return next;
            }
        };
    }

    private static void push(Deque<Entry> path, @Nullable Entry from, boolean ascending) {
        for (Entry at = from; at != null; at = ascending ? at.left : at.right) {
            path.push(at);
        }
    }
}
