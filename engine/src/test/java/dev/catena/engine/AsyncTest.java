package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Futures of writes and reads: completed when durable, with what went wrong, and all of them when the store is closed. */
@Timeout(120)
class AsyncTest {
    @TempDir
    Path directory;

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i).array();
    }

    private static Batch put(long i) {
        return new Batch().put(key(i), new byte[100]);
    }

    private static Throwable failure(CompletableFuture<?> future) throws InterruptedException {
        assertThrows(ExecutionException.class, future::get);
        return future.exceptionNow();
    }

    @Test
    void aWriteIsVisibleAtOnceAndThenDurable() throws Exception {
        try (Db db = Db.open(directory, Options.defaults())) {
            CompletableFuture<Void> durable = db.writeAsync(put(1), Durability.SYNCED);
            assertArrayEquals(new byte[100], db.get(key(1)));
            assertNull(durable.get(30, TimeUnit.SECONDS));
            assertTrue(db.stats().log().durableFlushes() > 0);
            assertTrue(db.writeAsync(put(2), Durability.BUFFERED).isDone());
            assertNull(db.writeAsync(new Batch(), Durability.SYNCED).get(30, TimeUnit.SECONDS));
        }
    }

    @Test
    void manyWritesShareFlushesAndThreads() throws Exception {
        try (Db db = Db.open(directory, Options.defaults())) {
            int threadsBefore = Thread.activeCount();
            List<CompletableFuture<Void>> futures = new ArrayList<>();
            for (int i = 0; i < 20_000; i++) {
                futures.add(db.writeAsync(put(i), Durability.SYNCED));
            }
            assertTrue(Thread.activeCount() < threadsBefore + 10, "a thread for each write?");
            for (CompletableFuture<Void> future : futures) {
                future.get(30, TimeUnit.SECONDS);
            }
            long flushes = db.stats().log().durableFlushes();
            assertTrue(flushes < 10_000, flushes + " flushes for 20,000 writes");
        }
    }

    @Test
    void whatHangsOnAFutureMayUseAndCloseTheStore() throws Exception {
        Db db = Db.open(directory, Options.defaults());
        CompletableFuture<Void> closed = db.writeAsync(put(1), Durability.SYNCED)
                .thenCompose(_ -> db.writeAsync(put(2), Durability.SYNCED))
                .thenRun(() -> db.put(key(3), key(3), Durability.SYNCED))
                .thenRun(db::close);
        closed.get(60, TimeUnit.SECONDS);
        assertThrows(StoreClosedException.class, () -> db.get(key(1)));
        Db again = Db.open(directory, Options.defaults());
        again.getAsync(key(3))
                .thenAccept(value -> {
                    assertArrayEquals(key(3), value);
                    again.close();
                })
                .get(60, TimeUnit.SECONDS);
    }

    @Test
    void readsArrive() throws Exception {
        try (Db db = Db.open(directory, Options.defaults())) {
            for (int i = 0; i < 1000; i++) {
                db.put(key(i), key(i));
            }
            db.flush();
            List<CompletableFuture<byte[]>> futures = new ArrayList<>();
            byte[] key = key(0);
            for (int i = 0; i < 1001; i++) {
                ByteBuffer.wrap(key).putLong(i);
                futures.add(db.getAsync(key)); // which copies it
            }
            for (int i = 0; i < 1000; i++) {
                assertArrayEquals(key(i), futures.get(i).get(30, TimeUnit.SECONDS));
            }
            assertNull(futures.get(1000).get(30, TimeUnit.SECONDS));
        }
    }

    @Test
    void exceptionsArriveInTheFuture() throws Exception {
        Db db = Db.open(directory, Options.defaults());
        assertInstanceOf(IllegalArgumentException.class, failure(db.getAsync(new byte[Limits.KEY_BYTES_MAX + 1])));
        db.close();
        assertInstanceOf(StoreClosedException.class, failure(db.getAsync(key(1))));
        assertInstanceOf(StoreClosedException.class, failure(db.writeAsync(put(1), Durability.SYNCED)));
        try (Db reading = Db.openReadOnly(directory, Options.defaults())) {
            assertInstanceOf(StoreReadOnlyException.class, failure(reading.writeAsync(put(1), Durability.BUFFERED)));
        }
    }

    @Test
    void closingCompletesAllThatIsPending() throws Exception {
        for (int round = 0; round < 10; round++) {
            Db db = Db.open(directory, Options.defaults());
            List<CompletableFuture<Void>> writes = new ArrayList<>();
            List<CompletableFuture<byte[]>> reads = new ArrayList<>();
            for (int i = 0; i < 500; i++) {
                writes.add(db.writeAsync(put(i), Durability.SYNCED));
                reads.add(db.getAsync(key(i)));
            }
            db.close();
            for (CompletableFuture<Void> write : writes) {
                assertNull(write.get(30, TimeUnit.SECONDS));
            }
            for (CompletableFuture<byte[]> read : reads) {
                try {
                    assertEquals(100, read.get(30, TimeUnit.SECONDS).length);
                } catch (ExecutionException e) {
                    assertInstanceOf(StoreClosedException.class, e.getCause());
                }
            }
        }
    }

    /** Writes until it fails, and says what came of the futures. */
    static final class Failing {
        private Failing() {}

        public static void main(String[] arguments) throws Exception {
            Db db = Db.open(Path.of(arguments[0]), Options.defaults());
            List<CompletableFuture<Void>> futures = new ArrayList<>();
            boolean failed = false;
            while (!failed && futures.size() < 1_000_000) {
                CompletableFuture<Void> future =
                        db.writeAsync(new Batch().put(key(futures.size()), new byte[2000]), Durability.SYNCED);
                futures.add(future);
                failed = future.isCompletedExceptionally();
                if (futures.size() % 16 == 0) {
                    future.exceptionally(_ -> null).get(60, TimeUnit.SECONDS);
                }
            }
            long durable = 0;
            long refused = 0;
            for (CompletableFuture<Void> future : futures) {
                try {
                    future.get(60, TimeUnit.SECONDS);
                    durable++;
                } catch (ExecutionException e) {
                    refused += e.getCause() instanceof StoreReadOnlyException ? 1 : 0;
                }
            }
            db.close();
            System.out.println(futures.size() + "\n" + durable + "\n" + refused);
        }
    }

    @Test
    void aFailedFlushFailsAllThatWait() throws Exception {
        Process writer = ChildJvm.start(
                List.of("/bin/sh", "-c", "ulimit -f 24000; exec \"$@\"", "sh"), // 12 MB in blocks of 512 bytes
                List.of("-Xmx128m", "-XX:-UsePerfData"),
                Failing.class,
                directory.toString());
        String output = new String(writer.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, writer.waitFor(), output);
        List<Long> said = output.lines().map(Long::parseLong).toList();
        assertEquals(said.get(0), said.get(1) + said.get(2), output);
        assertTrue(said.get(1) > 100 && said.get(2) > 0, output);
        try (Db db = Db.open(directory, Options.defaults())) {
            for (long i = 0; i < said.get(1); i++) {
                assertArrayEquals(new byte[2000], db.get(key(i)), "durable write " + i);
            }
        }
    }

    /** Writes on and on, and says which writes' futures have completed. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) {
            Db db = Db.open(Path.of(arguments[0]), Options.defaults());
            DataOutputStream out = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
            AtomicLong pending = new AtomicLong();
            for (long i = 0; ; i++) {
                long write = i;
                pending.incrementAndGet();
                CompletableFuture<Void> unused = db.writeAsync(put(i), Durability.SYNCED)
                        .thenRun(() -> {
                            pending.decrementAndGet();
                            synchronized (out) {
                                try {
                                    out.writeLong(write);
                                } catch (IOException e) {
                                    throw new UncheckedIOException(e);
                                }
                            }
                        });
                while (pending.get() > 64) {
                    Thread.onSpinWait();
                }
            }
        }
    }

    @Test
    void completedWritesSurviveAKill() throws Exception {
        Process process = ChildJvm.start(List.of(), List.of("-Xmx128m"), Writer.class, directory.toString());
        List<Long> completed = new ArrayList<>();
        try (DataInputStream in = new DataInputStream(process.getInputStream())) {
            while (true) {
                completed.add(in.readLong());
                if (completed.size() == 3000) {
                    assertTrue(process.toHandle().destroyForcibly());
                }
            }
        } catch (EOFException e) {
            assertEquals(128 + 9, process.waitFor());
        } finally {
            process.destroyForcibly();
        }
        assertFalse(completed.isEmpty());
        try (Db db = Db.open(directory, Options.defaults())) {
            for (long write : completed) {
                assertArrayEquals(new byte[100], db.get(key(write)), "write " + write);
            }
        }
    }
}
