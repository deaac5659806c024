package dev.catena.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.LongConsumer;
import org.HdrHistogram.Histogram;

/**
 * A store filled with far more than memory holds, and then overwritten: puts of N keys, each once, in random order, unsynced and as fast as they go,
 * by the calling thread; a pass after another, each in an order of its own. Values are random bytes, which no compression makes smaller.
 *
 * <p>A put's time is that of the call alone. Long ones are looked into while they last ({@link PutWatch}).
 */
public final class Soak {
    /** A put from this time on is counted as long, in nanoseconds. */
    public static final long LIMIT_NANOS = 100_000_000;

    private static final long LONGEST_NANOS = 600_000_000_000L;
    private static final int DIGITS = 3;
    private static final int RANDOM_BYTES = 4 << 20;

    private final KeyValueStore store;
    private final long keys;
    private final long seed;
    private final byte[] random;

    /**
     * What a pass gave.
     *
     * @param puts how many
     * @param nanos how long all took, in nanoseconds
     * @param latencies of the puts, in nanoseconds
     * @param overLimit puts of {@link #LIMIT_NANOS} and more
     * @param longPuts where those of 20 ms and more were
     */
    public record Pass(long puts, long nanos, Histogram latencies, long overLimit, List<PutWatch.Place> longPuts) {}

    /** Of a store whose sessions' values have {@code valueBytes}, at most 1 MiB. */
    public Soak(KeyValueStore store, long keys, int valueBytes, long seed) {
        if (valueBytes < 1 || valueBytes > RANDOM_BYTES / 4) {
            throw new IllegalArgumentException("values of " + valueBytes + " bytes: 1 to " + RANDOM_BYTES / 4);
        }
        this.store = store;
        this.keys = keys;
        this.seed = seed;
        random = new byte[RANDOM_BYTES];
        new SplittableRandom(seed).nextBytes(random);
    }

    /** Puts every key once, in an order that is the pass's own; tells how many after each hundredth. */
    public Pass pass(int number, LongConsumer progress) {
        Permutation order = new Permutation(keys, seed + number);
        SplittableRandom places = new SplittableRandom(seed - number);
        Histogram latencies = new Histogram(LONGEST_NANOS, DIGITS);
        long overLimit = 0;
        long next = Math.max(1, keys / 100);
        long step = next;
        try (KeyValueStore.Session session = store.session();
                PutWatch watch = new PutWatch()) {
            MemorySegment value = session.value();
            int bytes = (int) value.byteSize();
            long first = System.nanoTime();
            for (long i = 0; i < keys; i++) {
                KeyFormat.write(session.key(), order.at(i));
                MemorySegment.copy(
                        random, places.nextInt(RANDOM_BYTES - bytes), value, ValueLayout.JAVA_BYTE, 0, bytes);
                long began = System.nanoTime();
                watch.begin(began);
                session.put(false);
                long now = System.nanoTime();
                watch.end(began, now);
                latencies.recordValue(Math.min(now - began, LONGEST_NANOS));
                if (now - began >= LIMIT_NANOS) {
                    overLimit++;
                }
                if (i + 1 == next) {
                    progress.accept(next);
                    next += step;
                }
            }
            return new Pass(keys, System.nanoTime() - first, latencies, overLimit, watch.take());
        }
    }
}
