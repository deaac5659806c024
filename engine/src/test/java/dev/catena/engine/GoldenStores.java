package dev.catena.engine;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The stores that every later build must open: what each holds and how it is made. They lie in
 * {@code src/test/resources/golden/GENERATION/NAME}, and are never changed. A generation is what one build writes: 1 has tables, logs
 * and manifests of version 1; 2 has tables of version 2, the rest as before; 3 has tables of version 3, logs and manifests of version 2.
 * 4 adds orders of keys, checksums of keys in the log, and logs with gaps (logs and manifests of version 3). 5 has tables of version 4.
 * After a change of a format those of the next generation are made by
 *
 * <pre>mvn -o -Dfast -pl engine -am test -Dtest=GoldenStoreTest -Dsurefire.failIfNoSpecifiedTests=false -Dcatena.golden.write=GENERATION</pre>
 */
enum GoldenStores {
    /** Default options: a table, and a log of a store that was closed cleanly. */
    DEFAULTS(1, Options.defaults()) {
        @Override
        void fill(Target to) {
            for (int i = 0; i < 300; i++) {
                to.put(i, 1, 40);
            }
            to.flush();
            for (int i = 0; i < 300; i += 3) {
                to.delete(i);
            }
            to.put(7, 2, 5000);
            to.batch(280, 290);
        }
    },

    /** Blocks as they are, small ones, without filters. */
    PLAIN(
            1,
            Options.defaults()
                    .withCompression(Compression.NONE)
                    .withBlockBytes(512)
                    .withFilterBitsPerKey(0)) {
        @Override
        void fill(Target to) {
            for (int i = 0; i < 300; i++) {
                to.put(i, 1, 20);
            }
            to.flush();
            to.put(1, 2, 3000);
            to.delete(2);
            to.flush();
        }
    },

    /** Tables in levels 0, 1 and 2, of which some hide what others hold. */
    LEVELS(
            1,
            Options.defaults()
                    .withTableBytes(64 << 10)
                    .withLevelOneBytes(64 << 10)
                    .withLevelZeroTrigger(16)) {
        @Override
        void fill(Target to) {
            for (int table = 0; table < 9; table++) {
                for (int i = 0; i < 100; i++) {
                    to.put(i, table, 90); // so much that it is a case for level 2, and so little when merged
                }
                to.flush();
            }
            to.compact();
            to.reopen(options.withLevelZeroTrigger(2));
            for (int table = 0; table < 2; table++) {
                for (int i = 20; i < 60; i++) {
                    to.put(i, 10 + table, 30);
                }
                to.flush();
            }
            to.awaitLevelOne();
            to.reopen(options);
            for (int i = 0; i < 100; i += 7) {
                to.delete(i);
            }
            to.flush();
            to.put(3, 20, 10);
        }
    },

    /** Nothing but a log, as a crash leaves it. */
    LOG(1, Options.defaults()) {
        @Override
        void fill(Target to) {
            for (int i = 0; i < 200; i++) {
                to.put(i, 1, 30);
            }
            to.delete(5);
            to.batch(190, 205);
            to.crash();
        }
    },

    /** Blocks packed with ZSTD in the last level, above it with LZ4. */
    ZSTD(2, Options.defaults().withLastLevelCompression(Compression.ZSTD)) {
        @Override
        void fill(Target to) {
            for (int i = 0; i < 300; i++) {
                to.put(i, 1, 40);
            }
            to.compact();
            for (int i = 0; i < 300; i += 10) {
                to.put(i, 2, 100);
            }
            to.flush();
            to.delete(11);
        }
    },

    /** Families, operands and deletions of ranges, in tables and in the log of a store that was closed cleanly. */
    FAMILIES(3, withFamilies()) {
        @Override
        void fill(Target to) {
            fillFamilies(to, true);
        }
    },

    /** The same in nothing but a log, as a crash leaves it. */
    FAMILIES_LOG(3, withFamilies()) {
        @Override
        void fill(Target to) {
            fillFamilies(to, false);
            to.crash();
        }
    },

    /** Keys in other orders: a known one, and one of the program's own. */
    ORDERS(
            4,
            Options.defaults()
                    .withKeyComparator(KeyComparators.reverseUnsignedBytes())
                    .withColumnFamily(
                            "own", Options.defaults().withBlockBytes(512).withKeyComparator(new FromTheEnd()))) {
        @Override
        void fill(Target to) {
            to.family("own");
            for (String family : List.of(ColumnFamily.DEFAULT, "own")) {
                to.in(family);
                for (int i = 0; i < 300; i++) {
                    to.put(i, 1, 40);
                }
                to.compact();
                to.deleteRange(40, 20); // in one of the orders
                to.deleteRange(131, 271); // in the other
                to.put(35, 2, 20);
                to.flush();
                to.deleteRange(60, 50);
                to.deleteRange(105, 205);
                to.put(55, 2, 20);
            }
        }
    },

