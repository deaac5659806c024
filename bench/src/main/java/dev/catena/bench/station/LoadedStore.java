package dev.catena.bench.station;

import dev.catena.bench.KeyFormat;
import dev.catena.bench.Permutation;
import dev.catena.bench.ValueSource;
import dev.catena.engine.Db;
import dev.catena.engine.Durability;
import dev.catena.engine.Options;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** A store with keys in random order, all of whose blocks fit into its cache, below the working directory. */
@State(Scope.Benchmark)
@SuppressWarnings("NullAway.Init") // set up by JMH
public class LoadedStore {
    static final long KEYS = 200_000;
    private static final long SEED = 42;

    /** Where entries lie: {@code memtable}; {@code table}, the bottom level; {@code both}, a tenth of them in newer tables of level 0. */
    @Param({"memtable", "table", "both"})
    public String where;

    Db db;
    MemorySegment key;
    MemorySegment value;
    SplittableRandom random;
    private Path directory;

    /** Loads the store and reads all of it once. */
    @Setup(Level.Trial)
    public void open() throws IOException {
        directory = Files.createTempDirectory(Path.of(""), "stations-");
        db = Db.open(directory, Options.defaults().withCacheBytes(128L << 20).withLevelZeroTrigger(16));
        Arena arena = Arena.ofAuto();
        key = arena.allocate(KeyFormat.KEY_BYTES, 8);
        value = arena.allocate(ValueSource.VALUE_BYTES, 8);
        random = new SplittableRandom(SEED);
        ValueSource values = new ValueSource(SEED);
        Permutation order = new Permutation(KEYS, SEED);
        for (long i = 0; i < KEYS; i++) {
            put(order.at(i), values);
        }
        if (!where.equals("memtable")) {
            db.compact();
        }
        if (where.equals("both")) {
            for (int table = 0; table < 3; table++) {
                for (long i = 0; i < KEYS / 30; i++) {
                    put(random.nextLong(KEYS), values);
                }
                db.flush();
            }
        }
        for (long i = 0; i < KEYS; i++) {
            KeyFormat.write(key, i);
            if (db.get(key, value) != ValueSource.VALUE_BYTES) {
                throw new IllegalStateException("key " + i + " is not there");
            }
        }
    }

    private void put(long number, ValueSource values) {
        KeyFormat.write(key, number);
        values.next(value);
        db.put(key, value, Durability.BUFFERED);
    }

    /** Writes a random key that is there. */
    void draw() {
        KeyFormat.write(key, random.nextLong(KEYS));
    }

    /** Writes a random key that is not there, between two that are. */
    void drawAbsent() {
        draw();
        key.set(ValueLayout.JAVA_BYTE, KeyFormat.KEY_BYTES - 1, (byte) '1');
    }

    /** Closes and deletes it. */
    @TearDown(Level.Trial)
    public void close() {
        db.close();
        Db.destroy(directory);
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
