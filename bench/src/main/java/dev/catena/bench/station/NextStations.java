package dev.catena.bench.station;

import dev.catena.engine.DbIterator;
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

/** What a step of an iterator costs, and what it costs to have the entry. At the end it begins again. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
public class NextStations {
    private static final int SCAN = 50;

    /** An iterator that walks. */
    @State(Scope.Thread)
    @SuppressWarnings("NullAway.Init") // set up by JMH
    public static class Walk {
        DbIterator iterator;

        /** Opens it. */
        @Setup(Level.Iteration)
        public void open(LoadedStore store) {
            iterator = store.db.iterator();
            iterator.seekToFirst();
        }

        /** Closes it. */
        @TearDown(Level.Iteration)
        public void close() {
            iterator.close();
        }

        void step() {
            iterator.next();
            if (!iterator.isValid()) {
                iterator.seekToFirst();
            }
        }
    }

    /** A step up. */
    @Benchmark
    public void next(Walk walk) {
        walk.step();
    }

    /** A step up, and key and value copied into the caller's segments. */
    @Benchmark
    public long nextIntoSegments(Walk walk, LoadedStore store) {
        walk.step();
        return (long) walk.iterator.key(store.key) + walk.iterator.value(store.value);
    }

    /** A step up, and views of key and value. */
    @Benchmark
    public long nextViews(Walk walk) {
        walk.step();
        return walk.iterator.keySegment().byteSize()
                + walk.iterator.valueSegment().byteSize();
    }

    /** A step down. */
    @Benchmark
    public void prev(Walk walk) {
        walk.iterator.prev();
        if (!walk.iterator.isValid()) {
            walk.iterator.seekToLast();
        }
    }

    /** A new iterator, a seek to a random key, the 50 entries from there into the caller's segments, and the iterator's close. */
    @Benchmark
    public long scanOf50(LoadedStore store) {
        store.draw();
        long bytes = 0;
        try (DbIterator iterator = store.db.iterator()) {
            iterator.seek(store.key);
            for (int i = 0; i < SCAN && iterator.isValid(); i++) {
                bytes += iterator.key(store.key);
                bytes += iterator.value(store.value);
                iterator.next();
            }
        }
        return bytes;
    }

    /** A seek to a random key. */
    @Benchmark
    public boolean seek(Walk walk, LoadedStore store) {
        store.draw();
        walk.iterator.seek(store.key);
        return walk.iterator.isValid();
    }
}
