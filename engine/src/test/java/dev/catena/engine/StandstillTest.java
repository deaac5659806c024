package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A device that stands still for a while: a file system in a loop-mounted image, which is frozen, so that what writes to it waits. */
@Timeout(120)
class StandstillTest {
    private static final double STANDSTILL_SECONDS = 1.5;
    /** In which the log's thread makes the file for the next log, on a machine that is not too busy. */
    private static final long SETTLING_NANOS = 300_000_000;

    private static final long LONGEST_NANOS = 400_000_000; // one sleep is 20 ms; the rest is for a busy machine

    @TempDir
    Path directory;

    /** Also where they begin another memtable and so another log. */
    @Test
    void putsGoOnInTheNextMemtable() throws IOException {
        assertPutsGoOn(Options.defaults().withMemtableBytes(4 << 20));
    }

    /** Also where the log's memory runs full. */
    @Test
    void putsGoOnInTheSameMemtable() throws IOException {
        assertPutsGoOn(Options.defaults());
    }

    /**
     * Unsynced puts go on while the log cannot be written or synced. The best of three times counts: it may begin just while the file
     * for the next log is made.
     */
    private void assertPutsGoOn(Options options) throws IOException {
        try (LoopDevice device = new LoopDevice(directory, 512 << 20, 512 << 20)) {
            Path store = device.path().resolve("store");
            long puts = 0;
            try (Db db = Db.open(store, options)) {
                List<String> outcomes = new ArrayList<>();
                boolean wentOn = false;
                while (!wentOn && outcomes.size() < 3) {
                    for (int i = 0; i < 12_000; i++) { // how long a flush takes is known then
                        put(db, puts++);
                    }
                    db.flush();
                    for (int i = 0; i < 3_500; i++) { // the memtable is full soon
                        put(db, puts++);
                    }
                    LockSupport.parkNanos(SETTLING_NANOS);
                    long before = puts;
                    long longest = 0;
                    // Another process ends it: should a put wait for that, it is not to wait for ever.
                    Process standstill = device.standStill(STANDSTILL_SECONDS);
                    for (long now = System.nanoTime(); standstill.isAlive(); ) {
                        put(db, puts++);
                        long after = System.nanoTime();
                        longest = Math.max(longest, after - now);
                        now = after;
                    }
                    wentOn = longest < LONGEST_NANOS && puts - before > 1000;
                    outcomes.add((puts - before) + " puts, the longest " + longest / 1_000_000 + " ms");
                }
                assertTrue(wentOn, outcomes.toString());
            }
            try (Db db = Db.open(store, options)) {
                for (long i = 0; i < puts; i++) {
                    assertArrayEquals(value(i), db.get(key(i)), "put " + i);
                }
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            }
        }
    }

    private static void put(Db db, long i) {
        db.put(key(i), value(i));
    }

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i * 0x9E3779B97F4A7C15L).array();
    }

    private static byte[] value(long i) {
        return ByteBuffer.allocate(1000).putLong(i).array();
    }
}
