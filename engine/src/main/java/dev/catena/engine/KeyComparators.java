package dev.catena.engine;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Comparators for {@link Options#withKeyComparator}. */
public final class KeyComparators {
    private static final KeyComparator UNSIGNED_BYTES = new UnsignedBytes("unsigned bytes");
    private static final KeyComparator REVERSE_UNSIGNED_BYTES = new ReverseUnsignedBytes("reverse unsigned bytes");

    private KeyComparators() {}

    /** Bytes as numbers from 0 to 255, a key before every longer key that it begins. What families have unless said otherwise, and the fastest. */
    public static KeyComparator unsignedBytes() {
        return UNSIGNED_BYTES;
    }

    /** The reverse of {@link #unsignedBytes}: the last comes first, the empty key last. */
    public static KeyComparator reverseUnsignedBytes() {
        return REVERSE_UNSIGNED_BYTES;
    }

    /** The comparator of this class that has a name, or one that is nothing but a name: whoever asks it gets an exception. */
    static KeyComparator named(String name) {
        if (name.equals(UNSIGNED_BYTES.name())) {
            return UNSIGNED_BYTES;
        }
        return name.equals(REVERSE_UNSIGNED_BYTES.name()) ? REVERSE_UNSIGNED_BYTES : new Unknown(name);
    }

    /** Whether a comparator is nothing but a name. */
    public static boolean isUnknown(KeyComparator comparator) {
        return comparator instanceof Unknown;
    }

    private static int compareUnsigned(MemorySegment a, MemorySegment b) {
        long differs = a.mismatch(b);
        if (differs < 0) {
            return 0;
        }
        return differs == a.byteSize() || differs == b.byteSize()
                ? Long.compare(a.byteSize(), b.byteSize())
                : Byte.compareUnsigned(a.get(ValueLayout.JAVA_BYTE, differs), b.get(ValueLayout.JAVA_BYTE, differs));
    }

    private record UnsignedBytes(String name) implements KeyComparator {
        @Override
        public int compare(MemorySegment a, MemorySegment b) {
            return compareUnsigned(a, b);
        }
    }

    private record ReverseUnsignedBytes(String name) implements KeyComparator {
        @Override
        public int compare(MemorySegment a, MemorySegment b) {
            return compareUnsigned(b, a);
        }
    }

    private record Unknown(String name) implements KeyComparator {
        @Override
        public int compare(MemorySegment a, MemorySegment b) {
            throw new UnsupportedOperationException("this program does not have it");
        }
    }
}
