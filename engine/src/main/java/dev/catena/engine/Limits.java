package dev.catena.engine;

/** The sizes that a store accepts; anything above is refused with an {@link IllegalArgumentException}. */
public final class Limits {
    /** Longest key, in bytes. The empty key is a key. */
    public static final int KEY_BYTES_MAX = 65_536;

    /** Longest value, in bytes. The empty value is a value. */
    public static final int VALUE_BYTES_MAX = 256 << 20;

    /** Largest batch as encoded, in bytes. */
    public static final long BATCH_BYTES_MAX = 1L << 30;

    private Limits() {}

    static int checkKey(long bytes) {
        if (bytes > KEY_BYTES_MAX) {
            throw new IllegalArgumentException("key of " + bytes + " bytes: at most " + KEY_BYTES_MAX + " are allowed");
        }
        return (int) bytes;
    }

    static int checkValue(long bytes) {
        if (bytes > VALUE_BYTES_MAX) {
            throw new IllegalArgumentException(
                    "value of " + bytes + " bytes: at most " + VALUE_BYTES_MAX + " are allowed");
        }
        return (int) bytes;
    }
}
