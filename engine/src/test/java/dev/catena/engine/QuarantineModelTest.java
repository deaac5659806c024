package dev.catena.engine;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.io.chain.ChainRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random stores of which tables cannot be opened: whatever is read is as a model has it, or throws; and it throws only where one of those tables
 * has keys. Then the stores are written on, read again, and repaired.
 */
class QuarantineModelTest {
    private static final int STORES = Boolean.getBoolean("catena.long") ? 2000 : 10;
    private static final int KEYS = 300;

    @TempDir
    private Path directory;

    private final long seed = Long.getLong("catena.seed", System.nanoTime());
    private Random random = new Random(seed);
    private final TreeMap<String, String> model = new TreeMap<>();
    private List<StoreDamage> damages = List.of();
    private int answered;
    private int refused;

    /** Small tables, few of them in level 0. */
    private Options options() {
        return Options.defaults()
                .withMemtableBytes(1 << 20)
                .withTableBytes(64 << 10)
                .withLevelOneBytes(128 << 10)
                .withLevelZeroTrigger(2 + random.nextInt(6))
                .withCompression(Compression.NONE)
                .withScrubBytesPerSecond(0)
                .withMergeOperator(MergeOperators.append(new byte[] {','}));
    }

    private static String key(int i) {
        return "k%03d".formatted(i);
    }

    private String key() {
        return key(random.nextInt(KEYS));
    }

    private void write(Db db, int operations) {
        for (int i = 0; i < operations; i++) {
            int kind = random.nextInt(100);
            String key = key();
            String value = "v".repeat(random.nextInt(2000)) + i;
            if (kind < 70) {
                db.put(key.getBytes(UTF_8), value.getBytes(UTF_8), Durability.BUFFERED);
                model.put(key, value);
            } else if (kind < 80) {
                db.delete(key.getBytes(UTF_8), Durability.BUFFERED);
                model.remove(key);
            } else if (kind < 94) {
                db.merge(key.getBytes(UTF_8), value.getBytes(UTF_8), Durability.BUFFERED);
                model.merge(key, value, (before, operand) -> before + "," + operand);
            } else if (kind < 96) {
                String end = key(Math.min(KEYS, Integer.parseInt(key.substring(1)) + 1 + random.nextInt(20)));
                db.deleteRange(key.getBytes(UTF_8), end.getBytes(UTF_8), Durability.BUFFERED);
                model.subMap(key, end).clear();
            } else if (kind < 99) {
                db.flush();
            } else if (damages.isEmpty() && random.nextInt(3) == 0) {
                db.compact();
            }
        }
    }

    /** Whether one of the tables may have keys of a range, ends included; null for no bound. */
    private boolean isConcerned(@Nullable String from, @Nullable String to) {
        return damages.stream()
                .anyMatch(damage -> (to == null || new String(damage.smallestKey(), UTF_8).compareTo(to) <= 0)
                        && (from == null || new String(damage.largestKey(), UTF_8).compareTo(from) >= 0));
    }

    /** What a read of keys of a range gave; null when it said that they are damaged. */
    private <T> T read(@Nullable String from, @Nullable String to, T whenDamaged, Supplier<T> read) {
        try {
            T found = read.get();
            answered++;
            return found;
        } catch (CorruptionException e) {
            assertTrue(isConcerned(from, to), () -> "no table has keys from " + from + " to " + to + ": " + e);
            refused++;
            return whenDamaged;
        }
    }

    private static String text(byte @Nullable [] bytes) {
        return bytes == null ? "none" : new String(bytes, UTF_8);
    }

    private void check(Db db, @Nullable Snapshot snapshot, TreeMap<String, String> expected) {
        for (int i = 0; i < KEYS; i++) {
            String key = key(i);
            String value = expected.getOrDefault(key, "none");
            byte[] bytes = key.getBytes(UTF_8);
            assertEquals(
                    value,
                    read(key, key, value, () -> text(snapshot == null ? db.get(bytes) : db.get(bytes, snapshot))));
        }
        for (int i = 0; i < 20; i++) {
            List<String> keys = Stream.generate(this::key)
                    .limit(1 + random.nextInt(4))
                    .sorted()
                    .toList();
            List<String> values =
                    keys.stream().map(key -> expected.getOrDefault(key, "none")).toList();
            List<byte[]> bytes = keys.stream().map(key -> key.getBytes(UTF_8)).toList();
            assertEquals(
                    values,
                    read(
                            keys.getFirst(),
                            keys.getLast(),
                            values,
                            () -> (snapshot == null ? db.multiGet(bytes) : db.multiGet(bytes, snapshot))
                                    .stream().map(QuarantineModelTest::text).toList()));
        }
        for (int i = 0; i < 30; i++) {
            walk(db, snapshot, expected);
        }
    }

