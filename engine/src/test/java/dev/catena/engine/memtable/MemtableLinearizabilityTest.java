package dev.catena.engine.memtable;

import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.ValueSink;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/**
 * A memtable as the store uses it, one writer at a time and readers of what is visible, is a map whose every operation happens at one
 * moment.
 */
@Param(name = "key", gen = IntGen.class, conf = "0:3")
@Param(name = "value", gen = IntGen.class, conf = "1:9")
public class MemtableLinearizabilityTest {
    /** Those of the last runs: lincheck does not say when one is done with. */
    private static final ConcurrentLinkedQueue<Memtable> KEPT = new ConcurrentLinkedQueue<>();

    private static final int KEPT_MAX = 64;

    private final Memtable memtable = new Memtable(64 << 10);
    private volatile long lastSequence;

    public MemtableLinearizabilityTest() {
        KEPT.add(memtable);
        if (KEPT.size() > KEPT_MAX) {
            KEPT.remove().release();
        }
    }

    private static MemorySegment key(Arena arena, int key) {
        return arena.allocateFrom(ValueLayout.JAVA_INT, key);
    }

    /** Sets a value. */
    @Operation
    public void put(@Param(name = "key") int key, @Param(name = "value") int value) {
        write(Keys.PUT, key, value);
    }

    /** Removes a key. */
    @Operation
    public void delete(@Param(name = "key") int key) {
        write(Keys.DELETE, key, 0);
    }

    private synchronized void write(int kind, int key, int value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_INT, value);
            int length = kind == Keys.PUT ? 4 : 0;
            int unused = memtable.put(lastSequence + 1, kind, key(arena, key), 0, 4, bytes, 0, length);
            lastSequence++;
        }
    }

    /** The value of a key, 0 for none. */
    @Operation
    public int get(@Param(name = "key") int key) {
        try (Arena arena = Arena.ofConfined()) {
            int[] value = {0};
            ValueSink sink = (from, offset, length) -> value[0] = from.get(ValueLayout.JAVA_INT_UNALIGNED, offset);
            long sequence = lastSequence;
            return memtable.find(key(arena, key), 0, 4, sequence, 0, sink) == Lookup.FOUND ? value[0] : 0;
        }
    }

    /** What it must be like. */
    public static class Specification {
        private final Map<Integer, Integer> map = new HashMap<>();

        public void put(int key, int value) {
            map.put(key, value);
        }

        public void delete(int key) {
            map.remove(key);
        }

        public int get(int key) {
            return map.getOrDefault(key, 0);
        }
    }

    @AfterAll
    static void releaseAll() {
        KEPT.forEach(Memtable::release);
        KEPT.clear();
    }

    @Test
    void isLinearizable() {
        new StressOptions()
                .sequentialSpecification(Specification.class)
                .threads(3)
                .actorsPerThread(4)
                .iterations(15)
                .invocationsPerIteration(1500)
                .check(MemtableLinearizabilityTest.class);
    }
}
