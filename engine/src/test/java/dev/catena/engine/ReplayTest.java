package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Logs of many rounds are replayed: the store is what it was, and memtables need not be written for it to open. */
class ReplayTest {
    private static final int KEYS = 20_000;

    @TempDir
    private Path directory;

    private final long seed = Long.getLong("catena.seed", System.nanoTime());
    private final Random random = new Random(seed);

    @BeforeEach
    void printSeed() {
        System.out.println("ReplayTest seed " + seed);
    }

    private static Options options(long memtableBytes) {
        return Options.defaults()
                .withMemtableBytes(memtableBytes)
                .withMemtables(4)
                .withMergeOperator(MergeOperators.append(new byte[] {','}));
    }

    private byte[] key() {
        int i = random.nextInt(KEYS);
        // Some differ in their first bytes, some long ones only in their last.
        return i % 3 == 0
                ? ByteBuffer.allocate(4).putInt(i << 12).array()
                : ByteBuffer.allocate(40).putInt(36, i).array();
    }

    private void write(Db db, ColumnFamily other, int operations) {
        for (int i = 0; i < operations; i++) {
            ColumnFamily family = random.nextInt(5) == 0 ? other : db;
            byte[] key = key();
            switch (random.nextInt(20)) {
                case 0 -> family.delete(key);
                case 1, 2 -> family.merge(key, key);
                case 3 -> {
                    if (random.nextInt(50) == 0) {
                        byte[] end = key();
                        boolean ascending = Arrays.compareUnsigned(key, end) < 0;
                        family.deleteRange(ascending ? key : end, ascending ? end : key);
                    }
                }
                default ->
                    family.put(
                            key,
                            ByteBuffer.allocate(random.nextInt(4, 150))
                                    .putInt(i)
                                    .array());
            }
        }
        db.put(new byte[] {1}, new byte[] {2}, Durability.SYNCED);
    }

    private static List<byte[]> content(ColumnFamily family) {
        List<byte[]> content = new ArrayList<>();
        try (DbIterator iterator = family.iterator()) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                content.add(iterator.key());
                content.add(iterator.value());
            }
        }
        return content;
    }

    private static void assertSame(List<byte[]> expected, List<byte[]> found) {
        assertEquals(expected.size(), found.size());
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), found.get(i));
        }
    }

    private Path copy() throws IOException {
        Path copy = Files.createTempDirectory(directory, "copy");
        try (Stream<Path> files = Files.list(directory.resolve("store"))) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        return copy;
    }

    private static int tables(Db db) {
        return db.stats().families().stream()
                .flatMap(family -> family.levels().stream())
                .mapToInt(Stats.Level::tables)
                .sum();
    }

    /** One memtable holds all; then several that are full; then more than may wait. */
    @Test
    void theStoreIsWhatItWas() throws IOException {
        for (long memtableBytes : new long[] {32 << 20, 4 << 20, 1 << 20}) {
            List<byte[]> first;
            List<byte[]> second;
            Path copy;
            Path store = directory.resolve("store");
            try (Db db = Db.open(store, options(32 << 20))) {
                ColumnFamily other = db.createColumnFamily("other", options(32 << 20));
                write(db, other, 30_000);
                first = content(db);
                second = content(other);
                assertEquals(0, tables(db));
                copy = copy();
            }
            try (Db db = Db.openReadOnly(copy, options(memtableBytes))) {
                assertSame(first, content(db));
            }
            for (int opening = 0; opening < 2; opening++) {
                try (Db db = Db.open(copy, options(memtableBytes))) {
                    ColumnFamily other = db.columnFamily("other");
                    assertTrue(
                            opening > 0 || memtableBytes < 32 << 20 || tables(db) == 0,
                            "tables were written to open it");
                    assertSame(first, content(db));
                    assertSame(second, content(other));
                    write(db, other, 3_000);
                    db.flush();
                    other.flush();
                    first = content(db);
                    second = content(other);
                }
            }
            Db.destroy(store);
        }
    }

    private static long memory(Db db) {
        Stats.Memory memory = db.stats().memory();
        return memory.memtableBytes() + memory.immutableBytes();
    }

    /** A full memtable makes way for another one; for reading only all are kept. */
    @Test
    void memtablesStayAsLargeAsTheyMayBe() throws IOException {
        try (Db db = Db.open(directory.resolve("store"), options(32 << 20))) {
            write(db, db.createColumnFamily("other", options(32 << 20)), 30_000);
            Path copy = copy();
            try (Db small = Db.openReadOnly(copy, options(1 << 20))) {
                Stats.Family family = small.stats().families().getFirst();
                assertTrue(family.memtableBytes() <= (1 << 20) + 1000, () -> "a memtable: " + family);
                assertTrue(family.immutableMemtables() >= 2, () -> "memtables put aside: " + family);
            }
            // All together, of which 64 KiB of keys and values may go unnoticed, with as much again for what finds
            // them.
            try (Db together = Db.open(copy, options(32 << 20).withWriteBufferBytes(1 << 20))) {
                assertTrue(memory(together) < (1 << 20) + (200 << 10), () -> "memtables have " + memory(together));
                assertTrue(tables(together) > 0);
                assertSame(content(db), content(together));
            }
        }
    }

    /** A log that lacks operations before the next one's first is damage, of the one that lacks them. */
    @Test
    void aLogThatDoesNotGoOnIsRefused() throws IOException {
        try (Db db = Db.open(directory.resolve("store"), options(32 << 20))) {
            ColumnFamily other = db.createColumnFamily("other", options(32 << 20));
            write(db, other, 1000);
            other.flush(); // begins another log; the first one is needed still
            write(db, other, 1000);
            Path copy = copy();
            List<Path> logs;
            try (Stream<Path> files = Files.list(copy)) {
                logs = files.filter(file -> file.toString().endsWith(".log"))
                        .sorted()
                        .toList();
            }
            try (FileChannel first = FileChannel.open(logs.getFirst(), StandardOpenOption.WRITE)) {
                first.truncate(40_000);
            }
            CorruptionException damage =
                    assertThrows(CorruptionException.class, () -> Db.open(copy, options(32 << 20)));
            assertEquals(logs.getFirst(), damage.file());
            assertTrue(String.valueOf(damage.getMessage()).contains("goes on"), damage::getMessage);
        }
    }

    /** Openings with few writes in between leave a log each, until there are some: then what they hold becomes tables. */
    @Test
    void logsDoNotPileUp() throws IOException {
        Path store = directory.resolve("store");
        for (int opening = 0; opening < 12; opening++) {
            try (Db db = Db.open(store, options(32 << 20))) {
                byte[] key = {(byte) opening};
                db.put(key, key);
                assertEquals(opening + 1, content(db).size() / 2);
                try (Stream<Path> files = Files.list(store)) {
                    long logs = files.filter(file -> file.toString().endsWith(".log"))
                            .count();
                    assertTrue(logs <= 8, () -> logs + " logs");
                }
            }
        }
    }
}
