package dev.catena.engine.entry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.catena.engine.memtable.Memtable;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MergingIteratorTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 7, 12})
    void mergesAsOneSortedMap(int inputs) {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        long allocated = NativeMemory.allocatedBytes();
        Model model = inputs == 0 ? new Model() : Model.random(random, 3000, 30);
        List<Memtable> memtables = new ArrayList<>();
        for (int i = 0; i < inputs; i++) {
            memtables.add(new Memtable(1 << 20));
        }
        model.entries.forEach((version, value) -> {
            // Runs, empty inputs and interleaving all happen.
            int to = Math.min(random.nextInt(inputs), random.nextInt(inputs));
            memtables
                    .get(to)
                    .put(
                            Keys.sequence(version.trailer()),
                            Keys.kind(version.trailer()),
                            MemorySegment.ofArray(version.key()),
                            0,
                            version.key().length,
                            MemorySegment.ofArray(value),
                            0,
                            value.length);
        });
        try (InternalIterator merged = MergingIterator.of(
                KeyOrder.BYTES, memtables.stream().map(Memtable::iterator).toList())) {
            assertFalse(merged.isValid());
            model.assertSame(merged);
            model.assertSameBackward(merged);
            if (inputs > 0) {
                model.assertSeeks(merged, random, 300);
                model.assertWalks(merged, random, 20_000);
            }
        }
        memtables.forEach(Memtable::release);
        assertEquals(allocated, NativeMemory.allocatedBytes());
    }
}
