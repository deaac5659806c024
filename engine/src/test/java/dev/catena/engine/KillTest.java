package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a writing process, again and again, at random times. After reopening, every acknowledged synced write must be there, and what
 * is there must be what the first n writes of each thread leave behind, for some n.
 *
 * <p>Each thread writes its own keys; its write number i is a function of the seed, and also sets the thread's counter key to i.
 */
class KillTest {
    private static final int KEYS = 5000;

    @TempDir
    Path directory;

    /** The writing process: directory, seed, threads, then each thread's first write. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) throws Exception {
            Path directory = Path.of(arguments[0]);
            long seed = Long.parseLong(arguments[1]);
            int threads = Integer.parseInt(arguments[2]);
            DataOutputStream acknowledged = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
            Db db = Db.open(directory, options());
            Thread[] writers = new Thread[threads];
            for (int t = 0; t < threads; t++) {
                int thread = t;
                long first = Long.parseLong(arguments[3 + t]);
                writers[t] = new Thread(() -> write(db, seed, thread, first, acknowledged));
                writers[t].start();
            }
            for (Thread writer : writers) {
                writer.join();
            }
        }

        private static void write(Db db, long seed, int thread, long first, DataOutputStream acknowledged) {
            try {
                for (long i = first; ; i++) {
                    Batch batch = batch(seed, thread, i);
                    boolean synced = new SplittableRandom(seed + i * 31 + thread).nextInt(20) == 0;
                    db.write(batch, synced ? Durability.SYNCED : Durability.BUFFERED);
                    if (synced) {
                        synchronized (acknowledged) {
                            acknowledged.write(ByteBuffer.allocate(16)
                                    .putLong(thread)
                                    .putLong(i)
                                    .array());
                        }
                    }
                }
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static Options options() {
        return Options.defaults()
                .withMemtableBytes(512 << 10)
                .withTableBytes(256 << 10)
                .withLevelOneBytes(1 << 20)
                .withCacheBytes(4 << 20);
    }

    private static byte[] counterKey(int thread) {
        return new byte[] {(byte) thread};
    }

    /** Write number i of a thread. */
    private static Batch batch(long seed, int thread, long i) {
        Batch batch = new Batch();
        forEach(seed, thread, i, (key, value) -> {
            if (value == null) {
                batch.delete(key);
            } else {
                batch.put(key, value);
            }
        });
        return batch;
    }

    /** Takes an operation; a null value deletes. */
    private interface Operation {
        void accept(byte[] key, byte[] value);
    }

    private static void forEach(long seed, int thread, long i, Operation operation) {
        SplittableRandom random = new SplittableRandom(seed ^ (i * 0x9E3779B97F4A7C15L + thread));
        for (int left = 1 + random.nextInt(3); left > 0; left--) {
            byte[] key = ByteBuffer.allocate(5)
                    .put((byte) thread)
                    .putInt(random.nextInt(KEYS))
                    .array();
            byte[] value =
                    random.nextInt(4) == 0 ? null : new byte[random.nextInt(random.nextInt(300) == 0 ? 20000 : 200)];
            if (value != null) {
                random.nextBytes(value);
            }
            operation.accept(key, value);
        }
        operation.accept(counterKey(thread), ByteBuffer.allocate(8).putLong(i).array());
    }

    @Test
    void killedWriterLeavesPrefixWithAllAcknowledged() throws Exception {
        long seed = Long.getLong("catena.seed", System.nanoTime());
        int kills = Integer.getInteger("catena.kills", Boolean.getBoolean("catena.long") ? 50 : 8);
        System.out.println("KillTest seed " + seed + ", " + kills + " kills");
        Random random = new Random(seed);
        NavigableMap<byte[], byte[]> model = new TreeMap<>(Arrays::compareUnsigned);
        long[] done = {-1, -1, -1, -1};
        for (int kill = 0; kill < kills; kill++) {
            int threads = kill % 2 == 0 ? 1 : 4;
            String[] arguments = new String[3 + threads];
            arguments[0] = directory.toString();
            arguments[1] = Long.toString(seed);
            arguments[2] = Integer.toString(threads);
            for (int t = 0; t < threads; t++) {
                arguments[3 + t] = Long.toString(done[t] + 1);
            }
            long[] acknowledged = runAndKill(arguments, random.nextInt(1500));
            try (Db db = Db.open(directory, options())) {
                for (int t = 0; t < threads; t++) {
                    byte[] counter = db.get(counterKey(t));
                    long last = counter == null ? -1 : ByteBuffer.wrap(counter).getLong();
                    String where = "seed " + seed + ", kill " + kill + ", thread " + t;
                    assertTrue(
                            last >= acknowledged[t],
                            where + ": " + acknowledged[t] + " was acknowledged, " + last + " is there");
                    assertTrue(last >= done[t], where + ": went back from " + done[t] + " to " + last);
                    for (long i = done[t] + 1; i <= last; i++) {
                        forEach(seed, t, i, (key, value) -> {
                            if (value == null) {
                                model.remove(key);
                            } else {
                                model.put(key, value);
                            }
                        });
                    }
                    done[t] = last;
                }
                compare(db, model, "seed " + seed + ", kill " + kill);
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            }
        }
        System.out.println("KillTest writes kept, by thread: " + Arrays.toString(done));
        assertTrue(done[0] > 0, "nothing was ever written");
    }

    /** Returns each thread's last acknowledged write. */
    private static long[] runAndKill(String[] arguments, int afterMillis) throws Exception {
        Process process = ChildJvm.start(List.of(), List.of("-Xmx256m"), Writer.class, arguments);
        long[] acknowledged = {-1, -1, -1, -1};
        try (DataInputStream in = new DataInputStream(process.getInputStream())) {
            Thread killer = null;
            while (true) {
                int thread = (int) in.readLong();
                acknowledged[thread] = in.readLong();
                if (killer == null) { // The clock starts with the first acknowledgement.
                    killer = new Thread(() -> {
                        sleep(afterMillis);
                        // Not process.destroyForcibly(): that would drop acknowledgements still in the pipe.
                        assertTrue(process.toHandle().destroyForcibly());
                    });
                    killer.start();
                }
            }
        } catch (EOFException e) {
            assertTrue(process.waitFor(30, TimeUnit.SECONDS), "killed and still there");
            assertEquals(128 + 9, process.exitValue(), "the writer ended by itself");
        } finally {
            process.destroyForcibly();
        }
        return acknowledged;
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void compare(Db db, NavigableMap<byte[], byte[]> model, String where) {
        try (DbIterator iterator = db.iterator()) {
            Iterator<Map.Entry<byte[], byte[]>> expected = model.entrySet().iterator();
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                assertTrue(expected.hasNext(), where + ": more keys than written");
                Map.Entry<byte[], byte[]> entry = expected.next();
                assertArrayEquals(entry.getKey(), iterator.key(), where);
                assertArrayEquals(entry.getValue(), iterator.value(), where);
            }
            assertFalse(expected.hasNext(), where + ": keys are missing");
        }
    }
}
