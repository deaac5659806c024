package dev.catena.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Writes that are not logged: what a crash loses of them and what not, and that it takes no others along. */
@Timeout(120)
class UnloggedTest {
    private static final Options SMALL = Options.defaults()
            .withMemtableBytes(64 << 10)
            .withTableBytes(64 << 10)
            .withLevelOneBytes(64 << 10)
            .withCacheBytes(1 << 20);

    private static final Durability UNLOGGED = Durability.UNLOGGED;

    @TempDir
    Path root;

    private Path directory() {
        return root.resolve("store");
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i).array();
    }

    private static ColumnFamily family(Db db, String name) {
        ColumnFamily found = db.columnFamily(name);
        return found == null ? db.createColumnFamily(name, SMALL) : found;
    }

    /** Does what a case says and then ends as a killed process does. */
    static final class Crashing {
        private Crashing() {}

        public static void main(String[] arguments) {
            Db db = Db.open(Path.of(arguments[0]), SMALL);
            Case.valueOf(arguments[1]).write(db, family(db, "cats"), Long.parseLong(arguments[2]));
            Runtime.getRuntime().halt(7);
        }
    }

    private enum Case {
        LOST {
            @Override
            void write(Db db, ColumnFamily cats, long seed) {
                db.put(bytes("first"), bytes("1"), Durability.SYNCED);
                db.put(bytes("unlogged"), bytes("1"), UNLOGGED);
                cats.put(bytes("unlogged"), bytes("1"), UNLOGGED);
                db.put(bytes("second"), bytes("1"), Durability.SYNCED);
                db.delete(bytes("first"), UNLOGGED);
            }
        },
        FLUSHED {
            @Override
            void write(Db db, ColumnFamily cats, long seed) {
                db.put(bytes("a"), bytes("1"), Durability.SYNCED);
                cats.put(bytes("b"), bytes("1"), UNLOGGED);
                cats.flush(); // newer operations than the log has
                db.put(bytes("c"), bytes("1"), UNLOGGED);
            }
        },
        MIXED {
            @Override
            void write(Db db, ColumnFamily cats, long seed) {
                mixed(db, cats, seed);
            }
        };

        abstract void write(Db db, ColumnFamily cats, long seed);
    }

    private void crash(Case what, long seed) throws IOException, InterruptedException {
        Process process = ChildJvm.start(
                List.of(),
                List.of("-Xmx128m"),
                Crashing.class,
                directory().toString(),
                what.name(),
                Long.toString(seed));
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        assertEquals(7, process.exitValue());
    }

    @Test
    void crashLosesThemAndNothingElse() throws Exception {
        crash(Case.LOST, 0);
        try (Db db = Db.open(directory(), SMALL)) {
            assertArrayEquals(bytes("1"), db.get(bytes("first")));
            assertNull(db.get(bytes("unlogged")));
            assertNull(family(db, "cats").get(bytes("unlogged")));
            assertArrayEquals(bytes("1"), db.get(bytes("second")));
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
    }

    @Test
    void flushMakesThemDurableAndLaterLogsGoOnAfterTheLog() throws Exception {
        crash(Case.FLUSHED, 0);
        for (int opening = 0; opening < 4; opening++) { // logs that others follow, with operations and without
            if (opening == 2) {
                try (Db db = Db.openReadOnly(directory(), SMALL)) {
                    assertArrayEquals(bytes("1"), db.get(bytes("a")));
                }
            }
            try (Db db = Db.open(directory(), SMALL)) {
                assertArrayEquals(bytes("1"), db.get(bytes("a")));
                assertArrayEquals(bytes("1"), family(db, "cats").get(bytes("b")));
                assertNull(db.get(bytes("c")));
                if (opening > 1) {
                    assertArrayEquals(bytes("1"), db.get(key(opening - 1)));
                }
                if (opening > 0) {
                    db.put(key(opening), bytes("1"), Durability.SYNCED);
                }
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            }
        }
    }

    @Test
    void cleanCloseMakesThemDurable() {
        try (Db db = Db.open(directory(), SMALL.withMemtableBytes(1 << 20))) {
            ColumnFamily cats = family(db, "cats");
            ColumnFamily dogs = family(db, "dogs");
            db.put(bytes("logged"), bytes("1"));
            cats.put(bytes("unlogged"), bytes("1"), UNLOGGED);
            cats.put(bytes("logged"), bytes("2"));
            cats.delete(bytes("logged"), UNLOGGED);
            dogs.put(bytes("k"), bytes("v"), UNLOGGED);
            dogs.deleteRange(bytes("a"), bytes("z"), UNLOGGED);
            db.writeAsync(new Batch().put(cats, bytes("x"), bytes("3")).put(dogs, bytes("z"), bytes("4")), UNLOGGED)
                    .join();
        }
        for (int opening = 0; opening < 2; opening++) {
            try (Db db = Db.open(directory(), SMALL)) {
                ColumnFamily cats = family(db, "cats");
                assertArrayEquals(bytes("1"), db.get(bytes("logged")));
                assertArrayEquals(bytes("1"), cats.get(bytes("unlogged")));
                assertNull(cats.get(bytes("logged")));
                assertArrayEquals(bytes("3"), cats.get(bytes("x")));
                assertNull(family(db, "dogs").get(bytes("k")));
                assertArrayEquals(bytes("4"), family(db, "dogs").get(bytes("z")));
                Stats.Family stats = db.stats().families().getFirst();
                assertEquals(0, stats.levels().getFirst().tables(), "only families with such operations are flushed");
            }
        }
    }

    /** Once they are in tables no log is needed: the manifest of a closed store names none that is not. */
    @Test
    void opensAgainWhenItsLogsAreNotNeededAnyMore() {
        for (int round = 1; round <= 3; round++) {
            try (Db db = Db.open(directory(), SMALL)) {
                for (int i = 1; i < round; i++) {
                    assertArrayEquals(bytes("unlogged"), db.get(bytes("u" + i)));
                    assertArrayEquals(bytes("logged"), db.get(bytes("l" + i)));
                }
                db.put(bytes("l" + round), bytes("logged"));
                ColumnFamily cats = family(db, "cats");
                cats.put(bytes("l" + round), bytes("logged"));
                cats.flush(); // another log begins, and the first is needed for what the other family has in memory
                db.put(bytes("u" + round), bytes("unlogged"), UNLOGGED);
            }
            String[] logs = directory().toFile().list((_, name) -> name.endsWith(".log"));
            assertTrue(logs != null && logs.length <= 1, () -> "logs of a store that needs none: " + List.of(logs));
        }
    }

    @Test
    void checkpointHasThem() {
        try (Db db = Db.open(directory(), SMALL)) {
            db.put(bytes("k"), bytes("v"), UNLOGGED);
            db.checkpoint(root.resolve("copy"));
            try (Db copy = Db.open(root.resolve("copy"), SMALL)) {
                assertArrayEquals(bytes("v"), copy.get(bytes("k")));
            }
        }
    }

    @Test
    void noBytesGoToTheLog() {
        try (Db db = Db.open(directory(), SMALL)) {
            long before = db.stats().log().bytes();
            for (int i = 0; i < 5000; i++) { // several memtables full
                db.put(key(i), new byte[100], UNLOGGED);
            }
            db.flush();
            assertTrue(db.stats().log().bytes() - before < 4096, "only what begins new logs");
            assertArrayEquals(new byte[100], db.get(key(4999)));
        }
    }

    /**
     * Each step writes its number to both families, logged or not, alone or in a batch. What is there afterwards must be, for each key,
     * the last logged write or a later one that was not logged; and of one family with only unlogged keys a beginning.
     */
    private static void mixed(Db db, ColumnFamily cats, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 1; step <= STEPS; step++) {
            ColumnFamily to = random.nextBoolean() ? db : cats;
            boolean unlogged = random.nextInt(3) > 0;
            byte[] key = key(random.nextInt(KEYS) + (unlogged ? KEYS : 0L));
            byte[] value = ByteBuffer.allocate(150).putInt(step).array();
            Durability durability =
                    unlogged ? UNLOGGED : random.nextInt(100) == 0 ? Durability.SYNCED : Durability.BUFFERED;
            if (random.nextInt(4) == 0) {
                db.write(new Batch().put(db, key, value).put(cats, key, value), durability);
            } else {
                to.put(key, value, durability);
            }
        }
        db.put(key(-1), bytes("end"), Durability.SYNCED);
    }

    private static final int STEPS = 6000;
    private static final int KEYS = 300;

    @Test
    void mixedWritesOverFamiliesComeBackInOrder() throws Exception {
        long seed = Long.getLong("catena.seed", System.nanoTime());
        System.out.println("UnloggedTest seed " + seed);
        crash(Case.MIXED, seed);
        List<Map<Long, int[]>> history = history(seed);
        for (int opening = 0; opening < 2; opening++) {
            try (Db db = Db.open(directory(), SMALL)) {
                assertNotNull(db.get(key(-1)));
                for (int f = 0; f < 2; f++) {
                    ColumnFamily of = f == 0 ? db : family(db, "cats");
                    int newestLost = Integer.MAX_VALUE;
                    int newestKept = 0;
                    for (Map.Entry<Long, int[]> written : history.get(f).entrySet()) {
                        byte[] value = of.get(key(written.getKey()));
                        int found = value == null ? 0 : ByteBuffer.wrap(value).getInt();
                        int[] steps = written.getValue();
                        String where = "seed " + seed + ", family " + f + ", key " + written.getKey();
                        if (written.getKey() < KEYS) {
                            assertEquals(steps[steps.length - 1], found, where);
                        } else {
                            newestKept = Math.max(newestKept, found);
                            for (int step : steps) {
                                if (step > found) {
                                    newestLost = Math.min(newestLost, step);
                                }
                            }
                        }
                    }
                    assertTrue(
                            newestKept < newestLost,
                            "seed " + seed + ", family " + f + ": " + newestLost + " is lost and " + newestKept
                                    + " is there");
                    assertTrue(newestKept > 0, "memtables were full");
                }
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            }
        }
    }

    /** By family and key the steps that wrote it, ascending. */
    private static List<Map<Long, int[]>> history(long seed) {
        List<Map<Long, int[]>> history = List.of(new TreeMap<>(), new TreeMap<>());
        SplittableRandom random = new SplittableRandom(seed);
        for (int step = 1; step <= STEPS; step++) {
            int to = random.nextBoolean() ? 0 : 1;
            boolean unlogged = random.nextInt(3) > 0;
            long key = random.nextInt(KEYS) + (unlogged ? KEYS : 0L);
            if (!unlogged) {
                random.nextInt(100);
            }
            boolean both = random.nextInt(4) == 0;
            for (int f = 0; f < 2; f++) {
                if (both || f == to) {
                    history.get(f).merge(key, new int[] {step}, UnloggedTest::append);
                }
            }
        }
        return history;
    }

    private static int[] append(int[] steps, int[] more) {
        int[] all = java.util.Arrays.copyOf(steps, steps.length + 1);
        all[steps.length] = more[0];
        return all;
    }
}
