package dev.catena.engine.entry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EntryChecksumTest {
    @Test
    void sameWhereverTheBytesAre() {
        Random random = new Random(1);
        try (Arena arena = Arena.ofConfined()) {
            for (int length :
                    new int[] {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 100, 65536, 65537, 200_000}) {
                byte[] bytes = new byte[length + 3];
                random.nextBytes(bytes);
                MemorySegment native_ = arena.allocate(length + 3L);
                MemorySegment.copy(bytes, 0, native_, ValueLayout.JAVA_BYTE, 0, length + 3);
                long hash = EntryChecksum.hash(native_.address() + 3, length, EntryChecksum.KEY);
                assertEquals(hash, EntryChecksum.hash(bytes, 3, length, EntryChecksum.KEY));
                assertEquals(hash, EntryChecksum.hash(native_.asSlice(3), length, EntryChecksum.KEY));
                assertEquals(
                        hash, EntryChecksum.hash(MemorySegment.ofArray(bytes).asSlice(3), length, EntryChecksum.KEY));
                assertNotEquals(hash, EntryChecksum.hash(bytes, 3, length, EntryChecksum.VALUE));
            }
        }
    }

    @Test
    void everyFlippedBitShows() {
        Random random = new Random(2);
        for (int length = 1; length < 150; length++) {
            byte[] bytes = new byte[length];
            random.nextBytes(bytes);
            int before = ofOperation(1, 0, bytes, new byte[0]);
            for (int bit = 0; bit < 8 * length; bit++) {
                bytes[bit / 8] ^= (byte) (1 << bit % 8);
                assertNotEquals(before, ofOperation(1, 0, bytes, new byte[0]), length + " bytes, bit " + bit);
                bytes[bit / 8] ^= (byte) (1 << bit % 8);
            }
        }
    }

    @Test
    void whatItIsAndWhereTheKeyEndsShows() {
        byte[] a = {1, 2, 3};
        byte[] b = {1, 2, 3, 4};
        byte[] rest = {4, 5};
        byte[] shorter = {5};
        int of = ofOperation(1, 0, a, rest);
        assertNotEquals(of, ofOperation(1, 0, b, shorter));
        assertNotEquals(of, ofOperation(1, 0, rest, a));
        assertNotEquals(of, ofOperation(0, 0, a, rest));
        assertNotEquals(of, ofOperation(1, 1, a, rest));
        long keyHash = EntryChecksum.hash(a, 0, 3, EntryChecksum.KEY);
        long valueHash = EntryChecksum.hash(rest, 0, 2, EntryChecksum.VALUE);
        for (int bit = 0; bit < 56; bit++) {
            long trailer = Keys.trailer(77, 1);
            int entry = EntryChecksum.ofEntry(trailer, keyHash, valueHash);
            assertEquals(entry, EntryChecksum.toEntry(of, 1, 0, trailer));
            assertNotEquals(entry, EntryChecksum.toEntry(of, 0, 0, trailer));
            assertNotEquals(entry, EntryChecksum.toEntry(of, 1, 1, trailer));
            assertNotEquals(entry, EntryChecksum.ofEntry(trailer ^ 1L << bit, keyHash, valueHash), "bit " + bit);
        }
    }

    private static int ofOperation(int kind, int family, byte[] key, byte[] value) {
        return EntryChecksum.ofOperation(
                kind,
                family,
                EntryChecksum.hash(key, 0, key.length, EntryChecksum.KEY),
                EntryChecksum.hash(value, 0, value.length, EntryChecksum.VALUE));
    }
}