    /** Seeks, and moves some steps to and fro. */
    private void walk(Db db, @Nullable Snapshot snapshot, TreeMap<String, String> expected) {
        IteratorOptions bounds = IteratorOptions.defaults();
        String lower = key();
        String upper = key();
        boolean bounded = random.nextBoolean() && lower.compareTo(upper) < 0;
        bounds = bounded ? bounds.withLowerBound(lower.getBytes(UTF_8)).withUpperBound(upper.getBytes(UTF_8)) : bounds;
        bounds = snapshot == null ? bounds : bounds.withSnapshot(snapshot);
        TreeMap<String, String> within = bounded ? new TreeMap<>(expected.subMap(lower, upper)) : expected;
        try (DbIterator iterator = db.iterator(bounds)) {
            String at = key();
            boolean up = random.nextBoolean();
            Map.Entry<String, String> entry = up ? within.ceilingEntry(at) : within.floorEntry(at);
            byte[] target = at.getBytes(UTF_8);
            for (int step = 0; step < 40; step++) {
                Map.Entry<String, String> next = entry;
                String from = up ? at : next == null ? (bounded ? lower : null) : next.getKey();
                String to = !up ? at : next == null ? (bounded ? upper : null) : next.getKey();
                boolean first = step == 0;
                boolean forward = up;
                boolean moved = read(from, to, false, () -> {
                    if (first && forward) {
                        iterator.seek(target);
                    } else if (first) {
                        iterator.seekForPrev(target);
                    } else if (forward) {
                        iterator.next();
                    } else {
                        iterator.prev();
                    }
                    return true;
                });
                if (!moved) {
                    assertFalse(iterator.isValid());
                    return;
                }
                assertEquals(next != null, iterator.isValid(), () -> "from " + from + " to " + to);
                if (next == null) {
                    return;
                }
                assertEquals(next.getKey(), text(iterator.key()));
                assertEquals(next.getValue(), text(iterator.value()));
                at = next.getKey();
                up = random.nextInt(10) == 0 ? !up : up;
                entry = up ? within.higherEntry(at) : within.lowerEntry(at);
            }
        }
    }

    private static List<Path> tables(Path store) throws IOException {
        try (Stream<Path> files = Files.list(store)) {
            return files.filter(file -> file.toString().endsWith(".table"))
                    .sorted(Comparator.naturalOrder())
                    .toList();
        }
    }

    @Test
    void everyAnswerIsTheModels() throws IOException {
        try (ChainRuntime _ = ChainRuntime.acquire(null)) { // kept, as opening is faster then
            runAll();
        }
        System.out.println(
                "QuarantineModelTest seed " + seed + ": " + answered + " reads answered, " + refused + " not");
        assertTrue(answered > 100 * STORES && refused > 10 * STORES);
    }

    private void runAll() throws IOException {
        for (int i = 0; i < STORES; i++) {
            long seedOfStore = seed + i;
            random = new Random(seedOfStore);
            model.clear();
            damages = List.of();
            try {
                run(directory.resolve("db" + i));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("-Dcatena.seed=" + seedOfStore, e);
            }
        }
    }

    private void run(Path store) throws IOException {
        try (Db db = Db.open(store, options())) {
            write(db, 200 + random.nextInt(1500));
            db.flush();
        }
        List<Path> tables = new ArrayList<>(tables(store));
        for (int i = random.nextInt(4) / 3; i >= 0 && !tables.isEmpty(); i--) {
            TableDamage[] kinds = TableDamage.values();
            kinds[random.nextInt(kinds.length)].to(tables.remove(random.nextInt(tables.size())));
        }
        try (Db db = Db.openReadOnly(store, options())) {
            damages = db.damages();
            assertFalse(damages.isEmpty());
            check(db, null, model);
        }
        try (Db db = Db.open(store, options())) {
            assertEquals(damages.toString(), db.damages().toString());
            check(db, null, model);
            try (Snapshot snapshot = db.snapshot()) {
                TreeMap<String, String> then = new TreeMap<>(model);
                write(db, random.nextInt(800));
                check(db, null, model);
                check(db, snapshot, then);
            }
        }
        try (Db db = Db.open(store, options())) {
            assertEquals(damages.toString(), db.damages().toString());
            check(db, null, model);
            for (StoreDamage damage : damages) {
                byte[] smallest = damage.smallestKey();
                byte[] behind = Arrays.copyOf(damage.largestKey(), damage.largestKey().length + 1);
                db.deleteRange(smallest, behind);
                model.subMap(new String(smallest, UTF_8), new String(behind, UTF_8))
                        .clear();
            }
            write(db, random.nextInt(100));
            check(db, null, model);
            db.compact();
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            damages = List.of();
            check(db, null, model);
        }
        try (Db db = Db.open(store, options())) {
            assertEquals(List.of(), db.damages());
            check(db, null, model);
            write(db, 100);
            check(db, null, model);
        }
        Db.destroy(store);
    }
}
