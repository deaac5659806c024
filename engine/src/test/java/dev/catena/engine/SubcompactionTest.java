package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compactions in parts give what they give in one, and all or nothing. */
class SubcompactionTest {
    private static final int KEYS = 6_000;

    @TempDir
    private Path directory;

    /** Appends, and notes which threads ask it to. */
    private static final class Noting implements MergeOperator {
        final Set<String> threads = ConcurrentHashMap.newKeySet();

        @Override
        public String name() {
            return "noting";
        }

        @Override
        public byte[] merge(byte[] key, byte[] base, List<byte[]> operands) {
            threads.add(Thread.currentThread().getName());
            StringBuilder all = new StringBuilder(base == null ? "" : new String(base, StandardCharsets.UTF_8));
            operands.forEach(operand -> all.append(new String(operand, StandardCharsets.UTF_8)));
            return all.toString().getBytes(StandardCharsets.UTF_8);
        }
    }

    private static Options options(int parts, MergeOperator operator, KeyComparator order) {
        return Options.defaults()
                .withMemtableBytes(256 << 10)
                .withTableBytes(64 << 10)
                .withBlockBytes(512)
                .withLevelOneBytes(256 << 10)
                .withMergeOperator(operator)
                .withKeyComparator(order)
                .withMaxSubcompactions(parts);
    }

    private static byte[] key(Random random) {
        int number = random.nextInt(KEYS);
        byte[] key = new byte[number % 3 == 0 ? 5 : 4]; // some begin others
        return ByteBuffer.wrap(key).putInt(number / 2).array();
    }

    /** The same operations, snapshots among them, whatever the options; what each snapshot sees, and what is there at the end. */
    private List<String> run(long seed, Options options, boolean ranges) {
        Random random = new Random(seed);
        List<String> seen = new ArrayList<>();
        List<Snapshot> snapshots = new ArrayList<>();
        Path store = directory.resolve("store" + seed + ranges + options.maxSubcompactions()
                + options.keyComparator().name());
        try (Db db = Db.open(store, options)) {
            for (int i = 0; i < 60_000; i++) {
                byte[] key = key(random);
                byte[] value = ("v" + i + "-".repeat(random.nextInt(60))).getBytes(StandardCharsets.UTF_8);
                switch (random.nextInt(10)) {
                    case 0 -> db.delete(key);
                    case 1, 2 -> db.merge(key, (i + ",").getBytes(StandardCharsets.UTF_8));
                    default -> db.put(key, value, Durability.BUFFERED);
                }
                if (ranges && i % 2_000 == 500) {
                    byte[] end = key(random);
                    boolean inOrder = options.keyComparator().name().contains("reverse")
                            ? ByteBuffer.wrap(key).getInt()
                                    >= ByteBuffer.wrap(end).getInt()
                            : ByteBuffer.wrap(key).getInt()
                                    <= ByteBuffer.wrap(end).getInt();
                    if (inOrder
                            && Math.abs(ByteBuffer.wrap(key).getInt()
                                            - ByteBuffer.wrap(end).getInt())
                                    < KEYS / 8) {
                        db.deleteRange(key, end);
                    }
                }
                if (i % 15_000 == 9_000) {
                    snapshots.add(db.snapshot());
                }
                if (i % 20_000 == 19_000) {
                    db.compact();
                }
            }
            db.compact();
            for (Snapshot snapshot : snapshots) {
                try (DbIterator iterator = db.iterator(snapshot)) {
                    addAll(seen, iterator);
                }
            }
            snapshots.forEach(Snapshot::close);
            db.compact();
            db.compact(null, new byte[] {0, 0, 5}).join();
            try (DbIterator iterator = db.iterator()) {
                addAll(seen, iterator);
            }
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            seen.add("entries "
                    + db.stats().levels().stream()
                            .mapToLong(Stats.Level::entries)
                            .sum());
        }
        return seen;
    }

    private static void addAll(List<String> seen, DbIterator iterator) {
        for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
            seen.add(java.util.HexFormat.of().formatHex(iterator.key()) + " "
                    + new String(iterator.value(), StandardCharsets.UTF_8));
        }
        seen.add("end");
    }

    @Test
    void partsGiveWhatTheWholeGives() {
        long seed = Long.getLong("catena.seed", System.nanoTime());
        System.out.println("SubcompactionTest seed " + seed);
        for (KeyComparator order : List.of(KeyComparators.unsignedBytes(), KeyComparators.reverseUnsignedBytes())) {
            for (boolean ranges : new boolean[] {false, true}) {
                Noting operator = new Noting();
                List<String> parts = run(seed, options(4, operator, order), ranges);
                boolean canSplit = !ranges || order.equals(KeyComparators.unsignedBytes());
                if (canSplit) {
                    assertTrue(operator.threads.contains("catena-compact-2"), () -> "merged by " + operator.threads);
                }
                assertEquals(run(seed, options(1, new Noting(), order), ranges), parts);
            }
        }
    }

    /** Damage that the last part meets: nothing of what the others wrote is left. */
    @Test
    void allPartsFailWithOne() throws Exception {
        Options options =
                options(4, new Noting(), KeyComparators.unsignedBytes()).withLevelZeroTrigger(16);
        Path store = directory.resolve("store");
        try (Db db = Db.open(store, options.withMemtableBytes(4 << 20).withTableBytes(256 << 10))) {
            for (int round = 0; round < 2; round++) {
                for (int i = 0; i < 12_000; i++) {
                    db.put(ByteBuffer.allocate(4).putInt(i).array(), new byte[100], Durability.BUFFERED);
                }
                db.flush();
            }
            List<Path> tables = tables(store);
            assertEquals(2, tables.size());
            Path damaged = tables.getFirst();
            try (RandomAccessFile file = new RandomAccessFile(damaged.toFile(), "rw")) {
                long at = file.length() * 7 / 10; // of the data, filters and index follow
                file.seek(at);
                int before = file.read();
                file.seek(at);
                file.write(before ^ 1);
            }
            CorruptionException told = assertThrows(CorruptionException.class, db::compact);
            assertEquals(damaged.getFileName(), told.file().getFileName());
            assertEquals(tables, tables(store), "what other parts wrote is left");
            assertArrayEquals(
                    new byte[100], db.get(ByteBuffer.allocate(4).putInt(1).array()));
            db.put(new byte[] {1}, new byte[] {1}, Durability.SYNCED);
        }
    }

    private static List<Path> tables(Path store) throws IOException {
        try (Stream<Path> files = Files.list(store)) {
            return files.filter(file -> file.toString().endsWith(".table"))
                    .sorted(Comparator.naturalOrder())
                    .toList();
        }
    }
}
