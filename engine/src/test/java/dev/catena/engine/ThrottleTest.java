package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Writers are slowed down rather than stopped; in a time of the test's own. */
class ThrottleTest {
    private static final long MEMTABLE = 64 << 20;
    private static final double FLUSH_NANOS = 1e9;

    /** Writers four times as fast as the flush do not fill the second memtable before the flush of the first ends, but nearly. */
    @Test
    void theMemtableIsFullWhenTheFlushEnds() {
        Throttle throttle = new Throttle();
        for (int i = 0; i < 20; i++) {
            throttle.flushed(MEMTABLE, (long) FLUSH_NANOS);
        }
        double now = 0;
        long used = 0;
        while (now < FLUSH_NANOS) {
            long delay = throttle.delayNanos(0, 0, (double) used / MEMTABLE, 128, (long) now);
            assertTrue(delay <= Throttle.SLEEP_NANOS_MAX, delay + " ns");
            now += delay + 128 * FLUSH_NANOS / 4 / MEMTABLE;
            used += 128;
            assertTrue(used < MEMTABLE, "full after " + now + " ns");
        }
        assertTrue(used > 0.85 * MEMTABLE, used + " bytes only: slower than need be");
    }

    /** When the device stands still writers go on for seconds, ever slower, rather than one of them for none. */
    @Test
    void whatTakesFarLongerThanBeforeStopsNobody() {
        for (long room : new long[] {MEMTABLE, 8 << 20}) { // a memtable, the log's memory
            for (int bytes : new int[] {128, 1024}) {
                Throttle throttle = new Throttle();
                for (int i = 0; i < 20; i++) {
                    throttle.flushed(MEMTABLE, (long) FLUSH_NANOS);
                }
                long now = 0;
                long used = 0;
                while (now < 3 * FLUSH_NANOS) {
                    long delay = throttle.delayNanos(0, 0, (double) used / room, bytes, now);
                    assertTrue(delay <= Throttle.SLEEP_NANOS_MAX, delay + " ns");
                    now += delay + 1000;
                    used += bytes;
                    assertTrue(used <= room, room + " bytes full after " + now + " ns, by " + bytes);
                }
            }
        }
    }

    /** Writes go on at the rate that is due, whether the writer itself takes time for them or none. */
    @Test
    void writersArePaced() {
        for (int bytes : new int[] {10, 100, 1000}) {
            for (double share : new double[] {0, 0.3, 0.9}) { // of the time that a write may take, it takes anyway
                assertRate(64 << 20, Throttle.SLOW_TABLES, 0, 0, bytes, share);
                assertRate(4 << 20, Throttle.STOP_TABLES, 0, 0, bytes, share);
                assertRate(4 << 20, 0, 1, 0, bytes, share);
                assertRate(16 << 20, 0, 0.5, 0, bytes, share);
                assertRate(
                        32 << 20, 0, 0, 0.8125, bytes, share); // of a flush with 64 MiB a second, 8/3 of what is left
            }
        }
    }

    private static void assertRate(double rate, int tables, double owed, double full, int bytes, double share) {
        Throttle throttle = new Throttle();
        long now = 0;
        long written = 0;
        while (written < rate / 4) {
            now += throttle.delayNanos(tables, owed, full, bytes, now) + (long) (share * bytes / rate * 1e9);
            written += bytes;
        }
        double found = written * 1e9 / now;
        String what = tables + " tables, " + owed + " owed, " + full + " full, " + bytes + " bytes: " + found
                + " instead of " + rate + " bytes a second";
        // After a sleep nothing is owed: what the next write takes itself is not counted.
        assertTrue(found > (share == 0 ? 0.98 : 0.93) * rate && found < 1.02 * rate, what);
    }

    @Test
    void nobodyIsHeldBackWithoutNeed() {
        Throttle throttle = new Throttle();
        for (int i = 0; i < 100_000; i++) {
            assertEquals(0, throttle.delayNanos(Throttle.SLOW_TABLES - 1, 0, 0.5, 1000, i));
        }
    }

    /** A large value's delay is taken in pieces, none of them long. */
    @Test
    void aLargeValueIsNotHeldForLong() {
        Throttle throttle = new Throttle();
        long now = throttle.delayNanos(Throttle.STOP_TABLES - 1, 0, 0, 64 << 20, 0);
        assertEquals(Throttle.SLEEP_NANOS_MAX, now);
        for (int i = 0; i < 100; i++) {
            long held = throttle.delayNanos(Throttle.STOP_TABLES - 1, 0, 0, 100, now);
            assertEquals(Throttle.SLEEP_NANOS_MAX, held);
            now += held;
        }
    }

    @Test
    void moreTablesMeanMoreDelay() {
        double before = 0;
        for (int tables = Throttle.SLOW_TABLES; tables < Throttle.STOP_TABLES; tables++) {
            Throttle throttle = new Throttle();
            long held = 0;
            for (int i = 0; i < 10_000; i++) {
                held += throttle.delayNanos(tables, 0, 0, 1000, held);
            }
            assertTrue(held > 1.1 * before, tables + " tables: " + held + " after " + before);
            before = held;
        }
    }

    /** What compactions owe slows writes as level 0 does, from nothing to a crawl, and never stops them. */
    @Test
    void moreDebtMeansMoreDelay() {
        Options options = Options.defaults();
        assertTrue(Throttle.owed(100.0 * options.levelOneBytes(), options) < 0);
        double before = 0;
        for (double times = 140; times < 512; times += 40) {
            Throttle throttle = new Throttle();
            double owed = Throttle.owed(times * options.levelOneBytes(), options);
            long held = 0;
            for (int i = 0; i < 10_000; i++) {
                held += throttle.delayNanos(0, owed, 0, 1000, held);
            }
            assertTrue(held > 1.1 * before, times + " times: " + held + " after " + before);
            before = held;
        }
        Throttle throttle = new Throttle();
        long held = throttle.delayNanos(0, 1000, 0, 1 << 20, 0);
        assertTrue(held > 0 && held <= Throttle.SLEEP_NANOS_MAX, held + " ns");
    }
}
