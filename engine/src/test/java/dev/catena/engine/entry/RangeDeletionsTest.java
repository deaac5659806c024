package dev.catena.engine.entry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Fragments say of each key what going through all deletions says. */
class RangeDeletionsTest {
    private final long seed = Long.getLong("catena.seed", System.nanoTime());
    private final Random random = new Random(seed);

    @Test
    void fragmentsSayWhatDeletionsSay() {
        System.out.println("RangeDeletionsTest seed " + seed);
        for (int round = 0; round < 300; round++) {
            List<RangeDeletion> deletions = new ArrayList<>();
            for (int i = random.nextInt(12); i > 0; i--) {
                deletions.add(new RangeDeletion(key(), key(), 1 + random.nextInt(20)));
            }
            deletions = withoutDoubles(deletions);
            RangeDeletions ranges = RangeDeletions.of(KeyOrder.BYTES, deletions);
            checkOrder(ranges);
            check(deletions, ranges);
            List<RangeDeletion> again = new ArrayList<>();
            ranges.addTo(again);
            assertEquals(
                    ranges.count(), RangeDeletions.of(KeyOrder.BYTES, again).count());
            byte[] bound = key();
            RangeDeletions before = ranges.before(bound);
            RangeDeletions from = ranges.from(bound);
            checkOrder(before);
            checkOrder(from);
            again.clear();
            before.addTo(again);
            from.addTo(again);
            check(deletions, RangeDeletions.of(KeyOrder.BYTES, again));
            assertTrue(before.isEmpty() || Arrays.compareUnsigned(before.end(before.count() - 1), bound) <= 0);
            assertTrue(from.isEmpty() || Arrays.compareUnsigned(from.begin(0), bound) >= 0);
        }
        assertTrue(RangeDeletions.of(KeyOrder.BYTES, List.of(new RangeDeletion(new byte[2], new byte[1], 3)))
                .isEmpty());
    }

    /** A write deletes one range: pieces of it do not overlap. */
    private static List<RangeDeletion> withoutDoubles(List<RangeDeletion> deletions) {
        List<RangeDeletion> kept = new ArrayList<>();
        for (RangeDeletion deletion : deletions) {
            if (kept.stream().noneMatch(other -> other.sequence() == deletion.sequence())) {
                kept.add(deletion);
            }
        }
        return kept;
    }

    private static void checkOrder(RangeDeletions ranges) {
        for (int i = 0; i < ranges.count(); i++) {
            assertTrue(Arrays.compareUnsigned(ranges.begin(i), ranges.end(i)) < 0);
            assertTrue(i == 0 || Arrays.compareUnsigned(ranges.end(i - 1), ranges.begin(i)) <= 0);
            assertTrue(i == 0
                    || !Arrays.equals(ranges.end(i - 1), ranges.begin(i))
                    || !Arrays.equals(ranges.sequences(i - 1), ranges.sequences(i)));
        }
    }

    private void check(List<RangeDeletion> deletions, RangeDeletions ranges) {
        for (int i = 0; i < 30; i++) {
            byte[] key = key();
            byte[] other = key();
            long bound = random.nextInt(22);
            long[] all = deletions.stream()
                    .filter(deletion -> holds(deletion, key))
                    .mapToLong(RangeDeletion::sequence)
                    .sorted()
                    .toArray();
            try (Arena arena = Arena.ofConfined()) {
                long address = Model.offHeap(arena, key).address();
                assertEquals(
                        Arrays.stream(all).filter(each -> each <= bound).max().orElse(0),
                        ranges.newest(address, key.length, bound));
                assertEquals(
                        Arrays.stream(all).filter(each -> each > bound).min().orElse(Long.MAX_VALUE),
                        ranges.nextAfter(address, key.length, bound));
                int fragment = ranges.find(address, key.length);
                assertEquals(all.length > 0, fragment >= 0);
                if (fragment >= 0) {
                    long[] newestFirst = ranges.sequences(fragment).clone();
                    Arrays.sort(newestFirst);
                    assertArrayEquals(all, newestFirst);
                    assertEquals(fragment, ranges.firstEndingAfter(address, key.length));
                }
                if (Arrays.compareUnsigned(key, other) <= 0) {
                    // What holds for a bound holds for all keys up to the next bound.
                    long oldest = allKeys().stream()
                            .filter(each ->
                                    Arrays.compareUnsigned(key, each) <= 0 && Arrays.compareUnsigned(each, other) <= 0)
                            .mapToLong(each -> deletions.stream()
                                    .filter(deletion -> holds(deletion, each) && deletion.sequence() <= bound)
                                    .mapToLong(RangeDeletion::sequence)
                                    .max()
                                    .orElse(0))
                            .min()
                            .orElseThrow();
                    assertEquals(oldest, ranges.newestOfAll(key, other, bound));
                }
            }
        }
    }

    private static boolean holds(RangeDeletion deletion, byte[] key) {
        return Arrays.compareUnsigned(deletion.begin(), key) <= 0 && Arrays.compareUnsigned(key, deletion.end()) < 0;
    }

    /** All that {@link #key} can give. */
    private static List<byte[]> allKeys() {
        List<byte[]> keys = new ArrayList<>(List.of(new byte[0]));
        for (byte first = -2; first < 3; first++) {
            keys.add(new byte[] {first});
            for (byte second = -2; second < 3; second++) {
                keys.add(new byte[] {first, second});
            }
        }
        return keys;
    }

    /** Few keys, so that bounds meet. */
    private byte[] key() {
        byte[] key = new byte[random.nextInt(3)];
        for (int i = 0; i < key.length; i++) {
            key[i] = (byte) (random.nextInt(5) - 2);
        }
        return key;
    }
}
