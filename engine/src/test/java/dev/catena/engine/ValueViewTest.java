package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Views of values: they stay as they are whatever happens to the store, and nothing can be read through one that was closed. */
final class ValueViewTest {
    private static final int VALUE_BYTES = 3000;

    /** Enough to evict what is not pinned from the smallest cache. */
    private static final int KEYS = 2000;

    @TempDir
    private Path directory;

    private static byte[] key(int i) {
        return "key%06d".formatted(i).getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] value(int i, int version) {
        byte[] value = new byte[VALUE_BYTES];
        for (int at = 0; at < value.length; at++) {
            value[at] = (byte) (i * 31 + at * 7 + version);
        }
        return value;
    }

    private static ValueView view(Db db, int i) {
        ValueView view = db.getView(MemorySegment.ofArray(key(i)));
        assertNotNull(view);
        return view;
    }

    private static byte[] bytes(ValueView view) {
        return view.segment().toArray(ValueLayout.JAVA_BYTE);
    }

    @Test
    void ofAMemtableThatIsFlushedAndFreed() {
        try (Db db = Db.open(directory, Options.defaults())) {
            db.put(key(1), value(1, 0));
            try (ValueView view = view(db, 1)) {
                db.put(key(1), value(1, 1));
                db.flush();
                for (int i = 0; i < KEYS; i++) {
                    db.put(key(i), value(i, 2)); // would be put where the memtable was
                }
                assertArrayEquals(value(1, 0), bytes(view));
            }
        }
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("memtable", 0L));
    }

    @Test
    void ofABlockThatWouldBeEvicted() {
        Options options = Options.defaults().withCacheBytes(1 << 20).withCompression(Compression.NONE);
        try (Db db = Db.open(directory, options)) {
            for (int i = 0; i < KEYS; i++) {
                db.put(key(i), value(i, 0));
            }
            db.compact();
            try (ValueView view = view(db, 5)) {
                for (int i = 0; i < KEYS; i++) {
                    try (ValueView other = view(db, i)) {
                        assertArrayEquals(value(i, 0), bytes(other));
                    }
                }
                assertArrayEquals(value(5, 0), bytes(view));
            }
        }
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("block cache", 0L));
    }

    @Test
    void outlivesItsStore() {
        ValueView ofTable;
        ValueView ofMemtable;
        try (Db db = Db.open(directory, Options.defaults())) {
            db.put(key(1), value(1, 0));
            db.flush();
            db.put(key(2), value(2, 0));
            ofTable = view(db, 1);
            ofMemtable = view(db, 2);
        }
        assertArrayEquals(value(1, 0), bytes(ofTable));
        assertArrayEquals(value(2, 0), bytes(ofMemtable));
        ofTable.close();
        ofMemtable.close();
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("memtable", 0L));
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("block cache", 0L));
    }

    @Test
    void throwsAfterClose() throws Exception {
        try (Db db = Db.open(directory, Options.defaults())) {
            db.put(key(1), value(1, 0));
            db.put(key(2), new byte[0]);
            ValueView view = view(db, 1);
            MemorySegment slice = view.segment().asSlice(1, 2);
            view.close();
            view.close();
            assertThrows(IllegalStateException.class, () -> view.segment().get(ValueLayout.JAVA_BYTE, 0));
            assertThrows(IllegalStateException.class, () -> slice.get(ValueLayout.JAVA_BYTE, 0));
            try (ValueView empty = view(db, 2)) {
                assertEquals(0, empty.segment().byteSize());
                assertThrows(
                        IllegalArgumentException.class, () -> empty.segment().fill((byte) 0));
            }
            assertNull(db.getView(MemorySegment.ofArray(key(3))));
        }
    }

    @Test
    void ofAMergedValueAndOfASnapshot() {
        Options options = Options.defaults().withMergeOperator(MergeOperators.counter());
        byte[] one = new byte[] {1, 0, 0, 0, 0, 0, 0, 0};
        try (Db db = Db.open(directory, options)) {
            db.merge(key(1), one);
            try (Snapshot snapshot = db.snapshot()) {
                db.merge(key(1), one);
                try (ValueView now = view(db, 1);
                        ValueView then = db.getView(MemorySegment.ofArray(key(1)), snapshot)) {
                    assertNotNull(then);
                    assertArrayEquals(db.get(key(1)), bytes(now));
                    assertArrayEquals(db.get(key(1), snapshot), bytes(then));
                }
            }
        }
    }
}
