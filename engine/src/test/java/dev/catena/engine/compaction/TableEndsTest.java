package dev.catena.engine.compaction;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.engine.entry.KeyOrder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Entries of a byte each, with keys 0, 1, 2, …, in tables of 100. */
class TableEndsTest {
    @Test
    void withNothingBelowAtTheSize() {
        assertEquals(List.of(100, 200, 300), ends(350));
    }

    @Test
    void atTheLastPlaceBeforeTheSize() {
        assertEquals(List.of(91, 182), ends(250, 30, 60, 90, 121, 151, 181, 211));
    }

    @Test
    void notBeforeHalfOfIt() {
        assertEquals(List.of(100), ends(150, 45));
        assertEquals(List.of(56), ends(150, 55));
    }

    @Test
    void placesThatNoKeyIsBetweenCountOnce() {
        assertEquals(List.of(100), ends(150, 5, 5, 6));
        assertEquals(List.of(81), ends(150, 39, 40, 80));
    }

    @Test
    void placesBeforeTheFirstKeyDoNotCount() {
        assertEquals(List.of(100), ends(150, -3, -2, -1));
    }

    /** The first keys of all tables but the first. */
    private static List<Integer> ends(int entries, int... places) {
        TableEnds ends = TableEnds.at(
                100,
                KeyOrder.BYTES,
                IntStream.of(places).mapToObj(TableEndsTest::key).toList());
        List<Integer> found = new ArrayList<>();
        int begin = 0;
        ends.begin();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment key = arena.allocate(4);
            for (int i = 0; i < entries; i++) {
                MemorySegment.copy(key(i), 0, key, ValueLayout.JAVA_BYTE, 0, 4);
                if (i > begin && ends.isDue(key.address(), 4, i - begin)) {
                    found.add(i);
                    begin = i;
                    ends.begin();
                }
            }
        }
        return found;
    }

    private static byte[] key(int number) {
        return ByteBuffer.allocate(4).putInt(number + 1000).array();
    }
}
