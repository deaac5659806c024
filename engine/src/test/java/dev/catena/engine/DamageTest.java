package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.memory.NativeMemory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Flips bits anywhere in a store's files: each must be reported with its file, and no wrong data be returned. */
class DamageTest {
    private static final int FLIPS = Boolean.getBoolean("catena.long") ? 2000 : 120;

    @TempDir
    Path directory;

    private final long seed = Long.getLong("catena.seed", System.nanoTime());
    private final Random random = new Random(seed);
    private final NavigableMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);

    private long memoryBefore;
    private ChainRuntime runtime;
    private Map<String, Long> chainMemoryBefore;

    @BeforeEach
    void printSeed() {
        System.out.println("DamageTest seed " + seed);
        runtime = ChainRuntime.acquire(null); // kept open, so that what stores leave behind shows
        chainMemoryBefore = inUse();
        memoryBefore = NativeMemory.allocatedBytes();
    }

    @AfterEach
    void nothingIsLeaked() {
        assertEquals(memoryBefore, NativeMemory.allocatedBytes(), () -> "leaked: " + NativeMemory.allocatedByOwner());
        assertEquals(chainMemoryBefore, inUse());
        runtime.close();
    }

    /** Chain memory in use but for what lanes hold, which are kept for use again. */
    private Map<String, Long> inUse() {
        Map<String, Long> inUse = new TreeMap<>(runtime.memoryInUse());
        inUse.remove("rings");
        return inUse;
    }

    private static Options options() {
        return Options.defaults()
                .withMemtableBytes(256 << 10)
                .withTableBytes(128 << 10)
                .withLevelOneBytes(512 << 10)
                .withCacheBytes(1 << 20);
    }

    private void write(Db db, int count, Durability durability) {
        for (int i = 0; i < count; i++) {
            byte[] key = new byte[1 + random.nextInt(12)];
            random.nextBytes(key);
            byte[] value = new byte[random.nextInt(300)];
            random.nextBytes(value);
            db.put(key, value, durability);
            model.put(key, value);
        }
    }

    /** What a copy of a store showed: the first damage that was reported, in words; null when it was whole and complete. */
    private @Nullable String look(Path store, Path damaged) throws IOException {
        try (Db db = Db.open(store, options())) {
            String reported = null;
            try {
                compare(db);
            } catch (CorruptionException e) {
                assertEquals(damaged.getFileName(), e.file().getFileName(), e.getMessage());
                reported = e.getMessage();
            }
            for (VerifyReport.Damage damage : db.verify(VerifyListener.NONE).damages()) {
                assertEquals(damaged.getFileName(), damage.file().getFileName(), damage.toString());
                reported = damage.toString();
            }
            return reported;
        } catch (CorruptionException e) {
            assertEquals(damaged.getFileName(), e.file().getFileName(), e.getMessage());
            assertTrue(e.offset() >= 0 && e.offset() <= Files.size(damaged), e.getMessage());
            return e.getMessage();
        } catch (StoreReadOnlyException e) { // found by a compaction, reported at closing or flushing
            CorruptionException cause = (CorruptionException) e.getCause();
            assertEquals(damaged.getFileName(), cause.file().getFileName(), e.getMessage());
            return e.getMessage();
        }
    }

    private void compare(Db db) {
        try (DbIterator iterator = db.iterator()) {
            Iterator<Map.Entry<byte[], byte[]>> expected = model.entrySet().iterator();
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                assertTrue(expected.hasNext(), "more keys than written");
                Map.Entry<byte[], byte[]> entry = expected.next();
                assertArrayEquals(entry.getKey(), iterator.key());
                assertArrayEquals(entry.getValue(), iterator.value());
            }
            assertFalse(expected.hasNext(), "keys are missing");
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        try (Stream<Path> old = Files.list(to)) {
            for (Path file : old.toList()) {
                Files.delete(file);
            }
        }
        try (Stream<Path> files = Files.list(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(file.getFileName()));
            }
        }
    }

    private static List<Path> files(Path store, String... endings) throws IOException {
        List<Path> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(store)) {
            files.filter(file -> Arrays.stream(endings).anyMatch(file.toString()::endsWith))
                    .sorted()
                    .forEach(found::add);
        }
        return found;
    }

    private static void flip(Path file, long offset, int bit) throws IOException {
        try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
            access.seek(offset);
            int old = access.read();
            access.seek(offset);
            access.write(old ^ (1 << bit));
        }
    }

    @Test
    void flippedBitInAStoreClosedCleanlyIsReported() throws IOException {
        Path whole = directory.resolve("whole");
        try (Db db = Db.open(whole, options())) {
            write(db, 9000, Durability.BUFFERED);
        }
        Path copy = directory.resolve("copy");
        copy(whole, copy);
        assertEquals(null, look(copy, copy), "the undamaged store");
        for (String kind : List.of(".table", ".log", "MANIFEST")) {
            assertFalse(files(whole, kind).isEmpty(), "no " + kind);
            for (int i = 0; i < FLIPS / 3; i++) {
                copy(whole, copy);
                List<Path> candidates = files(copy, kind);
                Path file = candidates.get(random.nextInt(candidates.size()));
                long offset = random.nextLong(Files.size(file));
                flip(file, offset, random.nextInt(8));
                if (look(copy, file) == null) {
                    fail("seed " + seed + ": a flipped bit at " + offset + " of " + file.getFileName() + " ("
                            + Files.size(file) + " bytes) was not reported");
                }
            }
        }
    }

    @Test
    void truncatedOrMissingFileIsReported() throws IOException {
        Path whole = directory.resolve("whole");
        try (Db db = Db.open(whole, options())) {
            write(db, 6000, Durability.BUFFERED);
        }
        Path copy = directory.resolve("copy");
        for (Path each : files(whole, ".table", ".log", "MANIFEST")) {
            for (int i = 0; i < 4; i++) {
                copy(whole, copy);
                Path file = copy.resolve(each.getFileName());
                if (i == 0) {
                    Files.delete(file);
                    Files.createFile(file);
                } else {
                    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
                        access.setLength(random.nextLong(Files.size(file)));
                    }
                }
                assertTrue(look(copy, file) != null, "a cut of " + each.getFileName() + " was not reported");
            }
            copy(whole, copy);
            Path file = copy.resolve(each.getFileName());
            Files.delete(file);
            if (each.toString().endsWith(".table")) {
                assertTrue(look(copy, file) != null, "that " + each.getFileName() + " is missing was not reported");
            } else {
                CorruptionException e = assertThrows(
                        CorruptionException.class,
                        () -> Db.open(copy, options()).close());
                assertEquals(file.getFileName(), e.file().getFileName());
            }
        }
    }

    /** A crash leaves no word of where the log ends; but attested bytes must be whole. */
    @Test
    void flippedBitInSyncedRecordsAfterACrashIsReported() throws Exception {
        Path crashed = directory.resolve("crashed");
        Path live = directory.resolve("live");
        long end;
        try (Db db = Db.open(live, options())) {
            write(db, 200, Durability.SYNCED);
            Thread.sleep(500); // the log thread attests
            copy(live, crashed);
            end = db.stats().log().bytes();
        }
        Path log = files(crashed, ".log").stream()
                .filter(file -> file.toFile().length() > end && hasData(file))
                .findFirst()
                .orElseThrow();
        Path copy = directory.resolve("copy");
        copy(crashed, copy);
        assertEquals(null, look(copy, copy), "the crashed store, undamaged");
        int reported = 0;
        for (int i = 0; i < FLIPS / 2; i++) {
            copy(crashed, copy);
            Path file = copy.resolve(log.getFileName());
            long offset = random.nextLong(end - 32); // the last record is the one that attests
            flip(file, offset, random.nextInt(8));
            if (look(copy, file) == null) {
                fail("seed " + seed + ": a flipped bit at " + offset + " of " + end + " was not reported");
            }
            reported++;
        }
        assertEquals(FLIPS / 2, reported);
    }

    private static boolean hasData(Path file) {
        try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "r")) {
            return access.readLong() != 0;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What a crash tears off at the end is no damage: the state is a beginning of what was written. */
    @Test
    void tornEndAfterACrashIsCutOff() throws Exception {
        Path crashed = directory.resolve("crashed");
        Path live = directory.resolve("live");
        try (Db db = Db.open(live, Options.defaults())) {
            for (int i = 0; i < 2000; i++) {
                db.put(new byte[] {(byte) (i >> 8), (byte) i}, new byte[100]);
            }
            Thread.sleep(300); // the log thread hands over
            copy(live, crashed);
        }
        for (int cut = 0; cut < 20; cut++) {
            Path copy = directory.resolve("copy");
            copy(crashed, copy);
            Path log = files(copy, ".log").stream()
                    .filter(DamageTest::hasData)
                    .findFirst()
                    .orElseThrow();
            long from = random.nextLong(2000L * 144);
            try (RandomAccessFile access = new RandomAccessFile(log.toFile(), "rw")) {
                access.seek(from);
                access.write(new byte[(int) Math.min(1 << 20, access.length() - from)]);
            }
            long kept;
            try (Db db = Db.open(copy, Options.defaults())) {
                kept = db.stats().lastSequence();
                int i = 0;
                try (DbIterator iterator = db.iterator()) {
                    for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                        assertArrayEquals(new byte[] {(byte) (i >> 8), (byte) i}, iterator.key());
                        i++;
                    }
                }
                assertEquals(kept, i);
                assertTrue(kept < 2000, "everything is there in spite of the cut");
                db.put(new byte[] {1}, new byte[] {1});
            }
            try (Db db = Db.open(copy, Options.defaults())) {
                assertEquals(kept + 1, db.stats().lastSequence());
            }
        }
    }

    @Test
    void compactionOfADamagedTableKeepsItsInputs() throws IOException {
        Path store = directory.resolve("store");
        Options options = options().withLevelZeroTrigger(16);
        try (Db db = Db.open(store, options)) {
            for (int table = 0; table < 3; table++) {
                write(db, 300, Durability.BUFFERED);
                db.flush();
            }
        }
        List<Path> tables = files(store, ".table");
        assertEquals(3, tables.size());
        flip(tables.get(1), 100 + random.nextInt(10_000), random.nextInt(8));
        try (Db db = Db.open(store, options)) {
            CorruptionException e = assertThrows(CorruptionException.class, db::compact);
            assertEquals(tables.get(1).getFileName(), e.file().getFileName());
            assertEquals(tables, files(store, ".table"));
            int whole = 0;
            for (Map.Entry<byte[], byte[]> entry : model.entrySet()) {
                try {
                    assertArrayEquals(entry.getValue(), db.get(entry.getKey()));
                    whole++;
                } catch (CorruptionException damaged) {
                    assertEquals(tables.get(1).getFileName(), damaged.file().getFileName());
                }
            }
            assertTrue(whole > 500, "only " + whole + " keys of " + model.size() + " can be read");
        }
        try (Db db = Db.open(store, options)) {
            assertEquals(1, db.verify(VerifyListener.NONE).damages().size());
        }
    }
}
