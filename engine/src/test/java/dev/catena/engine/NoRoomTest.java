package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A compaction that finds a full disk: the store goes on, and compacts when there is room. */
@Timeout(120)
class NoRoomTest {
    private static final int KEYS = 12_000;
    private static final long ROOM_LEFT = 5 << 20;

    @TempDir
    Path directory;

    private final LinkedBlockingQueue<StoreIoException> postponed = new LinkedBlockingQueue<>();
    private final LinkedBlockingQueue<StoreEvent> merged = new LinkedBlockingQueue<>();
    private final LinkedBlockingQueue<Throwable> failed = new LinkedBlockingQueue<>();

    private Options options() {
        return Options.defaults()
                .withMemtableBytes(4 << 20)
                .withCompression(Compression.NONE)
                .withLevelZeroTrigger(2)
                .withListener(new StoreListener() {
                    @Override
                    public void postponed(StoreIoException why) {
                        postponed.add(why);
                    }

                    @Override
                    public void ended(StoreEvent event) {
                        if (event instanceof StoreEvent.Compaction) {
                            merged.add(event);
                        }
                    }

                    @Override
                    public void failed(Throwable cause) {
                        failed.add(cause);
                    }
                });
    }

    private static byte[] key(int i) {
        return ByteBuffer.allocate(4).putInt(i).array();
    }

    private static byte[] value(int i, int generation) {
        byte[] value = new byte[1000];
        new Random(31L * i + generation).nextBytes(value);
        return value;
    }

    private static void fill(Db db, int step, int generation) {
        for (int i = 0; i < KEYS; i += step) {
            db.put(key(i), value(i, generation), Durability.BUFFERED);
        }
        db.flush();
    }

    /** Takes what is left of a file system but a little. */
    private static Path takeRoom(Path where) throws IOException {
        Path ballast = where.resolve("ballast");
        long bytes = Files.getFileStore(where).getUnallocatedSpace() - ROOM_LEFT;
        try (FileOutputStream out = new FileOutputStream(ballast.toFile())) {
            byte[] block = new byte[1 << 16];
            for (long left = bytes; left > 0; left -= block.length) {
                out.write(block);
            }
            out.getFD().sync();
        }
        return ballast;
    }

    @Test
    void compactionsAreTriedAgainWhenThereIsRoom() throws Exception {
        try (LoopDevice device = new LoopDevice(directory, 160 << 20, 256 << 20)) {
            Path store = device.path().resolve("store");
            try (Db db = Db.open(store, options())) {
                fill(db, 1, 0);
                db.compact();
                Path ballast = takeRoom(device.path());
                merged.clear();
                fill(db, 100, 1);
                fill(db, 100, 2);
                StoreIoException why = postponed.poll(60, TimeUnit.SECONDS);
                assertNotNull(why, "not postponed in time");
                String message = String.valueOf(why.getMessage());
                for (String part : List.of("'default'", store.toString(), "errno 28", "Make room")) {
                    assertTrue(message.contains(part), message);
                }
                assertNull(failed.poll());
                // Nothing is in memory that this would flush, which might find no room while a compaction takes the
                // rest.
                StoreIoException asked = assertThrows(StoreIoException.class, db::compact);
                assertTrue(String.valueOf(asked.getMessage()).contains("errno 28"), asked.toString());
                db.put(key(KEYS), value(KEYS, 3), Durability.SYNCED);
                assertArrayEquals(value(KEYS, 3), db.get(key(KEYS)));
                assertArrayEquals(value(100, 2), db.get(key(100)));
                assertTrue(merged.isEmpty(), merged.toString());
                Files.delete(ballast);
                assertNotNull(merged.poll(60, TimeUnit.SECONDS), "not compacted in time");
                db.compact();
                db.put(key(KEYS + 1), value(KEYS + 1, 3), Durability.SYNCED);
                assertNull(failed.poll());
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            }
            try (Db db = Db.open(store, options())) {
                for (int i = 0; i < KEYS + 2; i++) {
                    assertArrayEquals(value(i, i >= KEYS ? 3 : i % 100 == 0 ? 2 : 0), db.get(key(i)), "key " + i);
                }
            }
        }
    }
}
