package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Interrupts change nothing: the JDK closes a {@link java.nio.channels.FileChannel} under everybody when one thread is interrupted while
 * it uses it, and that must happen to no file of a store.
 */
class InterruptTest {
    private static final int THREADS = 6;
    private static final int KEYS = 2000;
    private static final long EVERY_NANOS = 200_000;

    @TempDir
    Path directory;

    /** Small, so that there is much file I/O in the threads that write and read. */
    private static Options options() {
        return Options.defaults()
                .withMemtableBytes(64 << 10)
                .withTableBytes(64 << 10)
                .withLevelOneBytes(256 << 10)
                .withCacheBytes(1 << 20);
    }

    private static byte[] key(int thread, int number) {
        return ByteBuffer.allocate(8).putInt(thread).putInt(number).array();
    }

    private static byte[] value(int thread, int number) {
        byte[] value = new byte[300];
        new SplittableRandom((long) thread << 32 | number).nextBytes(value);
        return value;
    }

    @Test
    void openingAndClosing() {
        for (int i = 0; i < 3; i++) {
            Thread.currentThread().interrupt();
            try (Db db = Db.open(directory, options().withBackend("portable"))) {
                db.put(key(0, i), value(0, i), Durability.SYNCED);
                db.flush();
                for (int j = 0; j <= i; j++) {
                    assertArrayEquals(value(0, j), db.get(key(0, j)));
                }
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            }
            assertTrue(Thread.interrupted(), "the interrupt is the caller's still");
        }
    }

    @Test
    void portable() throws InterruptedException {
        writeAndRead(options().withBackend("portable"));
    }

    @Test
    void bestBackend() throws InterruptedException {
        writeAndRead(options());
    }

    private void writeAndRead(Options options) throws InterruptedException {
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        AtomicInteger running = new AtomicInteger(THREADS);
        try (Db db = Db.open(directory, options)) {
            List<Thread> threads = new ArrayList<>();
            for (int t = 0; t < THREADS; t++) {
                int thread = t;
                threads.add(new Thread(() -> {
                    try {
                        work(db, thread);
                    } catch (Throwable e) {
                        failures.add(e);
                    } finally {
                        running.decrementAndGet();
                    }
                }));
            }
            threads.forEach(Thread::start);
            while (running.get() > 0) {
                threads.forEach(Thread::interrupt);
                LockSupport.parkNanos(EVERY_NANOS);
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertEquals(List.of(), List.copyOf(failures));
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
        try (Db db = Db.open(directory, options)) {
            for (int t = 0; t < THREADS; t++) {
                for (int i = 0; i < KEYS; i++) {
                    assertArrayEquals(value(t, i), db.get(key(t, i)));
                }
            }
        }
    }

    private static void work(Db db, int thread) {
        SplittableRandom random = new SplittableRandom(thread);
        for (int i = 0; i < KEYS; i++) {
            db.put(key(thread, i), value(thread, i), i % 20 == 0 ? Durability.SYNCED : Durability.BUFFERED);
            int before = random.nextInt(i + 1);
            assertArrayEquals(value(thread, before), db.get(key(thread, before)));
            if (i % 300 == 299) {
                scan(db, thread, i + 1);
            }
        }
    }

    private static void scan(Db db, int thread, int keys) {
        try (DbIterator iterator = db.iterator()) {
            iterator.seek(key(thread, 0));
            for (int i = 0; i < keys; i++) {
                assertArrayEquals(key(thread, i), iterator.key());
                assertArrayEquals(value(thread, i), iterator.value());
                iterator.next();
            }
        }
    }
}
