package dev.catena.bench.station;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Warmup;

/** What a lookup costs, by where its key lies; the drawing of the key alone is {@link #drawKey}. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
public class GetStations {
    /** Draws and writes a random key: part of all others. */
    @Benchmark
    public long drawKey(LoadedStore store) {
        store.draw();
        return store.key.byteSize();
    }

    /** Copies the value into the caller's segment. */
    @Benchmark
    public long getIntoSegment(LoadedStore store) {
        store.draw();
        return store.db.get(store.key, store.value);
    }

    /** A key that is not there: filters only, nearly always. */
    @Benchmark
    public long getAbsent(LoadedStore store) {
        store.drawAbsent();
        return store.db.get(store.key, store.value);
    }
}
