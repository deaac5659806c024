package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Checkpoints hold what was written before, or a beginning of what is written meanwhile, and are there whole or not at all.
 *
 * <p>The writers here put i under i mod {@link #KEYS}, for i from 0 on; so a store's content shows whether it is a beginning.
 */
class CheckpointTest {
    private static final int KEYS = 20_000;

    @TempDir
    Path directory;

    private static Options options() {
        return Options.defaults()
                .withMemtableBytes(256 << 10)
                .withTableBytes(128 << 10)
                .withLevelOneBytes(512 << 10)
                .withCacheBytes(2 << 20);
    }

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i % KEYS).array();
    }

    private static byte[] value(long i) {
        return ByteBuffer.allocate(100).putLong(i).array();
    }

    /** How many writes a store holds the outcome of; fails if it is not that of a beginning. */
    private static long writes(Path store) {
        long newest = -1;
        long keys = 0;
        try (Db db = Db.openReadOnly(store, options().withCreateIfMissing(false));
                DbIterator each = db.iterator()) {
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            for (each.seekToFirst(); each.isValid(); each.next()) {
                newest = Math.max(newest, ByteBuffer.wrap(each.value()).getLong());
                keys++;
            }
            assertEquals(Math.min(newest + 1, KEYS), keys, "keys after " + (newest + 1) + " writes");
            for (each.seekToFirst(); each.isValid(); each.next()) {
                long i = ByteBuffer.wrap(each.value()).getLong();
                assertTrue(i > newest - KEYS, "write " + i + " is there, though write " + newest + " is too");
                assertArrayEquals(key(i), each.key());
            }
        }
        return newest + 1;
    }

    private static void write(Db db, long from, long to) {
        for (long i = from; i < to; i++) {
            db.put(key(i), value(i));
        }
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void holdsExactlyWhatWasWrittenBeforeAndIsAStoreOfItsOwn() throws IOException {
        Path store = directory.resolve("store");
        Path copy = directory.resolve("copy");
        try (Db db = Db.open(store, options())) {
            write(db, 0, 30_000);
            db.delete(key(7));
            db.checkpoint(copy);
            db.put(key(7), value(7));
            write(db, 30_000, 60_000);
            db.compact();
            try (Db other = Db.open(copy, options())) {
                assertEquals(30_001, other.stats().lastSequence());
                for (long i = 10_000; i < 30_000; i++) {
                    byte[] expected = i % KEYS == 7 ? null : value(i);
                    assertArrayEquals(expected, other.get(key(i)), "write " + i);
                }
                write(other, 0, 30_000);
                other.compact();
            }
            assertEquals(60_000, ByteBuffer.wrap(db.get(key(59_999))).getLong() + 1);
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
        assertEquals(30_000, writes(copy));
        assertEquals(60_000, writes(store));
        assertEquals(List.of("copy", "store"), names(directory));
    }

    @Test
    void sharesTablesByLinksWherePossible() throws IOException {
        try (Db db = Db.open(directory.resolve("store"), Options.defaults())) {
            write(db, 0, 5000);
            db.checkpoint(directory.resolve("copy"));
        }
        List<String> tables = names(directory.resolve("copy")).stream()
                .filter(name -> name.endsWith(".table"))
                .toList();
        assertNotEquals(List.of(), tables);
        for (String name : tables) {
            assertEquals(
                    Files.getAttribute(directory.resolve("store").resolve(name), "unix:ino"),
                    Files.getAttribute(directory.resolve("copy").resolve(name), "unix:ino"));
        }
    }

    @Test
    void copiesToAnotherFileSystem() throws IOException {
        Path memory = Path.of("/dev/shm");
        Assumptions.assumeTrue(
                Files.isWritable(memory) && !Files.getFileStore(memory).equals(Files.getFileStore(directory)),
                "there is no second file system at /dev/shm");
        Path copy =
                memory.resolve("catena-checkpoint-" + ProcessHandle.current().pid());
        try (Db db = Db.open(directory.resolve("store"), options())) {
            write(db, 0, 5000);
            db.checkpoint(copy);
            assertEquals(5000, writes(copy));
        } finally {
            Db.destroy(copy);
        }
        assertFalse(Files.exists(copy));
    }

    @Test
    void whatIsThereAlreadyIsNotTouched() throws IOException {
        Path taken = Files.createDirectory(directory.resolve("taken"));
        Path file = Files.writeString(taken.resolve("mine"), "mine");
        try (Db db = Db.open(directory.resolve("store"), options())) {
            write(db, 0, 100);
            StoreIoException e = assertThrows(StoreIoException.class, () -> db.checkpoint(taken));
            assertTrue(e.getMessage().contains("it exists"), e.getMessage());
            assertThrows(StoreIoException.class, () -> db.checkpoint(directory.resolve("missing/copy")));
        }
        assertEquals("mine", Files.readString(file));
        assertEquals(List.of("store", "taken"), names(directory));
    }

    @Test
    void whatACrashLeftIsTakenOverAndAForeignFileThereKept() throws IOException {
        Path left = Files.createDirectory(directory.resolve("copy" + Checkpoint.SUFFIX));
        Files.writeString(left.resolve("000001.table"), "half a table");
        Files.writeString(left.resolve("MANIFEST.tmp"), "half a manifest");
        Files.writeString(left.resolve("mine"), "mine");
        try (Db db = Db.open(directory.resolve("store"), options())) {
            write(db, 0, 5000);
            db.checkpoint(directory.resolve("copy"));
        }
        assertEquals(5000, writes(directory.resolve("copy")));
        assertEquals("mine", Files.readString(directory.resolve("copy/mine")));
    }

    @Test
    void isABeginningUnderConcurrentWritesAndCompaction() throws Exception {
        Path store = directory.resolve("store");
        int checkpoints = 4;
        AtomicLong written = new AtomicLong();
        AtomicBoolean enough = new AtomicBoolean();
        try (Db db = Db.open(store, options())) {
            Thread writer = new Thread(() -> {
                for (long i = 0; !enough.get(); i++) {
                    db.put(key(i), value(i));
                    written.set(i + 1);
                }
            });
            Thread compactor = new Thread(() -> {
                while (!enough.get()) {
                    db.compact();
                }
            });
            writer.start();
            compactor.start();
            try {
                for (int n = 0; n < checkpoints; n++) {
                    Path copy = directory.resolve("copy" + n);
                    long before = written.get();
                    db.checkpoint(copy);
                    long after = written.get();
                    long held = writes(copy);
                    assertTrue(before <= held && held <= after + 1, before + " to " + after + " written, held " + held);
                }
            } finally {
                enough.set(true);
                writer.join();
                compactor.join();
            }
        }
    }

    /** Writes, and makes checkpoints 0, 1, … in a directory, saying each once it is done. */
    static final class Maker {
        private Maker() {}

        public static void main(String[] arguments) {
            Path directory = Path.of(arguments[0]);
            Db db = Db.open(directory.resolve("store"), options());
            long i = Long.parseLong(arguments[1]);
            for (int n = Integer.parseInt(arguments[2]); ; n++) {
                for (long end = i + 500; i < end; i++) {
                    db.put(key(i), value(i));
                }
                db.checkpoint(directory.resolve("copy" + n));
                System.out.println(i + " " + n);
                System.out.flush();
            }
        }
    }

    /** Returns when a checkpoint is being made. */
    private static void awaitBegin(Path copy) {
        Path temporary = copy.resolveSibling(copy.getFileName() + Checkpoint.SUFFIX);
        while (!Files.exists(temporary) && !Files.exists(copy)) {
            LockSupport.parkNanos(20_000);
        }
    }

    @Test
    @Timeout(120)
    void killedMakerLeavesEachCheckpointWholeOrAbsent() throws Exception {
        long seed = Long.getLong("catena.seed", System.nanoTime());
        System.out.println("CheckpointTest seed " + seed);
        Random random = new Random(seed);
        int kills = Boolean.getBoolean("catena.long") ? 50 : 5;
        long written = 0;
        int next = 0;
        for (int kill = 0; kill < kills; kill++) {
            Process process = ChildJvm.start(
                    List.of(),
                    List.of("-Xmx128m"),
                    Maker.class,
                    directory.toString(),
                    Long.toString(written),
                    Integer.toString(next));
            int last = next - 1;
            try (var lines = process.inputReader()) {
                int more = 1 + random.nextInt(3);
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    last = Integer.parseInt(line.split(" ")[1]);
                    if (--more == 0) {
                        awaitBegin(directory.resolve("copy" + (last + 1)));
                        LockSupport.parkNanos(random.nextInt(3_000_000));
                        assertTrue(process.toHandle().destroyForcibly());
                    }
                }
                assertTrue(process.waitFor(30, TimeUnit.SECONDS));
                assertEquals(128 + 9, process.exitValue(), "the maker ended by itself, seed " + seed);
            } finally {
                process.destroyForcibly();
            }
            long expected = written;
            for (int n = next; n <= last + 1; n++) {
                expected += 500;
                Path copy = directory.resolve("copy" + n);
                if (n <= last || Files.exists(copy)) {
                    assertEquals(expected, writes(copy), "checkpoint " + n + ", seed " + seed);
                    next = n + 1;
                }
            }
            written = writes(directory.resolve("store"));
        }
    }
}
