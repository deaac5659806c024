package dev.catena.engine.table;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.Compression;
import dev.catena.engine.CorruptionException;
import dev.catena.engine.StoreFormatException;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.Model;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.memory.NativeMemory;
import dev.catena.io.memory.Xxh64;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TableTest {
    @TempDir
    private Path directory;

    private ChainRuntime runtime;
    private long allocated;
    private BlockCache cache;
    private ChainReads reads;

    @BeforeEach
    void open() {
        runtime = ChainRuntime.acquire(null);
        allocated = NativeMemory.allocatedBytes();
        cache = new BlockCache(4 << 20);
        reads = new ChainReads(runtime, cache.account());
    }

    @AfterEach
    void nothingLeaks() {
        cache.close();
        reads.close();
        assertEquals(allocated, NativeMemory.allocatedBytes(), () -> "leaked: " + NativeMemory.allocatedByOwner());
        runtime.close();
    }

    private TableProperties write(Path path, Model model, int blockBytes, int filterBits, Compression compression) {
        try (ChainFile file = runtime.open(path, ChainFile.Mode.CREATE, ChainFile.Access.BUFFERED);
                TableBuilder builder =
                        new TableBuilder(runtime, file, 1, blockBytes, filterBits, compression, KeyOrder.BYTES)) {
            for (Map.Entry<Model.Version, byte[]> entry : model.entries.entrySet()) {
                try (Arena arena = Arena.ofConfined()) {
                    byte[] key = entry.getKey().key();
                    byte[] value = entry.getValue();
                    builder.add(
                            Model.offHeap(arena, key),
                            0,
                            key.length,
                            entry.getKey().trailer(),
                            Model.offHeap(arena, value),
                            0,
                            value.length);
                }
            }
            return builder.finish();
        }
    }

    private TableReader open(Path path, TableProperties properties) {
        return open(path, properties.fileChecksum());
    }

    private TableReader open(Path path, long fileChecksum) {
        return TableReader.open(
                runtime.open(path, ChainFile.Mode.READ, ChainFile.Access.BUFFERED),
                1,
                cache,
                reads,
                fileChecksum,
                KeyOrder.BYTES,
                null);
    }

    @ParameterizedTest
    @CsvSource({
        "1, 100, 4096, 10, LZ4",
        "20000, 40, 512, 10, LZ4",
        "20000, 150, 4096, 10, LZ4",
        "60000, 150, 512, 10, NONE",
        "5000, 300, 4096, 0, NONE",
        "3000, 2000, 1024, 3, NONE",
        "400, 200000, 4096, 20, LZ4",
        "20000, 150, 4096, 10, ZSTD",
        "400, 200000, 4096, 20, ZSTD"
    })
    void holdsWhatAMapHolds(int entries, int valueMax, int blockBytes, int filterBits, Compression compression)
            throws IOException {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        Model model = Model.random(random, entries, valueMax);
        Path path = directory.resolve("000001.table");
        TableProperties properties = write(path, model, blockBytes, filterBits, compression);
        assertEquals(Files.size(path), properties.fileBytes());
        assertEquals(entries, properties.entries());
        assertEquals(1, properties.smallestSequence());
        assertEquals(entries, properties.largestSequence());
        assertArrayEquals(model.entries.firstKey().key(), properties.smallestKey());
        assertArrayEquals(model.entries.lastKey().key(), properties.largestKey());

        TableReader table = open(path, properties);
        assertEquals(properties.rawBytes(), table.properties().rawBytes());
        assertEquals(properties.garbage(), table.properties().garbage());
        try (InternalIterator iterator = table.iterator(TableReader.AUTOMATIC_READAHEAD)) {
            model.assertSameBackward(iterator);
            model.assertSame(iterator);
            model.assertSeeks(iterator, random, 500);
            model.assertWalks(iterator, random, 20_000);
            model.assertSame(iterator);
        }
        try (InternalIterator scanner = table.scanner(runtime, 16)) {
            model.assertSame(scanner);
        }
        model.assertLookups(table::get, random, 5000);
        AtomicLong progress = new AtomicLong();
        assertEquals(entries, table.verify(runtime, progress::addAndGet));
        assertEquals(properties.fileBytes(), progress.get());
        table.release();
    }

    @Test
    void versionsOfOneKeyOverManyBlocks() {
        Random random = new Random(3);
        Model model = new Model();
        for (int i = 1; i <= 3000; i++) {
            String key = i % 3 == 0 ? "a" : i % 3 == 1 ? "hot" : "hot" + i % 7;
            model.put(key.getBytes(StandardCharsets.US_ASCII), i, Keys.PUT, Model.randomValue(random, 100));
        }
        Path path = directory.resolve("000001.table");
        TableReader table = open(path, write(path, model, 512, 10, Compression.NONE));
        model.assertLookups(table::get, random, 5000);
        try (InternalIterator iterator = table.iterator(TableReader.AUTOMATIC_READAHEAD)) {
            model.assertSame(iterator);
            model.assertSeeks(iterator, random, 2000);
            model.assertWalks(iterator, random, 20_000);
        }
        assertEquals(3000, table.verify(runtime, bytes -> {}));
        table.release();
    }

    @Test
    void bigValuesStraddleChunksAndPassASmallCache() {
        Random random = new Random(5);
        Model model = new Model();
        for (int i = 0; i < 40; i++) {
            byte[] value = new byte[i % 10 == 0 ? 9_000_000 : 70_000];
            random.nextBytes(value);
            if (i % 3 == 0) {
                Arrays.fill(value, 0, value.length / 2, (byte) 1);
            }
            model.put(("key" + i).getBytes(StandardCharsets.US_ASCII), i + 1, Keys.PUT, value);
        }
        Path path = directory.resolve("000001.table");
        TableReader table = open(path, write(path, model, 4096, 10, Compression.LZ4));
        try (InternalIterator iterator = table.iterator(TableReader.AUTOMATIC_READAHEAD)) {
            model.assertSame(iterator);
        }
        try (InternalIterator scanner = table.scanner(runtime, 16)) {
            model.assertSame(scanner);
        }
        model.assertLookups(table::get, random, 100);
        assertTrue(cache.bytes() <= cache.capacityBytes());
        table.release();
    }

    @Test
    void filterErrsSeldom() {
        Model model = new Model();
        for (int i = 0; i < 20_000; i++) {
            model.put(("present" + i).getBytes(StandardCharsets.US_ASCII), i + 1, Keys.PUT, new byte[20]);
        }
        Path path = directory.resolve("000001.table");
        TableReader table = open(path, write(path, model, 4096, 10, Compression.LZ4));
        int reads = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] key = ("present" + i + "x").getBytes(StandardCharsets.US_ASCII);
            long before = cache.hits() + cache.misses();
            try (Arena arena = Arena.ofConfined()) {
                assertEquals(
                        Lookup.ABSENT,
                        table.get(
                                Model.offHeap(arena, key),
                                0,
                                key.length,
                                Keys.MAX_SEQUENCE,
                                0,
                                (segment, offset, n) -> {
                                    throw new AssertionError();
                                }));
            }
            if (cache.hits() + cache.misses() - before > 1) {
                reads++;
            }
        }
        assertTrue(reads < 20_000 * 2 / 100, reads + " of 20000 went past the filter");
        table.release();
    }

    private record Source(TableReader table) implements LevelIterator.Source {
        @Override
        public byte[] largestKey() {
            return table.properties().largestKey();
        }
    }

    @RepeatedTest(5)
    void aLevelIsOneSortedMap() {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        Model model = Model.random(random, 4000, 50);
        List<TableReader> tables = new ArrayList<>();
        List<Source> sources = new ArrayList<>();
        Model part = new Model();
        for (Map.Entry<Model.Version, byte[]> entry : model.entries.entrySet()) {
            part.entries.put(entry.getKey(), entry.getValue());
            // A cut may fall between versions of one key.
            if (random.nextInt(300) == 0 || entry.getKey().equals(model.entries.lastKey())) {
                Path path = directory.resolve(tables.size() + ".table");
                TableProperties properties = write(path, part, 1024, 10, Compression.LZ4);
                TableReader table = TableReader.open(
                        runtime.open(path, ChainFile.Mode.READ, ChainFile.Access.BUFFERED),
                        tables.size(),
                        cache,
                        reads,
                        properties.fileChecksum(),
                        KeyOrder.BYTES,
                        null);
                tables.add(table);
                sources.add(new Source(table));
                part = new Model();
            }
        }
        try (InternalIterator level = new LevelIterator<>(
                KeyOrder.BYTES, sources, source -> source.table.iterator(TableReader.AUTOMATIC_READAHEAD))) {
            model.assertSame(level);
            model.assertSeeks(level, random, 500);
            model.assertSameBackward(level);
            model.assertWalks(level, random, 20_000);
        }
        try (InternalIterator none =
                new LevelIterator<>(KeyOrder.BYTES, List.<Source>of(), source -> source.table.iterator(0))) {
            new Model().assertSame(none);
            new Model().assertSameBackward(none);
        }
        tables.forEach(TableReader::release);
    }

    @Test
    void abandonedBuilderLeavesNothingToOpen() {
        Path path = directory.resolve("000001.table");
        try (ChainFile file = runtime.open(path, ChainFile.Mode.CREATE, ChainFile.Access.BUFFERED);
                TableBuilder builder = new TableBuilder(runtime, file, 1, 4096, 10, Compression.LZ4, KeyOrder.BYTES);
                Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(100_000);
            builder.add(memory, 0, 10, Keys.trailer(1, Keys.PUT), memory, 0, 100_000);
        }
        assertThrows(
                CorruptionException.class,
                () -> TableReader.open(
                        runtime.open(path, ChainFile.Mode.READ, ChainFile.Access.BUFFERED),
                        1,
                        cache,
                        reads,
                        0,
                        KeyOrder.BYTES,
                        null));
    }

    @Test
    void aTruncatedFileIsRefused() throws IOException {
        Model model = Model.random(new Random(1), 2000, 100);
        Path path = directory.resolve("000001.table");
        TableProperties properties = write(path, model, 4096, 10, Compression.LZ4);
        byte[] whole = Files.readAllBytes(path);
        for (int length : new int[] {0, 1, 127, 4096, whole.length - 4096, whole.length - 1}) {
            Files.write(path, Arrays.copyOf(whole, length));
            assertThrows(CorruptionException.class, () -> open(path, properties), length + " bytes");
        }
    }

    /** A table of version 3, which an earlier build wrote, with 12 partitions; the golden stores have smaller ones of all versions. */
    @Test
    void readsATableOfVersionThree() throws IOException {
        Model model = new Model();
        for (int i = 0; i < 100; i++) {
            byte[] key = ("k".repeat(2000) + "%05d".formatted(i)).getBytes(StandardCharsets.US_ASCII);
            model.entries.put(new Model.Version(key, Keys.trailer(i + 1, Keys.PUT)), new byte[] {(byte) i, 1});
        }
        Path path = directory.resolve("000001.table");
        Files.copy(Path.of("src/test/resources/tables/version-3.table"), path);
        TableReader table = open(path, -584948910399667685L);
        assertEquals(12, table.cuts().size());
        assertEquals(100, table.verify(runtime, bytes -> {}));
        try (InternalIterator iterator = table.iterator(TableReader.AUTOMATIC_READAHEAD);
                InternalIterator scanner = table.scanner(runtime, 2)) {
            model.assertSame(iterator);
            model.assertSameBackward(iterator);
            model.assertSeeks(iterator, new Random(2), 200);
            model.assertSame(scanner);
        }
        List<byte[]> keys =
                model.entries.keySet().stream().map(Model.Version::key).toList();
        for (int i = 0; i < 99; i++) {
            try (InternalIterator scanner =
                    table.scanner(runtime, 2, keys.get(i), keys.get(Math.max(i + 1, 99 - i / 2)), List.of())) {
                scanner.seekToFirst();
                while (scanner.isValid() && Keys.compare(keys.get(i), scanner.keyAddress(), scanner.keyLength()) >= 0) {
                    scanner.next();
                }
                assertArrayEquals(keys.get(i + 1), Memory.toArray(scanner.keyAddress(), scanner.keyLength()));
            }
        }
        table.release();
    }

    @Test
    void refusesOtherVersions() throws IOException {
        Path path = directory.resolve("000001.table");
        TableProperties properties = write(path, Model.random(new Random(1), 2000, 100), 4096, 10, Compression.LZ4);
        byte[] whole = Files.readAllBytes(path);
        Files.write(path, withVersion(whole, 0));
        CorruptionException none = assertThrows(CorruptionException.class, () -> open(path, properties));
        assertTrue(none.found().startsWith("version 0"), none.found());
        Files.write(path, withVersion(whole, TableFormat.VERSION + 1));
        StoreFormatException newer = assertThrows(StoreFormatException.class, () -> open(path, properties));
        assertTrue(
                String.valueOf(newer.getMessage()).contains("version " + (TableFormat.VERSION + 1)), newer.toString());
    }

    private static byte[] withVersion(byte[] table, int version) {
        byte[] changed = table.clone();
        ByteBuffer bytes = ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN);
        int footer = table.length - TableFormat.FOOTER_BYTES;
        bytes.putInt(footer + TableFormat.FOOTER_VERSION, version);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = Model.offHeap(arena, Arrays.copyOfRange(changed, footer, table.length));
            bytes.putLong(
                    footer + TableFormat.FOOTER_HASH, Xxh64.hash(copy, 0, TableFormat.FOOTER_HASH, TableFormat.MAGIC));
        }
        return changed;
    }

    /** Each byte in turn is changed: opening or verifying says so, and no lookup or walk ever gives other data. */
    @Test
    void everyChangedByteIsNoticed() throws IOException {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        Model model = Model.random(random, 40, 60);
        Path path = directory.resolve("000001.table");
        try (ChainRuntime portable = ChainRuntime.acquire("portable")) {
            TableProperties properties = write(path, model, 512, 10, Compression.LZ4);
            byte[] whole = Files.readAllBytes(path);
            Set<String> kinds = new HashSet<>();
            for (int position = 0; position < whole.length; position++) {
                byte[] changed = whole.clone();
                changed[position] ^= (byte) (1 << random.nextInt(8));
                Files.write(path, changed);
                String what = "seed " + seed + ", byte " + position;
                TableReader table;
                try {
                    table = TableReader.open(
                            portable.open(path, ChainFile.Mode.READ, ChainFile.Access.BUFFERED),
                            position + 2L,
                            cache,
                            reads,
                            properties.fileChecksum(),
                            KeyOrder.BYTES,
                            null);
                } catch (CorruptionException e) {
                    assertDescribed(e, path, whole.length);
                    kinds.add("open");
                    continue;
                }
                CorruptionException found =
                        assertThrows(CorruptionException.class, () -> table.verify(portable, bytes -> {}), what);
                assertDescribed(found, path, whole.length);
                kinds.add("verify");
                assertRightOrRefused(table, model, kinds, what);
                assertScanRightOrRefused(table, model, portable, what);
                table.release();
            }
            assertEquals(Set.of("open", "verify", "lookup", "walk"), kinds);
        }
    }

    private static void assertDescribed(CorruptionException e, Path path, long fileBytes) {
        assertEquals(path, e.file());
        assertTrue(e.offset() >= 0 && e.offset() <= fileBytes);
        assertTrue(!e.expected().isEmpty() && !e.found().isEmpty());
    }

    private static void assertRightOrRefused(TableReader table, Model model, Set<String> kinds, String what) {
        Model.Catch sink = new Model.Catch();
        for (Map.Entry<Model.Version, byte[]> entry : model.entries.entrySet()) {
            byte[] key = entry.getKey().key();
            try (Arena arena = Arena.ofConfined()) {
                Lookup lookup = table.get(
                        Model.offHeap(arena, key),
                        0,
                        key.length,
                        Keys.sequence(entry.getKey().trailer()),
                        0,
                        sink);
                boolean put = Keys.kind(entry.getKey().trailer()) == Keys.PUT;
                assertEquals(put ? Lookup.FOUND : Lookup.DELETED, lookup, what);
                byte[] value = sink.take();
                assertTrue(!put || Arrays.equals(entry.getValue(), value), what);
            } catch (CorruptionException e) {
                kinds.add("lookup");
            }
        }
        try (InternalIterator iterator = table.iterator(TableReader.AUTOMATIC_READAHEAD)) {
            assertBeginsRight(iterator, model, what);
        } catch (CorruptionException e) {
            kinds.add("walk");
        }
    }

    private static void assertScanRightOrRefused(TableReader table, Model model, ChainRuntime runtime, String what) {
        try (InternalIterator scanner = table.scanner(runtime, 16)) {
            assertBeginsRight(scanner, model, what);
        } catch (CorruptionException e) {
            assertTrue(e.offset() >= 0);
        }
    }

    private static void assertBeginsRight(InternalIterator iterator, Model model, String what) {
        iterator.seekToFirst();
        for (Map.Entry<Model.Version, byte[]> entry : model.entries.entrySet()) {
            assertTrue(iterator.isValid(), what);
            assertArrayEquals(entry.getKey().key(), Memory.toArray(iterator.keyAddress(), iterator.keyLength()), what);
            assertEquals(entry.getKey().trailer(), iterator.trailer(), what);
            assertArrayEquals(entry.getValue(), Model.value(iterator), what);
            iterator.next();
        }
        assertTrue(!iterator.isValid(), what);
    }

    @Test
    void aScrubReadsEveryChunkAndFindsAFlippedByte() throws IOException {
        Path path = directory.resolve("scrubbed.table");
        TableProperties properties = write(path, Model.random(new Random(5), 20_000, 100), 4096, 10, Compression.NONE);
        TableReader table = open(path, properties);
        try {
            AtomicLong read = new AtomicLong();
            table.scrub(runtime, bytes -> read.addAndGet(bytes) > 0);
            assertEquals(table.layout().bodyBytes(), read.get());

            long at = table.layout().bodyBytes() / 2;
            flip(path, at);
            CorruptionException damage =
                    assertThrows(CorruptionException.class, () -> table.scrub(runtime, bytes -> true));
            assertEquals(path, damage.file());
            assertEquals(at / 65536 * 65536, damage.offset());
            flip(path, at);
            flip(path, table.layout().bodyBytes() + 3); // the checksum table
            damage = assertThrows(CorruptionException.class, () -> table.scrub(runtime, bytes -> true));
            assertEquals(table.layout().bodyBytes(), damage.offset());
        } finally {
            table.release();
        }
    }

    private static void flip(Path path, long at) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.seek(at);
            int before = file.read();
            file.seek(at);
            file.write(before ^ 1);
        }
    }
}
