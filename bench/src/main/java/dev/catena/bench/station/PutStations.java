package dev.catena.bench.station;

import dev.catena.bench.KeyFormat;
import dev.catena.bench.ValueSource;
import dev.catena.engine.Db;
import dev.catena.engine.Durability;
import dev.catena.engine.Options;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.memtable.Memtable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What a put costs: in all, and its checksum and its insertion into the memtable by themselves. What is allocated an operation includes what flushes and
 * compactions allocate meanwhile, of all their threads.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
public class PutStations {
    private static final long KEYS = 1_000_000;
    private static final long SEED = 42;

    /** Random keys, and values of 100 bytes. */
    @State(Scope.Thread)
    public static class Entries {
        private final Arena arena = Arena.ofAuto();
        private final SplittableRandom random = new SplittableRandom(SEED);
        private final ValueSource values = new ValueSource(SEED);
        final MemorySegment key = arena.allocate(KeyFormat.KEY_BYTES, 8);
        final MemorySegment value = arena.allocate(ValueSource.VALUE_BYTES, 8);

        void draw() {
            KeyFormat.write(key, random.nextLong(KEYS));
            values.next(value);
        }
    }

    /** An empty store. */
    @State(Scope.Benchmark)
    @SuppressWarnings("NullAway.Init") // set up by JMH
    public static class EmptyStore {
        Db db;
        private Path directory;

        /** Makes it. */
        @Setup(Level.Trial)
        public void open() throws IOException {
            directory = Files.createTempDirectory(Path.of(""), "stations-");
            db = Db.open(directory, Options.defaults());
        }

        /** Closes and deletes it. */
        @TearDown(Level.Trial)
        public void close() throws IOException {
            db.close();
            Db.destroy(directory);
            Files.deleteIfExists(directory);
        }
    }

    /** A memtable that is replaced when it is full. */
    @State(Scope.Thread)
    @SuppressWarnings("NullAway.Init") // set up by JMH
    public static class Inserting {
        private static final long BYTES = 64L << 20;

        private Memtable memtable;
        private long sequence;

        /** Makes it. */
        @Setup(Level.Trial)
        public void open() {
            memtable = new Memtable(BYTES);
        }

        void put(MemorySegment key, MemorySegment value) {
            if (memtable.memoryBytes() > BYTES) {
                memtable.release();
                memtable = new Memtable(BYTES);
            }
            memtable.put(++sequence, 1, key, 0, (int) key.byteSize(), value, 0, (int) value.byteSize());
        }

        /** Frees it. */
        @TearDown(Level.Trial)
        public void close() {
            memtable.release();
        }
    }

    /** Draws a key and a value: part of all others. */
    @Benchmark
    public long drawEntry(Entries entries) {
        entries.draw();
        return entries.key.byteSize();
    }

    /** A put that returns when it is in the log's memory. */
    @Benchmark
    public void putBuffered(EmptyStore store, Entries entries) {
        entries.draw();
        store.db.put(entries.key, entries.value, Durability.BUFFERED);
    }

    /** A put that returns when it is on the device. */
    @Benchmark
    public void putSynced(EmptyStore store, Entries entries) {
        entries.draw();
        store.db.put(entries.key, entries.value, Durability.SYNCED);
    }

    /** The checksum of key and value. */
    @Benchmark
    public int checksum(Entries entries) {
        entries.draw();
        return EntryChecksum.ofOperation(
                1, 0, entries.key.address(), (int) entries.key.byteSize(), entries.value.address(), (int)
                        entries.value.byteSize());
    }

    /** The insertion into a memtable. */
    @Benchmark
    public void insert(Inserting inserting, Entries entries) {
        entries.draw();
        inserting.put(entries.key, entries.value);
    }
}
