package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Virtual and platform threads that write together, also when all virtual threads share one carrier: whoever waits for a flush must
 * leave its carrier to those who will do the flush. Each run is a JVM of its own, since the carriers are its.
 */
class VirtualThreadTest {
    private static final int VIRTUAL = 200;
    private static final int PLATFORM = 8;
    private static final int PUTS = 60;
    private static final int LIMIT_SECONDS = 120;

    @TempDir
    Path directory;

    /** The process: opens the store in a directory, writes with all threads at once, reads everything again. */
    static final class Writers {
        private Writers() {}

        public static void main(String[] arguments) throws Exception {
            Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
            // Small memtables: switching files takes the ownership of flushes under the append lock.
            try (Db db = Db.open(Path.of(arguments[0]), Options.defaults().withMemtableBytes(256 << 10))) {
                List<Thread> threads = new ArrayList<>();
                for (int t = 0; t < VIRTUAL + PLATFORM; t++) {
                    int writer = t;
                    Thread.Builder builder = t < VIRTUAL ? Thread.ofVirtual() : Thread.ofPlatform();
                    threads.add(builder.name("writer-" + t).start(() -> {
                        try {
                            write(db, writer);
                        } catch (Throwable e) {
                            failures.add(e);
                        }
                    }));
                }
                for (Thread thread : threads) {
                    thread.join();
                }
            }
            for (Throwable failure : failures) {
                failure.printStackTrace();
            }
            System.exit(failures.isEmpty() ? 0 : 1);
        }

        private static void write(Db db, int writer) {
            for (int i = 0; i < PUTS; i++) {
                boolean interrupted = i % 7 == 3;
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                db.put(key(writer, i), new byte[100], (writer + i) % 5 == 0 ? Durability.BUFFERED : Durability.SYNCED);
                assertEquals(interrupted, Thread.interrupted(), "the interrupt is the caller's still");
                assertArrayEquals(new byte[100], db.get(key(writer, i)));
            }
        }
    }

    private static byte[] key(int writer, int put) {
        return ByteBuffer.allocate(8).putInt(writer).putInt(put).array();
    }

    @Test
    void allOnOneCarrier() throws Exception {
        writeAndReadAgain(
                List.of("-Djdk.virtualThreadScheduler.parallelism=1", "-Djdk.virtualThreadScheduler.maxPoolSize=1"));
    }

    @Test
    void onAsManyCarriersAsProcessors() throws Exception {
        writeAndReadAgain(List.of());
    }

    private void writeAndReadAgain(List<String> options) throws Exception {
        Process writers = ChildJvm.start(List.of(), options, Writers.class, directory.toString());
        boolean ended = writers.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
        writers.destroyForcibly().waitFor();
        assertTrue(ended, "still writing after " + LIMIT_SECONDS + " s");
        assertEquals(0, writers.exitValue());
        try (Db db = Db.open(directory, Options.defaults())) {
            for (int writer = 0; writer < VIRTUAL + PLATFORM; writer++) {
                for (int i = 0; i < PUTS; i++) {
                    assertArrayEquals(new byte[100], db.get(key(writer, i)));
                }
            }
        }
    }
}
