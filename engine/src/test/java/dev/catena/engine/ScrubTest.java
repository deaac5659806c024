package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damage in a table of an open store: it is found, told once, and what is whole goes on. */
class ScrubTest {
    private static final int KEYS = 4_000;

    @TempDir
    private Path directory;

    private final LinkedBlockingQueue<StoreDamage> heard = new LinkedBlockingQueue<>();

    private Options options() {
        return Options.defaults()
                .withMemtableBytes(1 << 20)
                .withCompression(Compression.NONE)
                .withScrubBytesPerSecond(0)
                .withListener(new StoreListener() {
                    @Override
                    public void damaged(StoreDamage damage) {
                        heard.add(damage);
                    }
                });
    }

    private static byte[] key(int i) {
        return "key%06d".formatted(i).getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] value(int i) {
        byte[] value = new byte[100];
        Arrays.fill(value, (byte) i);
        return value;
    }

    /** Two tables that share no keys, in the last level. */
    private void fill(Db db) {
        for (int half = 0; half < 2; half++) {
            for (int i = half * KEYS; i < (half + 1) * KEYS; i++) {
                db.put(key(i), value(i), Durability.BUFFERED);
            }
            db.flush();
        }
    }

    private List<Path> tables() throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("db"))) {
            return files.filter(file -> file.toString().endsWith(".table"))
                    .sorted(Comparator.naturalOrder())
                    .toList();
        }
    }

    private static void flip(Path file, long at) throws IOException {
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            bytes.seek(at);
            int before = bytes.read();
            bytes.seek(at);
            bytes.write(before ^ 0x10);
        }
    }

    @Test
    void scrubbingFindsAndTellsWhatReadingHasNotMet() throws Exception {
        Options scrubbing = options().withScrubBytesPerSecond(1L << 30).withScrubInterval(Duration.ofMillis(50));
        try (Db db = Db.open(directory.resolve("db"), scrubbing)) {
            fill(db);
            Path damaged = tables().getFirst();
            flip(damaged, 100_000);
            StoreDamage damage = heard.poll(30, TimeUnit.SECONDS);
            assertNotNull(damage, "damage was not found in time");
            assertEquals(damaged, damage.file());
            assertEquals(65_536, damage.offset());
            assertArrayEquals(key(0), damage.smallestKey());
            assertArrayEquals(key(KEYS - 1), damage.largestKey());
            assertEquals("default", damage.columnFamily());
            assertNull(heard.poll(300, TimeUnit.MILLISECONDS), "the same place is told once");
            assertEquals(
                    List.of(damage.toString()),
                    db.damages().stream().map(StoreDamage::toString).toList());
        }
    }

    @Test
    void whatIsWholeIsReadAndWrittenAndCompacted() throws Exception {
        try (Db db = Db.open(directory.resolve("db"), options())) {
            fill(db);
            Path damaged = tables().getFirst();
            flip(damaged, 100_000);
            int bad = 0;
            for (int i = 0; i < 2 * KEYS; i++) {
                try {
                    assertArrayEquals(value(i), db.get(key(i)));
                } catch (CorruptionException e) {
                    assertEquals(damaged, e.file());
                    bad++;
                }
            }
            assertTrue(bad > 0 && bad < 100, bad + " keys of one block");
            assertEquals(1, db.damages().size());
            assertEquals(damaged, heard.poll(10, TimeUnit.SECONDS).file());
            CorruptionException refused = assertThrows(CorruptionException.class, db::compact);
            assertEquals(damaged, refused.file());
            db.put(key(3 * KEYS), value(1), Durability.SYNCED);
            assertArrayEquals(value(1), db.get(key(3 * KEYS)));
            assertTrue(Files.exists(damaged), "what can still be read of it is kept");
        }
    }

    @Test
    void aCompactionThatMeetsDamageLeavesTheStoreWritable() throws Exception {
        try (Db db = Db.open(directory.resolve("db"), options())) {
            fill(db);
            flip(tables().getFirst(), 100_000);
            assertThrows(CorruptionException.class, db::compact);
            assertEquals(1, db.damages().size());
            db.put(key(1), value(7), Durability.SYNCED);
            db.flush();
            assertArrayEquals(value(7), db.get(key(1)));
        }
    }

    @Test
    void writersAreToldWhenDamageKeepsLevelZeroFromBeingCompacted() throws Exception {
        try (Db db = Db.open(directory.resolve("db"), options().withMemtableBytes(64 << 10))) {
            for (int i = 0; i < KEYS; i++) {
                db.put(key(i), value(i), Durability.BUFFERED);
            }
            assertThrowsSoon(db);
        }
    }

    /** Every table is damaged as soon as it is there, so nothing can be compacted. */
    private void assertThrowsSoon(Db db) throws IOException {
        db.flush();
        for (Path table : tables()) {
            flip(table, 5_000);
        }
        try (DbIterator iterator = db.iterator()) {
            assertThrows(CorruptionException.class, () -> {
                for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {}
            });
        }
        assertThrows(CorruptionException.class, () -> {
            for (int i = 0; i < 200 * KEYS; i++) {
                db.put(key(i % KEYS), value(i), Durability.BUFFERED);
            }
        });
        assertArrayEquals(value(KEYS - 1), db.get(key(KEYS - 1)).length == 100 ? value(KEYS - 1) : null);
    }
}
