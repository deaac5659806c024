package dev.catena.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/**
 * Values of the workloads, as db_bench makes them: 100 bytes that compress to about a half. A megabyte of pieces is made beforehand,
 * each 50 random printable bytes said twice; a value is the next 100 bytes of it, from a place that moves on.
 */
public final class ValueSource {
    /** Bytes of a value. */
    public static final int VALUE_BYTES = 100;

    private static final int PIECES = 10_486;
    private static final int FIRST_PRINTABLE = ' ';
    private static final int PRINTABLE = 95;

    private final byte[] pieces = new byte[PIECES * VALUE_BYTES];
    private int position;

    /** Makes the pieces; the same seed makes the same values. */
    public ValueSource(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int half = VALUE_BYTES / 2;
        for (int piece = 0; piece < pieces.length; piece += VALUE_BYTES) {
            for (int i = 0; i < half; i++) {
                byte letter = (byte) (FIRST_PRINTABLE + random.nextInt(PRINTABLE));
                pieces[piece + i] = letter;
                pieces[piece + half + i] = letter;
            }
        }
    }

    /** Writes the next value. */
    public void next(MemorySegment value) {
        MemorySegment.copy(pieces, position, value, ValueLayout.JAVA_BYTE, 0, VALUE_BYTES);
        position += VALUE_BYTES;
        if (position == pieces.length) {
            position = 0;
        }
    }
}
