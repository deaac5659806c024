package dev.catena.engine;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What an iterator shows. Immutable: each {@code with…} method returns a changed copy; keys are copied. Bounds and prefix narrow it
 * together. Keys outside are not read, deleted ones neither, so a bound is cheaper than a look at each key.
 */
public final class IteratorOptions {
    private static final IteratorOptions DEFAULTS = new IteratorOptions(null, new byte[0], null);

    private final @Nullable Snapshot snapshot;
    private final byte[] lower;
    private final byte @Nullable [] upper;

    private IteratorOptions(@Nullable Snapshot snapshot, byte[] lower, byte @Nullable [] upper) {
        this.snapshot = snapshot;
        this.lower = lower;
        this.upper = upper;
    }

    /** All keys, as they are when the iterator is made. */
    public static IteratorOptions defaults() {
        return DEFAULTS;
    }

    /** Shows the store as it was when the snapshot was made, which may be closed before the iterator. */
    public IteratorOptions withSnapshot(Snapshot of) {
        return new IteratorOptions(Objects.requireNonNull(of), lower, upper);
    }

    /** Shows no key below this one. */
    public IteratorOptions withLowerBound(byte[] key) {
        return Arrays.compareUnsigned(key, lower) <= 0 ? this : new IteratorOptions(snapshot, key.clone(), upper);
    }

    /** Shows only keys below this one. */
    public IteratorOptions withUpperBound(byte[] key) {
        return upper != null && Arrays.compareUnsigned(key, upper) >= 0
                ? this
                : new IteratorOptions(snapshot, lower, key.clone());
    }

    /** Shows only keys that begin with these bytes. */
    public IteratorOptions withPrefix(byte[] prefix) {
        IteratorOptions from = withLowerBound(prefix);
        for (int i = prefix.length - 1; i >= 0; i--) {
            if (prefix[i] != (byte) 0xff) {
                byte[] after = Arrays.copyOf(prefix, i + 1);
                after[i]++;
                return from.withUpperBound(after);
            }
        }
        return from; // every key from the prefix on begins with it
    }

    @Nullable
    Snapshot snapshot() {
        return snapshot;
    }

    /** The smallest key to show, perhaps empty. */
    byte[] lower() {
        return lower;
    }

    /** The smallest key above those to show, or null. */
    byte @Nullable [] upper() {
        return upper;
    }
}
