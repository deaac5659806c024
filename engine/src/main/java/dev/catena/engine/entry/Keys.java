package dev.catena.engine.entry;

/**
 * The order of keys as unsigned bytes ({@link KeyOrder} knows of others), and the trailer that tells versions of one key apart.
 *
 * <p>User keys compare as unsigned bytes, a key before every longer key that it begins. Comparisons work on 8 bytes at a time: a
 * big-endian load makes of 8 bytes a number that orders, unsigned, as the bytes do.
 */
public final class Keys {
    /** Kind of an entry that deletes its key. */
    public static final int DELETE = 0;

    /** Kind of an entry that gives its key a value. */
    public static final int PUT = 1;

    /** Kind of an entry whose value is an operand of the store's merge operator, to be applied to what the key has before it. */
    public static final int MERGE = 2;

    /**
     * Kind of an operation that deletes a range: the key is its begin, the value its end. Never of an entry: see {@link RangeDeletions}.
     */
    public static final int DELETE_RANGE = 3;

    /**
     * Kind of what stands in the input of a compaction for a run of entries that are copied without being looked at: its key is their first
     * one, its value says where they are. Never stored.
     */
    public static final int RUN = 0xff;

    /** The largest sequence number. */
    public static final long MAX_SEQUENCE = (1L << 56) - 1;

    private Keys() {}

    /** The trailer of a version: {@code sequence << 8 | kind}. */
    public static long trailer(long sequence, int kind) {
        return sequence << 8 | kind;
    }

    /** The trailer that sorts before every version that a snapshot at {@code sequence} may see, and after every newer one. */
    public static long seekTrailer(long sequence) {
        return sequence << 8 | 0xff;
    }

    /** The sequence number in a trailer. */
    public static long sequence(long trailer) {
        return trailer >>> 8;
    }

    /** The kind in a trailer: {@link #PUT}, {@link #DELETE} or {@link #MERGE}. */
    public static int kind(long trailer) {
        return (int) trailer & 0xff;
    }

    /**
     * The first 8 bytes of a key as a big-endian number, zero-padded: where two keys' prefixes differ, they order (unsigned) as the
     * keys do. Reads inside the key only.
     */
    public static long prefix(long address, int length) {
        if (length >= 8) {
            return Memory.getLongBigEndian(address);
        }
        return shortPrefix(address, length);
    }

    private static long shortPrefix(long address, int length) {
        long prefix = 0;
        for (int i = 0; i < length; i++) {
            prefix |= (Memory.getByte(address + i) & 0xffL) << (56 - 8 * i);
        }
        return prefix;
    }

    /** Compares two user keys: negative, 0 or positive. */
    public static int compare(long a, int aLength, long b, int bLength) {
        return compareFrom(0, a, aLength, b, bLength);
    }

    /** Compares two user keys whose first {@code equal} bytes are known to be equal (at most the shorter key's length). */
    public static int compareFrom(int equal, long a, int aLength, long b, int bLength) {
        int common = Math.min(aLength, bLength);
        int i = equal;
        for (; i + 8 <= common; i += 8) {
            long x = Memory.getLongBigEndian(a + i);
            long y = Memory.getLongBigEndian(b + i);
            if (x != y) {
                return Long.compareUnsigned(x, y);
            }
        }
        if (i < common) {
            if (common >= 8) {
                // The last 8 bytes both have; those before i are equal and do no harm.
                long x = Memory.getLongBigEndian(a + common - 8);
                long y = Memory.getLongBigEndian(b + common - 8);
                if (x != y) {
                    return Long.compareUnsigned(x, y);
                }
            } else {
                long x = shortPrefix(a, common);
                long y = shortPrefix(b, common);
                if (x != y) {
                    return Long.compareUnsigned(x, y);
                }
            }
        }
        return aLength - bLength;
    }

    /** Compares two entries: by user key ascending, then by trailer descending. */
    public static int compare(long a, int aLength, long aTrailer, long b, int bLength, long bTrailer) {
        int order = compare(a, aLength, b, bLength);
        return order != 0 ? order : Long.compareUnsigned(bTrailer, aTrailer);
    }

    /** Compares a user key on the heap with one off the heap. */
    public static int compare(byte[] a, long b, int bLength) {
        int common = Math.min(a.length, bLength);
        for (int i = 0; i < common; i++) {
            int order = (a[i] & 0xff) - (Memory.getByte(b + i) & 0xff);
            if (order != 0) {
                return order;
            }
        }
        return a.length - bLength;
    }

    /** How many bytes two keys have in common from their beginning. */
    public static int commonPrefix(long a, int aLength, long b, int bLength) {
        int common = Math.min(aLength, bLength);
        int i = 0;
        for (; i + 8 <= common; i += 8) {
            long difference = Memory.getLong(a + i) ^ Memory.getLong(b + i);
            if (difference != 0) {
                return i + (Long.numberOfTrailingZeros(difference) >>> 3);
            }
        }
        while (i < common && Memory.getByte(a + i) == Memory.getByte(b + i)) {
            i++;
        }
        return i;
    }
}
