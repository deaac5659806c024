package dev.catena.io.chain;

import dev.catena.io.internal.ChainLayout;
import dev.catena.io.internal.ChainLayout.Ring;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * What the steering program did on one ring so far; counters only grow.
 *
 * @param ring its number
 * @param resident whether it runs by itself; else in the context of whoever waits
 * @param steered whether the program steers it; else Java does
 * @param completions seen by the program
 * @param issued requests that it issued
 * @param programNanos time that it took, in nanoseconds
 * @param doorbells times that it was told to look at a chain
 * @param wakes of threads that it asked for
 * @param missed completions whose predecessor it did not see
 */
public record RingAccount(
        int ring,
        boolean resident,
        boolean steered,
        long completions,
        long issued,
        long programNanos,
        long doorbells,
        long wakes,
        int missed) {

    /** The rings in use of a ring table. */
    static List<RingAccount> readAll(MemorySegment table) {
        List<RingAccount> rings = new ArrayList<>();
        for (int number = 0; number < ChainLayout.MAX_RINGS; number++) {
            MemorySegment ring = table.asSlice((long) number * Ring.BYTES, Ring.BYTES);
            if (ring.get(ValueLayout.JAVA_INT, Ring.SQES) != 0) {
                rings.add(read(number, ring));
            }
        }
        return rings;
    }

    private static RingAccount read(int number, MemorySegment ring) {
        return new RingAccount(
                number,
                ring.get(ValueLayout.JAVA_INT, Ring.RESIDENT) != 0,
                ring.get(ValueLayout.JAVA_INT, Ring.STEERING) != 0,
                ring.get(ValueLayout.JAVA_LONG, Ring.COMPLETIONS),
                ring.get(ValueLayout.JAVA_LONG, Ring.ISSUED),
                ring.get(ValueLayout.JAVA_LONG, Ring.NANOS),
                ring.get(ValueLayout.JAVA_LONG, Ring.DOORBELLS),
                ring.get(ValueLayout.JAVA_LONG, Ring.WAKES),
                ring.get(ValueLayout.JAVA_INT, Ring.MISSED));
    }
}
