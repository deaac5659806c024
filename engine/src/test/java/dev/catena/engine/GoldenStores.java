package dev.catena.engine;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The stores that every later build must open: what each holds and how it is made. Those of each format version lie in
 * {@code src/test/resources/golden/VERSION/NAME}, and are never changed. After a change of a format those of the new version are made
 * by
 *
 * <pre>mvn -o -Dfast -pl engine -am test -Dtest=GoldenStoreTest -Dsurefire.failIfNoSpecifiedTests=false -Dcatena.golden.write=VERSION</pre>
 */
enum GoldenStores {
    /** Default options: a table, and a log of a store that was closed cleanly. */
    DEFAULTS(Options.defaults()) {
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
    PLAIN(Options.defaults()
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
    LEVELS(Options.defaults()
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
    LOG(Options.defaults()) {
        @Override
        void fill(Target to) {
            for (int i = 0; i < 200; i++) {
                to.put(i, 1, 30);
            }
            to.delete(5);
            to.batch(190, 205);
            to.crash();
        }
    };

    final Options options;

    GoldenStores(Options options) {
        this.options = options;
    }

    abstract void fill(Target to);

    String directory() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    /** What it holds. */
    NavigableMap<byte[], byte[]> contents() {
        Target model = new Target(null, options);
        fill(model);
        return model.model;
    }

    /** Makes it in a directory that does not exist; {@code work} is one for what comes before. */
    void write(Path work, Path directory) throws IOException {
        Target target = new Target(work, options);
        fill(target);
        if (!target.crashed) {
            target.db.close();
        }
        Files.createDirectories(directory);
        try (Stream<Path> files = Files.list(work)) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (!name.startsWith("LOCK") && !name.startsWith("LOG")) {
                    byte[] bytes = Files.readAllBytes(file);
                    Files.write(directory.resolve(name), name.endsWith(".log") ? withoutZeros(bytes) : bytes);
                }
            }
        }
        target.db.close();
    }

    /** Without the zeros that were written ahead of use, but for the last block. */
    private static byte[] withoutZeros(byte[] log) {
        int end = log.length;
        while (end > 0 && log[end - 1] == 0) {
            end--;
        }
        return Arrays.copyOf(log, (end + 4095) / 4096 * 4096);
    }

    /** A store, or none, and a sorted map that gets the same. */
    static final class Target {
        final NavigableMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);
        private final Path directory;
        private Db db;
        private boolean crashed;

        Target(Path directory, Options options) {
            this.directory = directory;
            db = directory == null ? null : Db.open(directory, options);
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
            if (db != null) {
                db.put(key(i), value(i, round, bytes));
            }
        }

        void delete(int i) {
            model.remove(key(i));
            if (db != null) {
                db.delete(key(i));
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
            if (db != null) {
                db.flush();
            }
        }

        void compact() {
            if (db != null) {
                db.compact();
            }
        }

        void reopen(Options options) {
            if (db != null) {
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

        /** What is in the directory now is what is kept. */
        void crash() {
            crashed = true;
        }
    }
}
