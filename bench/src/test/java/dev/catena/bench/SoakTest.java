package dev.catena.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** The soak puts what it says, and finds out where a long put is. */
final class SoakTest {
    private static final int KEYS = 1000;

    @Test
    void everyPassPutsEveryKeyOnce() {
        MapStore store = new MapStore();
        Soak soak = new Soak(store, KEYS, ValueSource.VALUE_BYTES, 1);
        long[] told = {0};
        for (int pass = 0; pass < 2; pass++) {
            told[0] = 0;
            Soak.Pass result = soak.pass(pass, done -> told[0] = done);
            assertEquals(KEYS, result.puts());
            assertEquals(KEYS, result.latencies().getTotalCount());
            assertEquals(KEYS, told[0]);
            assertEquals((pass + 1L) * KEYS, store.puts.get());
            assertEquals(KEYS, store.entries.size());
            assertEquals(KEYS - 1, store.entries.lastKey());
        }
    }

    @Test
    void aLongPutIsFoundWhereItWaits() {
        try (PutWatch watch = new PutWatch()) {
            long began = System.nanoTime();
            watch.begin(began);
            waitLong();
            watch.end(began, System.nanoTime());
            PutWatch.Place place = watch.take().getFirst();
            assertTrue(place.where().contains("SoakTest.waitLong"), place.where());
            assertEquals(1, place.puts());
            assertTrue(place.longestNanos() >= 200_000_000, () -> "" + place);
            assertTrue(watch.take().isEmpty());
        }
    }

    private static void waitLong() {
        long until = System.nanoTime() + 200_000_000;
        while (System.nanoTime() < until) {
            LockSupport.parkNanos(until - System.nanoTime());
        }
    }
}
