package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.catena.engine.table.Runs;
import dev.catena.engine.table.TableBuilder;
import dev.catena.io.chain.Availability;
import dev.catena.io.chain.ChainRuntime;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compactions copy runs of partitions that nothing else lies among, and only those. Partitions are of 16 blocks of 512 bytes here. */
class RunsTest {
    /** Keys of a group: of some 400 KiB, so that there are whole chunks in it. */
    private static final int GROUP = 3_000;

    @TempDir
    private Path directory;

    private final NavigableMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);
    private int framesBefore;
    private long bytesBefore;

    @BeforeEach
    void makePartitionsSmall() {
        framesBefore = TableBuilder.setPartitionFrames(16);
        bytesBefore = Runs.setBytesMin(1);
    }

    @AfterEach
    void makePartitionsLarge() {
        TableBuilder.setPartitionFrames(framesBefore);
        Runs.setBytesMin(bytesBefore);
    }

    private static Options options() {
        return Options.defaults()
                .withMemtableBytes(32 << 20)
                .withTableBytes(1 << 20)
                .withLevelZeroTrigger(16)
                .withBlockBytes(512);
    }

    private static byte[] key(int i) {
        return "key%07d".formatted(i).getBytes(StandardCharsets.US_ASCII);
    }

    private void put(Db db, int i, int round) {
        byte[] value = new byte[100 + i % 37];
        new Random(i * 100L + round).nextBytes(value);
        byte[] key = key(i);
        db.put(key, value, Durability.BUFFERED);
        model.put(key, value);
    }

    /** Two tables in level 0 that take turns every GROUP keys. */
    private void interleave(Db db, int groups) {
        for (int table = 0; table < 2; table++) {
            for (int group = table; group < groups; group += 2) {
                for (int i = 0; i < GROUP; i++) {
                    put(db, group * GROUP + i, 0);
                }
            }
            db.flush();
        }
    }

    private void check(Db db) {
        try (DbIterator iterator = db.iterator()) {
            iterator.seekToFirst();
            for (Map.Entry<byte[], byte[]> entry : model.entrySet()) {
                assertTrue(iterator.isValid());
                assertArrayEquals(entry.getKey(), iterator.key());
                assertArrayEquals(entry.getValue(), iterator.value());
                iterator.next();
            }
            assertFalse(iterator.isValid());
        }
        int i = 0;
        for (Map.Entry<byte[], byte[]> entry : model.entrySet()) {
            if (i++ % 7 == 0) {
                assertArrayEquals(entry.getValue(), db.get(entry.getKey()));
            }
        }
        VerifyReport report = db.verify(VerifyListener.NONE);
        assertEquals(List.of(), report.damages());
        assertEquals(model.size(), report.entries());
    }

    /** Compacts, and returns how much of what was written was copied. */
    private static double copied(Db db) {
        Stats.Compaction before = db.stats().compaction();
        db.compact();
        Stats.Compaction after = db.stats().compaction();
        assertTrue(after.writtenBytes() > before.writtenBytes());
        return (double) (after.copiedBytes() - before.copiedBytes()) / (after.writtenBytes() - before.writtenBytes());
    }

    @ParameterizedTest
    @ValueSource(strings = {"kernel-loop", "kernel-hook", "user", "portable"})
    void disjointRangesAreCopied(String backend) throws IOException {
        for (Availability each : ChainRuntime.probe()) {
            assumeTrue(!each.name().equals(backend) || each.available(), backend + ": " + each.reason());
        }
        try (Db db = Db.open(directory, options().withBackend(backend))) {
            interleave(db, 8);
            double copied = copied(db);
            assertTrue(copied > 0.8, copied + " copied");
            check(db);
            put(db, 5, 1);
            db.flush();
            copied = copied(db); // what was copied can be copied again, from where it is now
            assertTrue(copied > 0.8, copied + " copied again");
            check(db);
        }
        try (Db db = Db.open(directory, options().withBackend(backend))) {
            check(db);
        }
        String log = Files.readString(directory.resolve("LOG"));
        assertTrue(log.contains(" copied as they were"), log);
    }

    /** A table ends at about the size that it is to have, also where all that is in it is copied. */
    @Test
    void tablesEndNearTheirSize() throws IOException {
        try (Db db = Db.open(directory, options())) {
            interleave(db, 8);
            assertTrue(copied(db) > 0.8);
            List<Long> sizes = sizes();
            assertTrue(sizes.size() >= 3, sizes.toString());
            assertTrue(sizes.stream().allMatch(bytes -> bytes < 1.3 * (1 << 20)), sizes.toString());
            assertTrue(sizes.stream().filter(bytes -> bytes < 0.8 * (1 << 20)).count() <= 1, sizes.toString());
        }
    }

    @Test
    void partsOfACompactionCopyToo() {
        try (Db db = Db.open(directory, options().withTableBytes(256 << 10).withMaxSubcompactions(3))) {
            interleave(db, 8);
            assertTrue(copied(db) > 0.7);
            check(db);
        }
    }

    /** A key in each partition of the other table, at another place in each. */
    @Test
    void whatOtherKeysLieAmongIsNotCopied() {
        try (Db db = Db.open(directory, options())) {
            for (int i = 0; i < GROUP; i++) {
                put(db, i, 0);
            }
            db.flush();
            for (int i = 7; i < GROUP; i += 41) {
                put(db, i, 1);
            }
            put(db, GROUP - 1, 1);
            db.flush();
            assertEquals(0, copied(db));
            check(db);
            put(db, GROUP / 2, 2); // one partition is decoded
            double copied = copied(db);
            assertTrue(copied > 0.8 && copied < 0.99, copied + " copied around one key");
            check(db);
        }
    }

    /** A partition of few keys that are far apart goes round whole partitions of the other table. */
    @Test
    void aPartitionAroundAnotherOneIsLookedInto() {
        try (Db db = Db.open(directory, options())) {
            for (int i = 0; i < 2 * GROUP; i++) {
                put(db, i, 0);
            }
            db.flush();
            for (int i : new int[] {0, GROUP, 2 * GROUP}) {
                put(db, i, 1);
            }
            db.flush();
            double copied = copied(db);
            assertTrue(copied > 0.8 && copied < 0.99, copied + " copied");
            check(db);
        }
    }

    @Test
    void whatARangeDeletionTouchesIsNotCopied() {
        try (Db db = Db.open(directory, options())) {
            interleave(db, 4);
            try (Snapshot before = db.snapshot()) { // so that the deletion stays and what it deletes
                db.deleteRange(key(10), key(3 * GROUP + 2_990));
                db.put(key(4 * GROUP), new byte[10]);
                db.flush();
                double copied = copied(db);
                assertTrue(copied < 0.05, copied + " copied");
                assertArrayEquals(model.get(key(GROUP)), db.get(key(GROUP), before));
                assertEquals(null, db.get(key(GROUP)));
            }
            model.subMap(key(10), key(3 * GROUP + 2_990)).clear();
            model.put(key(4 * GROUP), new byte[10]);
            copied(db);
            check(db);
        }
    }

    /** Versions that only a snapshot needs go when it is closed, so a partition that has some is looked at each time. */
    @Test
    void whatHasHiddenVersionsOrDeletionsIsNotCopied() {
        try (Db db = Db.open(directory, options())) {
            Map<byte[], byte[]> seen;
            try (Snapshot snapshot = twice(db)) {
                seen = new TreeMap<>(model);
                put(db, 2 * GROUP, 0); // so that tables overlap
                for (int i = 0; i < GROUP; i += 40) {
                    put(db, i, 1);
                }
                db.flush();
                put(db, GROUP + 1, 0); // beside all these
                db.flush();
                double copied = copied(db);
                assertTrue(copied < 0.1, copied + " copied with hidden versions in it");
                for (Map.Entry<byte[], byte[]> entry : seen.entrySet()) {
                    assertArrayEquals(entry.getValue(), db.get(entry.getKey(), snapshot));
                }
            }
            put(db, GROUP + 2, 0);
            db.flush();
            copied(db);
            check(db); // which counts entries: the hidden ones are gone
            for (int i = 3; i < GROUP; i += 40) {
                db.delete(key(i));
                model.remove(key(i));
            }
            db.flush();
            assertTrue(copied(db) < 0.1);
            check(db);
        }
    }

    private Snapshot twice(Db db) {
        for (int i = 0; i < GROUP; i++) {
            put(db, i, 0);
        }
        return db.snapshot();
    }

    /** The versions of one key over many partitions, each of which has one of them only. */
    @Test
    void aKeyWhoseVersionsGoOnInTheNextPartitionIsNotCopied() {
        TableBuilder.setPartitionFrames(1);
        List<Snapshot> snapshots = new ArrayList<>();
        try (Db db = Db.open(directory, options())) {
            for (int i = 0; i < 20; i++) {
                byte[] value = new byte[600];
                value[0] = (byte) i;
                db.put(key(1), value);
                model.put(key(1), value);
                snapshots.add(db.snapshot());
            }
            put(db, 0, 0);
            put(db, 2, 0);
            put(db, 9, 0);
            db.flush();
            put(db, 5, 0);
            db.flush();
            copied(db);
            for (int i = 0; i < 20; i++) {
                assertEquals(i, db.get(key(1), snapshots.get(i))[0]);
            }
            snapshots.forEach(Snapshot::close);
            put(db, 9, 1); // nothing new where the newest version is
            db.flush();
            copied(db);
            check(db); // which counts entries
        }
    }

    @Test
    void whatOtherOptionsWroteIsNotCopied() {
        List<Options> others = List.of(
                options().withCompression(Compression.ZSTD),
                options().withCompression(Compression.NONE),
                options().withBlockBytes(1024),
                options().withFilterBitsPerKey(9),
                options().withLastLevelFilterBitsPerKey(0));
        try (Db db = Db.open(directory, options())) {
            interleave(db, 4);
        }
        int round = 1;
        for (Options other : others) {
            try (Db db = Db.open(directory, other)) {
                put(db, 0, round++);
                db.flush();
                assertEquals(0, copied(db), () -> other.toString());
                put(db, 0, round++);
                db.flush();
                assertTrue(copied(db) > 0.8, () -> other.toString());
                check(db);
            }
        }
    }

    @Test
    void ordersOfOtherKindsCopyToo() {
        for (KeyComparator order : List.of(KeyComparators.reverseUnsignedBytes(), new ByLastBytes())) {
            Path store = directory.resolve(order.name());
            try (Db db = Db.open(store, options().withKeyComparator(order))) {
                model.clear();
                interleave(db, 4);
                double copied = copied(db);
                assertTrue(copied > 0.8, order.name() + ": " + copied);
                model.forEach((key, value) -> assertArrayEquals(value, db.get(key)));
                VerifyReport report = db.verify(VerifyListener.NONE);
                assertEquals(List.of(), report.damages());
                assertEquals(model.size(), report.entries());
            }
        }
    }

    /** Compares the digits only, as the keys of this test all begin the same. */
    private static final class ByLastBytes implements KeyComparator {
        @Override
        public String name() {
            return "by last bytes";
        }

        @Override
        public int compare(MemorySegment a, MemorySegment b) {
            long mismatch = a.mismatch(b);
            return mismatch < 0
                    ? 0
                    : Byte.compareUnsigned(
                            a.get(ValueLayout.JAVA_BYTE, mismatch), b.get(ValueLayout.JAVA_BYTE, mismatch));
        }
    }

    /** Wherever in a run: it is found by the chain that copies, told with the input's name, and nothing of it gets into a new table. */
    @Test
    void damageInARunIsFound() throws IOException {
        Random random = new Random(7);
        for (int round = 0; round < 6; round++) {
            Path store = directory.resolve("store" + round);
            try (Db db = Db.open(store, options())) {
                interleave(db, 4);
            }
            List<Path> tables = tables(store);
            Path damaged = tables.get(random.nextInt(tables.size()));
            long at = random.nextLong(Files.size(damaged) * 9 / 10);
            try (RandomAccessFile file = new RandomAccessFile(damaged.toFile(), "rw")) {
                file.seek(at);
                int b = file.read();
                file.seek(at);
                file.write(b ^ 8);
            }
            try (Db db = Db.open(store, options())) {
                CorruptionException damage = assertThrows(CorruptionException.class, db::compact);
                assertEquals(damaged, damage.file());
                assertTrue(
                        damage.offset() <= at && at < damage.offset() + (64 << 10),
                        damage.getMessage() + ", the changed byte is at " + at);
                assertEquals(tables, tables(store), "tables");
                assertEquals(1, db.verify(VerifyListener.NONE).damages().size());
            }
        }
    }

    /** What is copied counts as what is written does. */
    @Test
    void copyingIsHeldBack() {
        long rate = 1 << 20;
        try (Db db = Db.open(directory, options())) {
            interleave(db, 8);
        }
        try (Db db = Db.open(directory, options().withBackgroundBytesPerSecond(rate))) {
            long began = System.nanoTime();
            assertTrue(copied(db) > 0.8);
            double seconds = (System.nanoTime() - began) / 1e9;
            double least = 0.9 * db.stats().compaction().writtenBytes() / rate - 0.1; // a tenth of a second's at once
            assertTrue(seconds > least, seconds + " s, at least " + least);
        }
    }

    /** At any time, and where it is held back in the midst of a table. What was copied so far is deleted. */
    @Test
    void copyingCanBeCancelled() throws IOException {
        Random random = new Random(11);
        try (Db db = Db.open(directory, options())) {
            interleave(db, 8);
            for (int i = 0; i < 20; i++) {
                CompletableFuture<?> compaction = db.compact(null, null);
                LockSupport.parkNanos(random.nextInt(10_000_000));
                if (!compaction.cancel(true)) {
                    put(db, GROUP, i); // it was done: something to do for the next one
                }
            }
            db.flush();
        }
        assertCancelled(1 << 16, 1); // a mebibyte copied, it is held back for 16 seconds
        assertCancelled(1 << 20, 2); // in the second table
        try (Db db = Db.open(directory, options())) {
            assertTrue(copied(db) > 0.5);
            check(db);
            int known =
                    db.stats().levels().stream().mapToInt(Stats.Level::tables).sum();
            assertEquals(known, tables(directory).size());
        }
    }

    /** Cancels a compaction that writes as many tables and waits for the limiter. */
    private void assertCancelled(long bytesPerSecond, int written) throws IOException {
        try (Db db = Db.open(directory, options().withBackgroundBytesPerSecond(bytesPerSecond))) {
            put(db, 0, 7);
            put(db, 8 * GROUP - 1, 7);
            db.flush();
            List<Path> before = tables(directory);
            CompletableFuture<?> compaction = db.compact(null, null);
            while (tables(directory).size() < before.size() + written) {
                LockSupport.parkNanos(1_000_000);
            }
            awaitHeldBack();
            assertTrue(compaction.cancel(true));
            long cancelled = System.nanoTime();
            while (!tables(directory).equals(before)) {
                assertTrue(System.nanoTime() - cancelled < 8_000_000_000L, "it went on, or left a table");
                LockSupport.parkNanos(1_000_000);
            }
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
    }

    /** Until the compaction thread waits for the limiter, some of a table being copied. */
    private static void awaitHeldBack() {
        while (Thread.getAllStackTraces().entrySet().stream()
                .noneMatch(each -> each.getKey().getName().equals("catena-compact")
                        && Arrays.stream(each.getValue())
                                .anyMatch(frame -> frame.getClassName().endsWith("RateLimiter")))) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    /** Compacts slowly. */
    static final class Victim {
        private Victim() {}

        public static void main(String[] arguments) {
            TableBuilder.setPartitionFrames(16);
            Runs.setBytesMin(1);
            Db db = Db.open(Path.of(arguments[0]), options().withBackgroundBytesPerSecond(1 << 20));
            db.compact();
        }
    }

    @Test
    void copyingCanBeKilled() throws Exception {
        long seed = System.nanoTime();
        System.out.println("RunsTest seed " + seed);
        Random random = new Random(seed);
        try (Db db = Db.open(directory, options())) {
            interleave(db, 8);
        }
        List<Path> before = tables(directory);
        for (int kill = 0; kill < 3; kill++) {
            Process victim = ChildJvm.start(List.of(), List.of("-Xmx128m"), Victim.class, directory.toString());
            try {
                while (tables(directory).equals(before)) {
                    assertTrue(victim.isAlive());
                    LockSupport.parkNanos(1_000_000);
                }
                LockSupport.parkNanos(random.nextInt(1_000_000_000));
                assertTrue(victim.isAlive(), "it was done before it was killed");
            } finally {
                victim.destroyForcibly();
                victim.waitFor();
            }
            assertTrue(tables(directory).containsAll(before), "seed " + seed);
            try (Db db = Db.openReadOnly(directory, options())) {
                check(db);
            }
        }
        try (Db db = Db.open(directory, options())) {
            assertEquals(before, tables(directory), "what was copied is not deleted");
            check(db);
            assertTrue(copied(db) > 0.8);
            check(db);
        }
    }

    private static List<Path> tables(Path store) throws IOException {
        try (Stream<Path> files = Files.list(store)) {
            return files.filter(file -> file.toString().endsWith(".table"))
                    .sorted()
                    .toList();
        }
    }

    private List<Long> sizes() throws IOException {
        List<Long> sizes = new ArrayList<>();
        for (Path table : tables(directory)) {
            sizes.add(Files.size(table));
        }
        return sizes;
    }
}
