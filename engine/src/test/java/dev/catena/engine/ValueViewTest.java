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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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

    /** The default family, or another one. */
    private static ColumnFamily family(Db db, boolean isOther) {
        return isOther ? db.createColumnFamily("other", db.options()) : db;
    }

    private static ValueView view(ColumnFamily db, int i) {
        ValueView view = db.getView(MemorySegment.ofArray(key(i)));
        assertNotNull(view);
        return view;
    }

    private static byte[] bytes(ValueView view) {
        return view.segment().toArray(ValueLayout.JAVA_BYTE);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void ofAMemtableThatIsFlushedAndFreed(boolean isOther) {
        try (Db store = Db.open(directory, Options.defaults())) {
            ColumnFamily in = family(store, isOther);
            in.put(key(1), value(1, 0));
            try (ValueView view = view(in, 1)) {
                in.put(key(1), value(1, 1));
                in.flush();
                for (int i = 0; i < KEYS; i++) {
                    in.put(key(i), value(i, 2)); // would be put where the memtable was
                }
                assertArrayEquals(value(1, 0), bytes(view));
            }
        }
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("memtable", 0L));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void ofABlockThatWouldBeEvicted(boolean isOther) {
        Options options = Options.defaults().withCacheBytes(1 << 20).withCompression(Compression.NONE);
        try (Db store = Db.open(directory, options)) {
            ColumnFamily in = family(store, isOther);
            for (int i = 0; i < KEYS; i++) {
                in.put(key(i), value(i, 0));
            }
            in.compact();
            try (ValueView view = view(in, 5)) {
                for (int i = 0; i < KEYS; i++) {
                    try (ValueView other = view(in, i)) {
                        assertArrayEquals(value(i, 0), bytes(other));
                    }
                }
                assertArrayEquals(value(5, 0), bytes(view));
            }
        }
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("block cache", 0L));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void outlivesItsStore(boolean isOther) {
        ValueView ofTable;
        ValueView ofMemtable;
        try (Db store = Db.open(directory, Options.defaults())) {
            ColumnFamily in = family(store, isOther);
            in.put(key(1), value(1, 0));
            in.flush();
            in.put(key(2), value(2, 0));
            ofTable = view(in, 1);
            ofMemtable = view(in, 2);
        }
        assertArrayEquals(value(1, 0), bytes(ofTable));
        assertArrayEquals(value(2, 0), bytes(ofMemtable));
        ofTable.close();
        ofMemtable.close();
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("memtable", 0L));
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("block cache", 0L));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void throwsAfterClose(boolean isOther) {
        try (Db store = Db.open(directory, Options.defaults())) {
            ColumnFamily in = family(store, isOther);
            in.put(key(1), value(1, 0));
            in.put(key(2), new byte[0]);
            ValueView view = view(in, 1);
            MemorySegment slice = view.segment().asSlice(1, 2);
            view.close();
            view.close();
            assertThrows(IllegalStateException.class, () -> view.segment().get(ValueLayout.JAVA_BYTE, 0));
            assertThrows(IllegalStateException.class, () -> slice.get(ValueLayout.JAVA_BYTE, 0));
            try (ValueView empty = view(in, 2)) {
                assertEquals(0, empty.segment().byteSize());
                assertThrows(
                        IllegalArgumentException.class, () -> empty.segment().fill((byte) 0));
            }
            assertNull(in.getView(MemorySegment.ofArray(key(3))));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void ofAMergedValueAndOfASnapshot(boolean isOther) {
        Options options = Options.defaults().withMergeOperator(MergeOperators.counter());
        byte[] one = new byte[] {1, 0, 0, 0, 0, 0, 0, 0};
        try (Db store = Db.open(directory, options)) {
            ColumnFamily in = family(store, isOther);
            in.merge(key(1), one);
            try (Snapshot snapshot = store.snapshot()) {
                in.merge(key(1), one);
                try (ValueView now = view(in, 1);
                        ValueView then = in.getView(MemorySegment.ofArray(key(1)), snapshot)) {
                    assertNotNull(then);
                    assertArrayEquals(in.get(key(1)), bytes(now));
                    assertArrayEquals(in.get(key(1), snapshot), bytes(then));
                }
            }
        }
    }

    @Test
    void outlivesItsFamily() {
        ValueView ofTable;
        ValueView ofMemtable;
        try (Db store = Db.open(directory, Options.defaults())) {
            ColumnFamily in = store.createColumnFamily("other", Options.defaults());
            in.put(key(1), value(1, 0));
            in.flush();
            in.put(key(2), value(2, 0));
            ofTable = view(in, 1);
            ofMemtable = view(in, 2);
            store.dropColumnFamily(in);
            assertThrows(ColumnFamilyDroppedException.class, () -> in.getView(MemorySegment.ofArray(key(1))));
            for (int i = 0; i < KEYS; i++) {
                store.put(key(i), value(i, 2)); // would be put where the memtable was
            }
            assertArrayEquals(value(1, 0), bytes(ofTable));
            assertArrayEquals(value(2, 0), bytes(ofMemtable));
        }
        assertArrayEquals(value(1, 0), bytes(ofTable));
        assertArrayEquals(value(2, 0), bytes(ofMemtable));
        ofTable.close();
        ofMemtable.close();
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("memtable", 0L));
        assertEquals(0, NativeMemory.allocatedByOwner().getOrDefault("block cache", 0L));
    }
}
