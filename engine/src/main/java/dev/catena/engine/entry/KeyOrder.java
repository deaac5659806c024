package dev.catena.engine.entry;

import dev.catena.engine.KeyComparator;
import dev.catena.engine.KeyComparatorException;
import dev.catena.engine.KeyComparators;
import dev.catena.engine.Limits;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The order of a column family's keys, as everything inside asks for it.
 *
 * <p>Nearly all families have that of unsigned bytes, {@link #BYTES}: each method begins with a comparison with that constant, and goes on
 * in {@link Keys} then, inlined, as if there was no other. In all other orders
 *
 * <ul>
 *   <li>{@link #prefix} is 0 for all keys (but in the reverse of {@code BYTES}), so wherever prefixes are compared first, keys
 *       themselves decide;
 *   <li>blocks and indexes leave no bytes out that keys have in common, and are searched by whole keys; separators are keys, not shortened;
 *   <li>there is no key just after another: deletions of ranges are not cut where no range ends.
 * </ul>
 *
 * <p>Equal keys have equal bytes, in every order, and the other way round: this sees to it. So who looks whether keys are equal
 * compares bytes, as do filters.
 *
 * <p>A comparator of the user's gets copies on the heap: whatever it does with them, no memory is touched that is somebody else's.
 * {@link KeyComparatorException}s come out of all methods that compare.
 *
 * <p>Thread safe.
 */
public final class KeyOrder {
    /** Unsigned bytes, a key before every longer key that it begins. */
    public static final KeyOrder BYTES = new KeyOrder(KeyComparators.unsignedBytes());

    private static final KeyOrder REVERSE = new KeyOrder(KeyComparators.reverseUnsignedBytes());

    private static final ThreadLocal<Copies> COPIES = ThreadLocal.withInitial(Copies::new);

    private final KeyComparator comparator;

    private KeyOrder(KeyComparator comparator) {
        this.comparator = comparator;
    }

    /** The order that a comparator says. */
    public static KeyOrder of(KeyComparator comparator) {
        return comparator.equals(BYTES.comparator)
                ? BYTES
                : comparator.equals(REVERSE.comparator) ? REVERSE : new KeyOrder(comparator);
    }

    /** The name that is stored. */
    public String name() {
        return comparator.name();
    }

    /** Whether keys can be compared: not when this program knows the order by its name only. */
    public boolean isKnown() {
        return this == BYTES || !KeyComparators.isUnknown(comparator);
    }

    /** Throws when {@link #isKnown} is not so. */
    public void checkKnown() {
        if (!isKnown()) {
            throw failed(
                    "is needed: this program does not have it. Open the store with it by Options.withKeyComparator");
        }
    }

    /** What to throw when the order is not what it is to be. */
    public KeyComparatorException failed(String why) {
        return new KeyComparatorException(name(), why, null);
    }

    /** Where two keys' prefixes differ they order, as unsigned numbers, as the keys do. */
    public long prefix(long key, int length) {
        return this == BYTES ? Keys.prefix(key, length) : this == REVERSE ? ~Keys.prefix(key, length) : 0;
    }

    /** As {@link #prefix(long, int)}, of a key on the heap. */
    public long prefix(byte[] key) {
        long prefix = 0;
        for (int i = 0; i < Math.min(8, key.length); i++) {
            prefix |= (key[i] & 0xffL) << (56 - 8 * i);
        }
        return this == BYTES ? prefix : this == REVERSE ? ~prefix : 0;
    }

    /** Compares two off-heap keys: negative, 0 or positive. */
    public int compare(long a, int aLength, long b, int bLength) {
        return this == BYTES ? Keys.compareFrom(0, a, aLength, b, bLength) : compareOther(a, aLength, b, bLength);
    }

    /** Compares two off-heap keys whose {@link #prefix}es are equal. */
    public int compareAfterPrefix(long a, int aLength, long b, int bLength) {
        return this == BYTES
                ? Keys.compareFrom(Math.min(8, Math.min(aLength, bLength)), a, aLength, b, bLength)
                : compareOther(a, aLength, b, bLength);
    }

    /** Compares two entries: by user key ascending, then by trailer descending. */
    public int compare(long a, int aLength, long aTrailer, long b, int bLength, long bTrailer) {
        int order = compare(a, aLength, b, bLength);
        return order != 0 ? order : Long.compareUnsigned(bTrailer, aTrailer);
    }

    /** Compares a key on the heap with one off the heap. */
    public int compare(byte[] a, long b, int bLength) {
        if (this == BYTES) {
            return Keys.compare(a, b, bLength);
        }
        if (this == REVERSE) {
            return -Integer.signum(Keys.compare(a, b, bLength));
        }
        return compareSegments(MemorySegment.ofArray(a), Memory.ALL.asSlice(b, bLength));
    }

    /** Compares two keys on the heap. */
    public int compare(byte[] a, byte[] b) {
        if (this == BYTES) {
            return Arrays.compareUnsigned(a, b);
        }
        if (this == REVERSE) {
            return Arrays.compareUnsigned(b, a);
        }
        return compareSegments(MemorySegment.ofArray(a), MemorySegment.ofArray(b));
    }

    private int compareOther(long a, int aLength, long b, int bLength) {
        return this == REVERSE
                ? Keys.compareFrom(0, b, bLength, a, aLength)
                : compareSegments(Memory.ALL.asSlice(a, aLength), Memory.ALL.asSlice(b, bLength));
    }

    private int compareSegments(MemorySegment a, MemorySegment b) {
        if (a.byteSize() == b.byteSize() && a.mismatch(b) < 0) {
            return 0;
        }
        Copies copies = COPIES.get();
        int order = ask(copies.first(a), copies.second(b));
        if (order == 0) {
            throw failed("says that keys are equal whose bytes are not: give another order of them, and another name");
        }
        return order;
    }

    private int ask(MemorySegment a, MemorySegment b) {
        try {
            return comparator.compare(a, b);
        } catch (RuntimeException | Error e) {
            throw new KeyComparatorException(name(), "threw " + e, e);
        }
    }

    /**
     * Has the comparator look at a key that is to be written.
     *
     * @throws KeyComparatorException when it throws, or does not find the key equal to itself
     */
    public void check(MemorySegment key, long offset, int length) {
        if (this != BYTES && this != REVERSE) {
            Copies copies = COPIES.get();
            MemorySegment bytes = key.asSlice(offset, length);
            if (ask(copies.first(bytes), copies.second(bytes)) != 0) {
                throw failed("finds a key not equal to itself");
            }
        }
    }

    /**
     * The first of all keys, there or not, that begin with these bytes.
     *
     * @throws IllegalArgumentException when they are not together in this order
     */
    public byte[] firstWith(byte[] prefix) {
        checkPrefixes();
        return this == BYTES ? prefix.clone() : lastInBytes(prefix, prefix.length);
    }

    /** The first key after all those that begin with these bytes, there or not; null when none is. @throws IllegalArgumentException as {@link #firstWith} */
    public byte @Nullable [] firstAfter(byte[] prefix) {
        checkPrefixes();
        int last = prefix.length - 1;
        if (this == BYTES) {
            while (last >= 0 && prefix[last] == (byte) 0xff) {
                last--;
            }
            if (last < 0) {
                return null; // every key from the prefix on begins with it
            }
            byte[] after = Arrays.copyOf(prefix, last + 1);
            after[last]++;
            return after;
        }
        if (last < 0) {
            return null;
        }
        byte[] before = Arrays.copyOf(prefix, prefix.length);
        if (before[last] == 0) {
            return Arrays.copyOf(before, last);
        }
        before[last]--;
        return lastInBytes(before, before.length);
    }

    private void checkPrefixes() {
        if (this != BYTES && this != REVERSE) {
            throw new IllegalArgumentException(
                    "keys with a prefix need not be together in the order of key comparator '" + name()
                            + "': use bounds");
        }
    }

    /** The greatest of the keys, as unsigned bytes, that begin with these. */
    private static byte[] lastInBytes(byte[] prefix, int length) {
        byte[] last = Arrays.copyOf(prefix, Limits.KEY_BYTES_MAX);
        Arrays.fill(last, length, last.length, (byte) 0xff);
        return last;
    }

    /** Heap memory of a thread for the two keys that a comparator is asked about. */
    private static final class Copies {
        private MemorySegment first = MemorySegment.ofArray(new byte[64]);
        private MemorySegment second = MemorySegment.ofArray(new byte[64]);

        MemorySegment first(MemorySegment key) {
            if (key.byteSize() > first.byteSize()) {
                first = MemorySegment.ofArray(new byte[room(key)]);
            }
            return copy(key, first);
        }

        MemorySegment second(MemorySegment key) {
            if (key.byteSize() > second.byteSize()) {
                second = MemorySegment.ofArray(new byte[room(key)]);
            }
            return copy(key, second);
        }

        private static int room(MemorySegment key) {
            return Integer.highestOneBit((int) key.byteSize()) * 2;
        }

        private static MemorySegment copy(MemorySegment key, MemorySegment to) {
            MemorySegment.copy(key, ValueLayout.JAVA_BYTE, 0, to, ValueLayout.JAVA_BYTE, 0, key.byteSize());
            return to.asSlice(0, key.byteSize()).asReadOnly();
        }
    }
}
