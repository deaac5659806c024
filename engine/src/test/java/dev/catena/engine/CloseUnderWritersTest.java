package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Closing while writers are slowed down, or have to wait for memtables to be written, which nobody does any more: they hear of it. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CloseUnderWritersTest {
    private static final int ROUNDS = 60;
    private static final int THREADS = 6;

    @TempDir
    Path directory;

    @Test
    void endsThemAll() throws InterruptedException {
        long seed = System.nanoTime();
        System.out.println("CloseUnderWritersTest seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Options options = Options.defaults().withMemtableBytes(64 << 10);
        for (int round = 0; round < ROUNDS; round++) {
            List<Thread> writers = new ArrayList<>();
            try (Db db = Db.open(directory, options)) {
                for (int t = 0; t < THREADS; t++) {
                    int number = t;
                    Thread.Builder kind = t % 2 == 0 ? Thread.ofPlatform() : Thread.ofVirtual();
                    writers.add(kind.start(() -> write(db, number)));
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(5, 60)));
            }
            for (Thread writer : writers) {
                assertTrue(writer.join(Duration.ofSeconds(20)), "a writer waits in a closed store");
            }
        }
    }

    private static void write(Db db, int thread) {
        try {
            for (long i = 0; ; i++) {
                db.put(ByteBuffer.allocate(12).putInt(thread).putLong(i).array(), new byte[1000]);
            }
        } catch (StoreClosedException e) {
            // That is how it ends.
        }
    }
}
