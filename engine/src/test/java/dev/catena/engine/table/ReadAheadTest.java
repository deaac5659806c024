package dev.catena.engine.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.Compression;
import dev.catena.engine.CorruptionException;
import dev.catena.engine.Db;
import dev.catena.engine.DbIterator;
import dev.catena.engine.IteratorOptions;
import dev.catena.engine.Options;
import dev.catena.engine.Stats;
import dev.catena.io.chain.Availability;
import dev.catena.io.chain.ChainAccount;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.memory.NativeMemory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What iterators have read ahead through chains, on every backend that works here. */
class ReadAheadTest {
    private static final int KEYS = 30_000;
    private static final int VALUE_BYTES = 200;
    private static final long DATA_BYTES = (long) KEYS * VALUE_BYTES;
    private static final long CACHE_BYTES = 20 << 20;
    private static final long BUDGET = 64 << 20;
    private static final int ITERATORS = 20;

    @TempDir
    private Path directory;

    private final long seed = Long.getLong("catena.seed", System.nanoTime());
    private final Random random = new Random(seed);
    private final long fastNanos = WalkReads.fastNanos;
    private long memoryBefore;

    static Stream<String> backends() {
        return ChainRuntime.probe().stream().filter(Availability::available).map(Availability::name);
    }

    @BeforeEach
    void everyReadIsSlow() {
        System.out.println("ReadAheadTest seed " + seed);
        WalkReads.fastNanos = -TimeUnit.HOURS.toNanos(1); // they come out of the page cache here
        memoryBefore = NativeMemory.allocatedBytes();
    }

    @AfterEach
    void nothingIsLeaked() {
        WalkReads.fastNanos = fastNanos;
        assertEquals(memoryBefore, NativeMemory.allocatedBytes(), NativeMemory::describeLive);
    }

    private static byte[] key(int i) {
        return ByteBuffer.allocate(8).putInt(4, i).array();
    }

    private static Options options(String backend) {
        return Options.defaults()
                .withBackend(backend)
                .withCacheBytes(CACHE_BYTES)
                .withCompression(Compression.NONE);
    }

    private void fill(String backend) {
        fill(backend, KEYS);
    }

    private void fill(String backend, int keys) {
        try (Db db = Db.open(directory, options(backend))) {
            for (int i = 0; i < keys; i++) {
                db.put(key(i), ByteBuffer.allocate(VALUE_BYTES).putInt(50, i).array());
            }
            db.compact();
        }
    }

    /** What chains of this kind did since it was made, and that nothing of them is left. */
    private static final class Ahead implements AutoCloseable {
        private final ChainRuntime runtime;
        private long chains;
        private long bytes;

        Ahead(String backend) {
            runtime = ChainRuntime.acquire(backend); // kept open, so that its accounts stay
            count();
        }

        private void count() {
            List<ChainAccount> accounts = runtime.accounts().stream()
                    .filter(account -> account.kind().equals("read ahead"))
                    .toList();
            chains = accounts.stream().mapToLong(ChainAccount::chains).sum() - chains;
            bytes = accounts.stream().mapToLong(ChainAccount::bytes).sum() - bytes;
        }

        private boolean hasMemory() {
            return runtime.memoryInUse().containsKey("read ahead");
        }

        @Override
        public void close() {
            assertFalse(hasMemory(), () -> "left: " + runtime.memoryInUse());
            runtime.close();
        }
    }

    private static IteratorOptions readahead(long bytes) {
        return bytes < 0
                ? IteratorOptions.defaults()
                : IteratorOptions.defaults().withReadaheadBytes(bytes);
    }

    private static void check(DbIterator iterator, int expected) {
        assertEquals(expected, ByteBuffer.wrap(iterator.key()).getInt(4));
        assertEquals(expected, ByteBuffer.wrap(iterator.value()).getInt(50));
    }

