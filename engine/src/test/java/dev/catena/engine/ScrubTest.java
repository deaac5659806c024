package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.*;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletionException;
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

    @Test
    void scrubbingFindsAndTellsWhatReadingHasNotMet() throws Exception {
        Options scrubbing = options().withScrubBytesPerSecond(1L << 30).withScrubInterval(Duration.ofMillis(50));
        try (Db db = Db.open(directory.resolve("db"), scrubbing)) {
            fill(db);
            Path damaged = tables().getFirst();
            TableDamage.flip(damaged, 100_000);
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
            TableDamage.flip(damaged, 100_000);
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
            TableDamage.flip(tables().getFirst(), 100_000);
            db.put(key(0), value(0)); // so that the table is needed
            assertThrows(CorruptionException.class, db::compact);
            assertEquals(1, db.damages().size());
            db.put(key(1), value(7), Durability.SYNCED);
            db.flush();
            assertArrayEquals(value(7), db.get(key(1)));
        }
    }

    /** The youngest of three tables is whole, the others are not: the oldest goes down, the youngest ones are merged with each other. */
    @Test
    void writesGoOnAroundDamageInLevelZero() throws Exception {
        try (Db db = Db.open(directory.resolve("db"), options())) {
            for (int part = 0; part < 3; part++) {
                for (int i = 0; i < KEYS; i++) {
                    db.put(key(i), value(part), Durability.BUFFERED);
                }
                db.flush();
            }
            Path damaged = tables().get(1);
            TableDamage.flip(damaged, 5_000);
            assertThrows(CorruptionException.class, db::compact);
            assertTrue(Files.exists(damaged), "what can still be read of it is kept");
            writesGoOn(db);
            assertTrue(Files.exists(damaged), "what can still be read of it is kept");
            repair(db);
            assertFalse(Files.exists(damaged), "all that it has is deleted");
        }
    }

    @Test
    void writesGoOnAroundDamageInTheLastLevel() throws Exception {
        try (Db db = Db.open(directory.resolve("db"), options())) {
            for (int i = 0; i < KEYS; i++) {
                db.put(key(i), value(i), Durability.BUFFERED);
            }
            db.compact();
            Path damaged = tables().getFirst();
            TableDamage.flip(damaged, 5_000);
            db.put(key(0), value(0));
            assertThrows(CorruptionException.class, db::compact);
            writesGoOn(db);
            repair(db);
            assertFalse(Files.exists(damaged), "all that it has is deleted");
        }
    }

    /** More memtables than level 0 may have tables; what was written is there. */
    private void writesGoOn(Db db) {
        for (int i = 0; i < 60 * KEYS; i++) {
            db.put(key(i % KEYS), value(i), Durability.BUFFERED);
            if (i % KEYS == 0) {
                db.flush();
            }
        }
        int tables = db.stats().levels().getFirst().tables();
        assertTrue(tables < Throttle.SLOW_TABLES, tables + " tables in level 0");
        assertEquals(0, db.stats().stallNanos(), "nobody had to wait");
        for (int i = 0; i < KEYS; i++) {
            assertArrayEquals(value(59 * KEYS + i), db.get(key(i)));
        }
    }

    /** What the damaged table has is deleted and written again: then nobody needs the table. */
    private static void repair(Db db) {
        StoreDamage damage = db.damages().getFirst();
        byte[] behind = Arrays.copyOf(damage.largestKey(), damage.largestKey().length + 1);
        db.deleteRange(damage.smallestKey(), behind);
        for (int i = 0; i < KEYS; i++) {
            db.put(key(i), value(i), Durability.BUFFERED);
        }
        db.compact();
        assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        for (int i = 0; i < KEYS; i++) {
            assertArrayEquals(value(i), db.get(key(i)));
        }
    }

    @Test
    void compactOfARangeTellsOfDamageThere() throws Exception {
        try (Db db = Db.open(directory.resolve("db"), options())) {
            fill(db);
            Path damaged = tables().getFirst();
            TableDamage.flip(damaged, 100_000);
            for (int i = 0; i < 2 * KEYS; i += KEYS / 10) {
                db.put(key(i), value(7), Durability.BUFFERED);
            }
            CompletionException told = assertThrows(
                    CompletionException.class,
                    () -> db.compact(key(0), key(KEYS / 2)).join());
            assertEquals(damaged, ((CorruptionException) told.getCause()).file());
            told = assertThrows(
                    CompletionException.class,
                    () -> db.compact(null, key(KEYS / 2)).join());
            assertEquals(damaged, ((CorruptionException) told.getCause()).file());
            db.compact(key(KEYS), null).join();
            assertArrayEquals(value(7), db.get(key(0)));
        }
    }
}