    /** Writes that were not logged, flushed and lost, among those that were, as a crash leaves them. */
    UNLOGGED(4, Options.defaults().withColumnFamily("lost", Options.defaults())) {
        @Override
        void fill(Target to) {
            to.family("lost");
            to.unlogged(0, 50, true);
            to.flush();
            for (int i = 50; i < 150; i++) {
                to.put(i, 1, 40);
            }
            to.in("lost");
            for (int i = 0; i < 100; i++) {
                to.put(i, 1, 40);
            }
            to.unlogged(200, 210, false);
            to.in(ColumnFamily.DEFAULT).put(160, 1, 40);
            to.crash();
        }
    };

    /** Compares the last bytes first. */
    private static final class FromTheEnd implements KeyComparator {
        @Override
        public String name() {
            return "from the end";
        }

        @Override
        public int compare(MemorySegment a, MemorySegment b) {
            long i = a.byteSize();
            long j = b.byteSize();
            while (i > 0 && j > 0) {
                int order = Byte.compareUnsigned(a.get(ValueLayout.JAVA_BYTE, --i), b.get(ValueLayout.JAVA_BYTE, --j));
                if (order != 0) {
                    return order;
                }
            }
            return Long.compare(i, j);
        }
    }

    private static final String COUNTERS = "counters";
    private static final String LISTS = "lists";
    private static final byte[] COMMA = {','};

    /** The first generation that has it. */
    final int since;

    final Options options;

    GoldenStores(int since, Options options) {
        this.since = since;
        this.options = options;
    }

    private static Options withFamilies() {
        return Options.defaults()
                .withColumnFamily("counters", Options.defaults().withMergeOperator(MergeOperators.counter()))
                .withColumnFamily(
                        "lists",
                        Options.defaults().withBlockBytes(512).withMergeOperator(MergeOperators.append(new byte[] {','
                        })));
    }

    private static void fillFamilies(Target to, boolean flushed) {
        to.family(COUNTERS);
        to.family(LISTS);
        to.family("dropped");
        for (int i = 0; i < 200; i++) {
            to.in(ColumnFamily.DEFAULT).put(i, 1, 30);
            to.in(COUNTERS).add(i % 120, i);
            to.in(LISTS).append(i % 100, i);
            to.in("dropped").put(i, 1, 30);
        }
        if (flushed) {
            to.in(ColumnFamily.DEFAULT).flush();
            to.in(COUNTERS).compact();
            to.in(LISTS).flush();
        }
        to.drop("dropped");
        to.in(ColumnFamily.DEFAULT).deleteRange(50, 60);
        to.deleteRange(55, 70);
        to.put(57, 2, 20);
        for (int i = 90; i < 110; i++) {
            to.in(COUNTERS).add(i, 1000);
            to.in(LISTS).append(i - 50, 1000 + i);
        }
        to.deleteRange(95, 98);
        if (flushed) {
            to.in(ColumnFamily.DEFAULT).flush();
            to.in(COUNTERS).flush();
            to.in(LISTS).flush();
        }
        to.in(COUNTERS).deleteRange(10, 20);
        to.add(15, 3);
        to.delete(30);
        to.in(LISTS).append(44, 7);
        to.append(44, 8);
        to.in(ColumnFamily.DEFAULT).deleteRange(100, 110);
        to.put(105, 3, 20);
        to.batch(280, 290);
    }

    abstract void fill(Target to);

    String directory() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What it holds, by column family. */
    Map<String, NavigableMap<byte[], byte[]>> contents() {
        Target model = new Target(null, options);
        fill(model);
        return model.models;
    }

    /** Makes it in a directory that does not exist; {@code work} is one for what comes before. */
    void write(Path work, Path directory) throws IOException {
        Target target = new Target(work, options);
        fill(target);
        if (!target.crashed) {
            target.close();
        }
        Files.createDirectories(directory);
        try (Stream<Path> files = Files.list(work)) {
            for (Path file : files.toList()) {
                String name = String.valueOf(file.getFileName());
                if (!name.startsWith("LOCK") && !name.startsWith("LOG")) {
                    byte[] bytes = Files.readAllBytes(file);
                    Files.write(directory.resolve(name), name.endsWith(".log") ? withoutZeros(bytes) : bytes);
                }
            }
        }
        target.close();
    }

    /** Without the zeros that were written ahead of use, but for the last block. */
    private static byte[] withoutZeros(byte[] log) {
        int end = log.length;
        while (end > 0 && log[end - 1] == 0) {
            end--;
        }
        return Arrays.copyOf(log, (end + 4095) / 4096 * 4096);
    }

    /** A store, or none, and sorted maps that get the same. Operations go to the family that was turned to last. */
    static final class Target {
        final Map<String, NavigableMap<byte[], byte[]>> models = new LinkedHashMap<>();
        private final @Nullable Path directory;
        private final Options options;
        private @Nullable Db db;
        private boolean crashed;
        private NavigableMap<byte[], byte[]> model;
        private String name = ColumnFamily.DEFAULT;

