package dev.catena.engine;

import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.table.TableReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What an iterator shows. Immutable: each {@code with…} method returns a changed copy; keys are copied. Bounds and prefix narrow it
 * together. Keys outside are not read, deleted ones neither, so a bound is cheaper than a look at each key. "Below" is meant in the
 * order of the column family's keys.
 */
public final class IteratorOptions {
    /** Most that can be read ahead: 16 MiB. */
    public static final long READAHEAD_BYTES_MAX = 16 << 20;

    private static final IteratorOptions DEFAULTS =
            new IteratorOptions(null, List.of(), List.of(), List.of(), TableReader.AUTOMATIC_READAHEAD);

    // What they come to together depends on the order of keys.

    private final @Nullable Snapshot snapshot;
    private final List<byte[]> lower;
    private final List<byte[]> upper;
    private final List<byte[]> prefixes;
    private final long readaheadBytes;

    private IteratorOptions(
            @Nullable Snapshot snapshot,
            List<byte[]> lower,
            List<byte[]> upper,
            List<byte[]> prefixes,
            long readaheadBytes) {
        this.snapshot = snapshot;
        this.lower = lower;
        this.upper = upper;
        this.prefixes = prefixes;
        this.readaheadBytes = readaheadBytes;
    }

    /** All keys, as they are when the iterator is made. */
    public static IteratorOptions defaults() {
        return DEFAULTS;
    }

    /** Shows the store as it was when the snapshot was made, which may be closed before the iterator. */
    public IteratorOptions withSnapshot(Snapshot of) {
        return new IteratorOptions(Objects.requireNonNull(of), lower, upper, prefixes, readaheadBytes);
    }

    /** Shows no key below this one. */
    public IteratorOptions withLowerBound(byte[] key) {
        return new IteratorOptions(snapshot, plus(lower, key), upper, prefixes, readaheadBytes);
    }

    /** Shows only keys below this one. */
    public IteratorOptions withUpperBound(byte[] key) {
        return new IteratorOptions(snapshot, lower, plus(upper, key), prefixes, readaheadBytes);
    }

    /**
     * Shows only keys that begin with these bytes. Where a {@link KeyComparator} is the user's own they need not be together, and making
     * the iterator throws an {@link IllegalArgumentException}.
     */
    public IteratorOptions withPrefix(byte[] prefix) {
        return new IteratorOptions(snapshot, lower, upper, plus(prefixes, prefix), readaheadBytes);
    }

    /**
     * Has so many bytes of a table read ahead while the iterator walks, from the second block after a seek on that the cache does not have.
     * Without this nothing is read ahead at first, then more and more, up to 2 MiB, as the walk proves long and has to wait. It holds for each table
     * that the iterator stands in, one a level, and takes as much memory for each: an eighth of the cache's bytes for all iterators
     * together, so that there may be less for one than it asks for, or nothing but plain reads.
     *
     * @param bytes 0 for each block by itself, at most {@value #READAHEAD_BYTES_MAX}
     */
    public IteratorOptions withReadaheadBytes(long bytes) {
        if (bytes < 0 || bytes > READAHEAD_BYTES_MAX) {
            throw new IllegalArgumentException("bytes read ahead: 0 to " + READAHEAD_BYTES_MAX + ", not " + bytes);
        }
        return new IteratorOptions(snapshot, lower, upper, prefixes, bytes);
    }

    private static List<byte[]> plus(List<byte[]> keys, byte[] key) {
        List<byte[]> more = new ArrayList<>(keys);
        more.add(key.clone());
        return more;
    }

    @Nullable
    Snapshot snapshot() {
        return snapshot;
    }

    /** As {@link TableReader#iterator} takes it. */
    long readaheadBytes() {
        return readaheadBytes;
    }

    /** The smallest key to show, or null. */
    byte @Nullable [] lower(KeyOrder order) {
        byte[] largest = null;
        for (byte[] key : lower) {
            largest = largest == null || order.compare(key, largest) > 0 ? key : largest;
        }
        for (byte[] prefix : prefixes) {
            byte[] key = order.firstWith(prefix);
            largest = largest == null || order.compare(key, largest) > 0 ? key : largest;
        }
        return largest;
    }

    /** The smallest key above those to show, or null. */
    byte @Nullable [] upper(KeyOrder order) {
        byte[] smallest = null;
        for (byte[] key : upper) {
            smallest = smallest == null || order.compare(key, smallest) < 0 ? key : smallest;
        }
        for (byte[] prefix : prefixes) {
            byte[] key = order.firstAfter(prefix);
            if (key != null) {
                smallest = smallest == null || order.compare(key, smallest) < 0 ? key : smallest;
            }
        }
        return smallest;
    }
}
