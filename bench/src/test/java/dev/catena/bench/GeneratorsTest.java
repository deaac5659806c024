package dev.catena.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.zip.Deflater;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys, values and the choice of keys have the properties that the figures rest on. */
final class GeneratorsTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 16, 17, 1000, 65_536, 65_537})
    void permutationHasEveryNumberOnce(long size) {
        Permutation permutation = new Permutation(size, 7);
        boolean[] seen = new boolean[(int) size];
        for (long i = 0; i < size; i++) {
            int number = (int) permutation.at(i);
            assertFalse(seen[number], "twice: " + number);
            seen[number] = true;
        }
    }

    @Test
    void permutationIsNotTheIdentity() {
        Permutation permutation = new Permutation(1000, 7);
        int fixed = 0;
        for (long i = 0; i < 1000; i++) {
            if (permutation.at(i) == i) {
                fixed++;
            }
        }
        assertTrue(fixed < 20, "numbers that stay: " + fixed);
    }

    @Test
    void keysSortAsTheirNumbers() {
        byte[] low = new byte[KeyFormat.KEY_BYTES];
        byte[] high = new byte[KeyFormat.KEY_BYTES];
        KeyFormat.write(MemorySegment.ofArray(low), 255);
        KeyFormat.write(MemorySegment.ofArray(high), 256);
        assertTrue(Arrays.compareUnsigned(low, high) < 0);
        assertEquals(256, KeyFormat.read(MemorySegment.ofArray(high)));
        assertEquals("00000000", new String(high, 8, 8, java.nio.charset.StandardCharsets.US_ASCII));
    }

    @Test
    void valuesCompressToAboutHalf() {
        dev.catena.bench.ValueSource values = new dev.catena.bench.ValueSource(3);
        int count = 100;
        byte[] bytes = new byte[count * dev.catena.bench.ValueSource.VALUE_BYTES];
        for (int i = 0; i < count; i++) {
            values.next(MemorySegment.ofArray(bytes)
                    .asSlice(
                            (long) i * dev.catena.bench.ValueSource.VALUE_BYTES,
                            dev.catena.bench.ValueSource.VALUE_BYTES));
        }
        try (Deflater deflater = new Deflater()) {
            deflater.setInput(bytes);
            deflater.finish();
            int compressed = deflater.deflate(new byte[2 * bytes.length]);
            double ratio = (double) compressed / bytes.length;
            assertTrue(ratio > 0.35 && ratio < 0.6, "ratio: " + ratio);
        }
    }

    @Test
    void zipfianFavoursAFewKeysAndScattersThem() {
        int keys = 10_000;
        int draws = 200_000;
        ScrambledZipfian zipfian = new ScrambledZipfian(keys, 5);
        int[] counts = new int[keys];
        for (int i = 0; i < draws; i++) {
            counts[(int) zipfian.next()]++;
        }
        int mostPopular = 0;
        for (int key = 0; key < keys; key++) {
            if (counts[key] > counts[mostPopular]) {
                mostPopular = key;
            }
        }
        double share = (double) counts[mostPopular] / draws;
        assertTrue(share > 0.030 && share < 0.047, "share of the first rank, 1/zeta = 0.0378: " + share);
        assertTrue(mostPopular > 0, "ranks are not scattered");
        assertTrue(Arrays.stream(counts).filter(count -> count > 0).count() > keys * 3 / 4);
    }
}