        Target(@Nullable Path directory, Options options) {
            this.directory = directory;
            db = directory == null ? null : Db.open(directory, options);
            this.options = options;
            model = newModel(name);
        }

        private NavigableMap<byte[], byte[]> newModel(String of) {
            KeyComparator order = options.ofFamily(of).keyComparator();
            return models.computeIfAbsent(
                    of,
                    _ -> new TreeMap<>((a, b) -> order.compare(MemorySegment.ofArray(a), MemorySegment.ofArray(b))));
        }

        /** The store's family that was turned to; null where there is no store. */
        private @Nullable ColumnFamily family() {
            return db == null ? null : Objects.requireNonNull(db.columnFamily(name));
        }

        /** Makes a column family. */
        void family(String made) {
            NavigableMap<byte[], byte[]> unused = newModel(made);
            if (db != null) {
                db.createColumnFamily(made, options.ofFamily(made));
            }
        }

        void drop(String dropped) {
            models.remove(dropped);
            if (db != null) {
                db.dropColumnFamily(Objects.requireNonNull(db.columnFamily(dropped)));
            }
        }

        /** Turns to a column family. */
        Target in(String other) {
            name = other;
            model = Objects.requireNonNull(models.get(other));
            return this;
        }

        static byte[] key(int i) {
            return "key%05d".formatted(i).getBytes(US_ASCII);
        }

        /** Half of the bytes compress. */
        static byte[] value(int i, int round, int bytes) {
            byte[] value = new byte[bytes];
            byte[] noise = new byte[bytes / 2];
            new Random(i * 1000L + round).nextBytes(noise);
            System.arraycopy(noise, 0, value, 0, noise.length);
            return value;
        }

        void put(int i, int round, int bytes) {
            model.put(key(i), value(i, round, bytes));
            ColumnFamily to = family();
            if (to != null) {
                to.put(key(i), value(i, round, bytes));
            }
        }

        void delete(int i) {
            model.remove(key(i));
            ColumnFamily to = family();
            if (to != null) {
                to.delete(key(i));
            }
        }

        void deleteRange(int from, int to) {
            if (Objects.requireNonNull(model.comparator()).compare(key(from), key(to)) < 0) {
                model.subMap(key(from), key(to)).clear();
            }
            ColumnFamily in = family();
            if (in != null) {
                in.deleteRange(key(from), key(to));
            }
        }

        /** Puts without logging. @param isKept whether it is flushed, or lost in a crash */
        void unlogged(int from, int to, boolean isKept) {
            for (int i = from; i < to; i++) {
                if (isKept) {
                    model.put(key(i), value(i, 1, 40));
                }
                ColumnFamily in = family();
                if (in != null) {
                    in.put(key(i), value(i, 1, 40), Durability.UNLOGGED);
                }
            }
        }

        /** Adds to a counter. */
        void add(int i, long number) {
            merge(
                    i,
                    MergeOperators.counter(),
                    ByteBuffer.allocate(Long.BYTES)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putLong(number)
                            .array());
        }

        /** Appends to a list. */
        void append(int i, int number) {
            merge(i, MergeOperators.append(COMMA), String.valueOf(number).getBytes(US_ASCII));
        }

        private void merge(int i, MergeOperator operator, byte[] operand) {
            model.put(key(i), operator.merge(key(i), model.get(key(i)), List.of(operand)));
            ColumnFamily to = family();
            if (to != null) {
                to.merge(key(i), operand);
            }
        }

        void batch(int from, int to) {
            Batch batch = new Batch();
            for (int i = from; i < to; i++) {
                if (i % 2 == 0) {
                    model.put(key(i), value(i, 30, 10));
                    batch.put(key(i), value(i, 30, 10));
                } else {
                    model.remove(key(i));
                    batch.delete(key(i));
                }
            }
            if (db != null) {
                db.write(batch, Durability.SYNCED);
            }
        }

        void flush() {
            ColumnFamily of = family();
            if (of != null) {
                of.flush();
            }
        }

        void compact() {
            ColumnFamily of = family();
            if (of != null) {
                of.compact();
            }
        }

        void reopen(Options options) {
            if (db != null && directory != null) {
                db.close();
                db = Db.open(directory, options);
            }
        }

        /** Waits until level 0 has been compacted. */
        void awaitLevelOne() {
            while (db != null && db.stats().levels().get(0).tables() > 0) {
                Thread.onSpinWait();
            }
        }

        /** What is in the directory now is what is kept, and all that was logged is. */
        void crash() {
            crashed = true;
            if (db != null) {
                db.write(new Batch(), Durability.SYNCED);
            }
        }

        void close() {
            if (db != null) {
                db.close();
            }
        }
    }
}