    private static void walk(Db db, IteratorOptions options) {
        try (DbIterator iterator = db.iterator(options)) {
            int i = 0;
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                check(iterator, i++);
            }
            assertEquals(KEYS, i);
        }
    }

    private static void walkBack(Db db, IteratorOptions options) {
        try (DbIterator iterator = db.iterator(options)) {
            int i = KEYS;
            for (iterator.seekToLast(); iterator.isValid(); iterator.prev()) {
                check(iterator, --i);
            }
            assertEquals(0, i);
        }
    }

    /** All data but the beginning is read by few chains, once; the same downwards. */
    @ParameterizedTest
    @MethodSource("backends")
    void longWalks(String backend) {
        fill(backend);
        for (long bytes : new long[] {-1, 512 << 10, 2 << 20}) {
            for (boolean back : new boolean[] {false, true}) {
                try (Ahead ahead = new Ahead(backend);
                        Db db = Db.open(directory, options(backend))) {
                    if (back) {
                        walkBack(db, readahead(bytes));
                    } else {
                        walk(db, readahead(bytes));
                    }
                    ahead.count();
                    assertTrue(ahead.bytes > DATA_BYTES * 0.9, ahead.bytes + " bytes ahead of " + bytes);
                    assertTrue(ahead.bytes < DATA_BYTES * 1.3, ahead.bytes + " bytes ahead of " + bytes);
                    // A chain a half, which is 128 KiB when nobody has to wait.
                    long most = 3 + (long) (ahead.bytes / (bytes < 0 ? 128 << 10 : bytes / 2.0));
                    assertTrue(ahead.chains <= most, ahead.chains + " chains, not " + most);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void shortWalksReadNothingAhead(String backend) {
        fill(backend);
        try (Ahead ahead = new Ahead(backend);
                Db db = Db.open(directory, options(backend))) {
            for (int round = 0; round < 200; round++) {
                try (DbIterator iterator = db.iterator()) {
                    int from = random.nextInt(KEYS - 60);
                    iterator.seek(key(from));
                    for (int i = from; i < from + 50; i++) { // three or four blocks
                        check(iterator, i);
                        iterator.next();
                    }
                }
            }
            walk(db, readahead(0));
            ahead.count();
            assertEquals(0, ahead.chains);
        }
    }

    /** Walks up and down from anywhere, while others write and what is there is compacted. */
    @ParameterizedTest
    @MethodSource("backends")
    void walksAmongWrites(String backend) throws Exception {
        fill(backend);
        long[] settings = {-1, 0, 4096, 150_000, 1 << 20, IteratorOptions.READAHEAD_BYTES_MAX};
        try (Ahead ahead = new Ahead(backend);
                Db db = Db.open(directory, options(backend).withMemtableBytes(1 << 20))) {
            FutureTask<Void> writing = new FutureTask<>(
                    () -> {
                        Random writes = new Random(seed);
                        for (int i = 0; i < 60_000; i++) {
                            int at = writes.nextInt(KEYS);
                            db.put(
                                    key(at),
                                    ByteBuffer.allocate(VALUE_BYTES)
                                            .putInt(50, at)
                                            .putInt(i)
                                            .array());
                        }
                    },
                    null);
            Thread writer = new Thread(writing);
            writer.start();
            for (int round = 0; round < 12 || writer.isAlive(); round++) {
                try (DbIterator iterator = db.iterator(readahead(settings[round % settings.length]))) {
                    for (int part = 0; part < 8; part++) {
                        int at = random.nextInt(KEYS);
                        iterator.seek(key(at));
                        boolean up = random.nextBoolean();
                        for (int steps = random.nextInt(random.nextBoolean() ? 200 : 4000); steps > 0; steps--) {
                            check(iterator, at);
                            at += up ? 1 : -1;
                            if (up) {
                                iterator.next();
                            } else {
                                iterator.prev();
                            }
                            if (at < 0 || at == KEYS) {
                                assertFalse(iterator.isValid());
                                break;
                            }
                            if (random.nextInt(3000) == 0) {
                                up = !up;
                            }
                        }
                    }
                }
            }
            writing.get();
            ahead.count();
            assertTrue(ahead.chains > 0, "nothing was read ahead");
        }
    }

    /** Closed with reads in flight, by its user and by others; used by one thread after another, which end. */
    @ParameterizedTest
    @MethodSource("backends")
    void threadsTakeTurns(String backend) throws Exception {
        fill(backend);
        try (Ahead ahead = new Ahead(backend)) {
            try (Db db = Db.open(directory, options(backend))) {
                for (int round = 0; round < 60; round++) {
                    DbIterator iterator = db.iterator(readahead(1 << 20));
                    int from = random.nextInt(KEYS / 2);
                    int turns = 1 + random.nextInt(3);
                    int each = 40 + random.nextInt(3000);
                    iterator.seek(key(from));
                    for (int turn = 0; turn < turns; turn++) {
                        int first = from + turn * each;
                        inThread(() -> {
                            for (int i = first; i < first + each && i < KEYS; i++) {
                                check(iterator, i);
                                iterator.next();
                            }
                        });
                    }
                    assertTrue(ahead.hasMemory(), "nothing is read ahead");
                    if (random.nextBoolean()) {
                        inThread(iterator::close);
                    } else {
                        iterator.close();
                    }
                    assertFalse(ahead.hasMemory(), () -> "left: " + ahead.runtime.memoryInUse());
                    assertEquals(0, db.stats().memory().byOwner().get("iterators"));
                }
                DbIterator left = db.iterator(readahead(1 << 20));
                left.seekToFirst();
                for (int i = 0; i < 100; i++) {
                    left.next();
                }
                assertTrue(ahead.hasMemory(), "nothing is read ahead");
            } // and with the store
        }
    }

    private static void inThread(Runnable work) throws InterruptedException, ExecutionException {
        FutureTask<Void> task = new FutureTask<>(work, null);
        new Thread(task).start();
        task.get();
    }

    /** Damage that was read is not reported before a walk comes to it, and then with file and place. */
    @ParameterizedTest
    @MethodSource("backends")
    void damageAhead(String backend) throws IOException {
        fill(backend);
        Path table;
        try (Stream<Path> files = Files.list(directory)) {
            table = files.filter(file -> file.toString().endsWith(".table"))
                    .findFirst()
                    .orElseThrow();
        }
        long place = DATA_BYTES / 8;
        try (RandomAccessFile file = new RandomAccessFile(table.toFile(), "rw")) {
            file.seek(place);
            int old = file.read();
            file.seek(place);
            file.write(old ^ 1);
        }
        try (Ahead ahead = new Ahead(backend);
                Db db = Db.open(directory, options(backend));
                DbIterator iterator = db.iterator(readahead(2 << 20))) {
            iterator.seekToFirst();
            int i = 0;
            for (; i < KEYS / 10; i++) {
                check(iterator, i);
                iterator.next();
            }
            assertTrue(ahead.hasMemory(), "nothing is read ahead");
            int first = i;
            CorruptionException damage = assertThrows(CorruptionException.class, () -> {
                for (int at = first; at < KEYS; at++) {
                    check(iterator, at);
                    iterator.next();
                }
            });
            assertEquals(table.getFileName(), damage.file().getFileName());
            assertTrue(
                    damage.offset() <= place && damage.offset() > place - 8192,
                    () -> "damage at " + damage.offset() + " instead of " + place);
            iterator.seek(key(KEYS / 2)); // and behind it all is well
            for (int at = KEYS / 2; at < KEYS; at++) {
                check(iterator, at);
                iterator.next();
            }
        }
    }

    @Test
    void theBudgetHolds() {
        String backend = "user";
        int keys = 12 * KEYS; // more than the budget, so that the cache has to give way
        fill(backend, keys);
        Options options = options(backend).withMemoryBudget(BUDGET).withMemtableBytes(4 << 20);
        try (Ahead ahead = new Ahead(backend);
                Db db = Db.open(directory, options)) {
            for (int i = 0; i < keys; i++) {
                db.get(key(i));
            }
            long cached = db.stats().memory().byOwner().get("blocks");
            assertTrue(cached > BUDGET / 2, () -> "" + db.stats().memory());
            List<DbIterator> iterators = new ArrayList<>();
            long most = 0;
            for (int i = 0; i < ITERATORS; i++) {
                DbIterator iterator = db.iterator(readahead(i % 3 == 0 ? -1 : 4 << 20));
                iterators.add(iterator);
                iterator.seek(key(random.nextInt(keys / 2)));
                for (int step = 0; step < 5000; step++) {
                    iterator.next();
                }
                Stats.Memory memory = db.stats().memory();
                assertTrue(memory.total() <= BUDGET, () -> "more than the budget: " + memory);
                long inUse = ahead.runtime.memoryInUse().getOrDefault("read ahead", 0L);
                assertTrue(inUse <= BUDGET / 8, inUse + " bytes are read ahead to");
                assertTrue(memory.byOwner().get("iterators") >= inUse, () -> inUse + " of " + memory);
                most = Math.max(most, inUse);
            }
            assertTrue(most > BUDGET / 10, "no more than " + most + " were used");
            iterators.forEach(DbIterator::close);
            assertEquals(0, db.stats().memory().byOwner().get("iterators"));
        }
    }

    @Test
    void bytesAreChecked() {
        IteratorOptions options = IteratorOptions.defaults();
        assertThrows(IllegalArgumentException.class, () -> options.withReadaheadBytes(-1));
        assertThrows(
                IllegalArgumentException.class,
                () -> options.withReadaheadBytes(IteratorOptions.READAHEAD_BYTES_MAX + 1));
    }
}
