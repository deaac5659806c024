package dev.catena.engine.entry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class KeysTest {
    @Test
    void orderIsThatOfUnsignedBytes() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            byte[] a = Model.randomKey(random);
            byte[] b =
                    random.nextInt(4) == 0 ? Arrays.copyOf(a, random.nextInt(a.length + 3)) : Model.randomKey(random);
            String what = "seed " + seed + ": " + Arrays.toString(a) + " and " + Arrays.toString(b);
            try (Arena arena = Arena.ofConfined()) {
                long x = Model.offHeap(arena, a).address();
                long y = Model.offHeap(arena, b).address();
                int expected = Integer.signum(Arrays.compareUnsigned(a, b));
                assertEquals(expected, Integer.signum(Keys.compare(x, a.length, y, b.length)), what);
                assertEquals(expected, Integer.signum(Keys.compare(a, y, b.length)), what);
                int mismatch = Arrays.mismatch(a, b);
                int common = mismatch < 0 ? a.length : mismatch;
                assertEquals(common, Keys.commonPrefix(x, a.length, y, b.length), what);
                assertEquals(
                        expected,
                        Integer.signum(Keys.compareFrom(random.nextInt(common + 1), x, a.length, y, b.length)),
                        what);
                int prefixes = Long.compareUnsigned(Keys.prefix(x, a.length), Keys.prefix(y, b.length));
                assertTrue(prefixes == 0 || Integer.signum(prefixes) == expected, what);
            }
        }
    }

    @Test
    void newerVersionsComeFirst() {
        long newer = Keys.trailer(8, Keys.DELETE);
        long older = Keys.trailer(7, Keys.PUT);
        assertTrue(Keys.compare(0, 0, newer, 0, 0, older) < 0);
        assertTrue(Keys.compare(0, 0, Keys.seekTrailer(8), 0, 0, newer) < 0);
        assertTrue(Keys.compare(0, 0, newer, 0, 0, Keys.seekTrailer(7)) < 0);
        long last = Keys.trailer(Keys.MAX_SEQUENCE, Keys.PUT);
        assertTrue(Keys.compare(0, 0, last, 0, 0, newer) < 0);
        assertEquals(Keys.MAX_SEQUENCE, Keys.sequence(last));
        assertEquals(Keys.PUT, Keys.kind(last));
    }
}
