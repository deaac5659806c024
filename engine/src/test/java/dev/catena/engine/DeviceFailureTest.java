package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A device that begins to fail under an open store: it is read-only from then on and says why; nothing acknowledged is lost. */
@Timeout(300)
class DeviceFailureTest {
    private static final int THREADS = 4;
    private static final long ROOM = 40 << 20;

    @TempDir
    Path directory;

    @Test
    void syncedPutsAreThere() throws Exception {
        check(Durability.SYNCED, Options.defaults());
    }

    /** Memtables are flushed meanwhile, so what fails may be a table or the manifest. */
    @Test
    void syncedPutsAreThereWhenTablesFail() throws Exception {
        check(Durability.SYNCED, Options.defaults().withMemtableBytes(1 << 20));
    }

    /** Of buffered puts some may be lost, but none before one that is there. */
    @Test
    void bufferedPutsAreThereToSomeOne() throws Exception {
        check(Durability.BUFFERED, Options.defaults().withMemtableBytes(4 << 20));
    }

    private void check(Durability durability, Options options) throws Exception {
        try (LoopDevice device = new LoopDevice(directory, 1 << 30, ROOM)) {
            Path store = device.path().resolve("store");
            List<Long> acknowledged = new ArrayList<>();
            Db db = Db.open(store, options);
            try {
                acknowledged.addAll(putUntilItFails(db, durability));
                StoreReadOnlyException again =
                        assertThrows(StoreReadOnlyException.class, () -> db.put(key(0, 0), new byte[1]));
                assertTrue(String.valueOf(again.getMessage()).contains(store.toString()), again.getMessage());
                for (int thread = 0; thread < THREADS; thread++) {
                    long last = acknowledged.get(thread) - 1;
                    assertArrayEquals(value(last), db.get(key(thread, last)), "read while it is read-only");
                }
            } finally {
                close(db, store);
            }
            device.repair(1 << 30);
            try (Db repaired = Db.open(store, options)) {
                for (int thread = 0; thread < THREADS; thread++) {
                    boolean lost = false;
                    for (long i = 0; i < acknowledged.get(thread); i++) {
                        byte[] found = repaired.get(key(thread, i));
                        lost |= found == null;
                        if (!lost || durability == Durability.SYNCED) {
                            assertArrayEquals(value(i), found, "put " + i + " of " + acknowledged.get(thread));
                        } else {
                            assertEquals(null, found, "put " + i + " is there, one before it is not");
                        }
                    }
                }
                assertEquals(List.of(), repaired.verify(VerifyListener.NONE).damages());
                repaired.put(key(0, 0), value(0), Durability.SYNCED);
            }
        }
    }

    /** Closing may say once more that the store has failed: buffered puts may be lost. */
    private static void close(Db db, Path store) {
        try {
            db.close();
        } catch (StoreReadOnlyException e) {
            assertTrue(String.valueOf(e.getMessage()).contains(store.toString()), e.getMessage());
        }
    }

    private static List<Long> putUntilItFails(Db db, Durability durability) throws Exception {
        List<Callable<Long>> writers = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            int thread = i;
            writers.add(() -> {
                for (long put = 0; ; put++) {
                    try {
                        db.put(key(thread, put), value(put), durability);
                    } catch (StoreReadOnlyException e) {
                        return put;
                    }
                }
            });
        }
        List<Long> acknowledged = new ArrayList<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            for (Future<Long> writer : threads.invokeAll(writers)) {
                acknowledged.add(writer.get());
            }
        }
        assertTrue(acknowledged.stream().allMatch(puts -> puts > 100), acknowledged.toString());
        return acknowledged;
    }

    private static byte[] key(int thread, long i) {
        return ByteBuffer.allocate(12).putInt(thread).putLong(i).array();
    }

    private static byte[] value(long i) {
        byte[] value = new byte[2000];
        new java.util.SplittableRandom(i).nextBytes(value);
        return value;
    }
}
