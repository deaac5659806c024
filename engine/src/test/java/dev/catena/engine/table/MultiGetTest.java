package dev.catena.engine.table;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.ColumnFamily;
import dev.catena.engine.Compression;
import dev.catena.engine.CorruptionException;
import dev.catena.engine.Db;
import dev.catena.engine.MergeOperators;
import dev.catena.engine.Options;
import dev.catena.engine.Snapshot;
import dev.catena.io.chain.ChainAccount;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.memory.NativeMemory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Lookups of many keys whose blocks are not in the cache: read by few chains, and the same as single lookups. */
class MultiGetTest {
    private static final int KEYS = 40_000;

    @TempDir
    private Path directory;

    private final long seed = Long.getLong("catena.seed", System.nanoTime());
    private final Random random = new Random(seed);
    private ChainRuntime runtime;
    private final long fastNanos = ChainReads.fastNanos;
    private long memoryBefore;

    @BeforeEach
    void open() {
        System.out.println("MultiGetTest seed " + seed);
        runtime = ChainRuntime.acquire(null); // kept open, so that its accounts stay
        ChainReads.fastNanos = 0; // reads come out of the page cache here, and yet are to be chains
        memoryBefore = NativeMemory.allocatedBytes();
    }

    @AfterEach
    void nothingIsLeaked() {
        ChainReads.fastNanos = fastNanos;
        assertEquals(memoryBefore, NativeMemory.allocatedBytes(), () -> "leaked: " + NativeMemory.allocatedByOwner());
        assertEquals(null, runtime.memoryInUse().get("lookups"));
        runtime.close();
    }

    private record Count(long chains, long reads) {}

    private Count count() {
        List<ChainAccount> lookups = runtime.accounts().stream()
                .filter(account -> account.kind().equals("lookups"))
                .toList();
        return new Count(
                lookups.stream().mapToLong(ChainAccount::chains).sum(),
                lookups.stream().mapToLong(ChainAccount::completions).sum());
    }

    private static byte[] key(int i) {
        return ByteBuffer.allocate(8).putInt(4, i).array();
    }

    private static byte[] value(int i) {
        return ByteBuffer.allocate(100).putInt(50, i).array();
    }

    private static Options options() {
        return Options.defaults()
                .withMemtableBytes(1 << 20)
                .withCacheBytes(1 << 20)
                .withCompression(Compression.NONE)
                .withMergeOperator(MergeOperators.append(new byte[] {','}));
    }

    private void fill() {
        try (Db db = Db.open(directory, options())) {
            for (int i = 0; i < KEYS; i++) {
                db.put(key(i), value(i));
            }
            db.compact();
        }
    }

    /** A hundred keys in as many blocks of one level: the chains are those for filters, for indexes and for data. */
    @Test
    void blocksAreReadAtOnce() {
        fill();
        List<byte[]> keys = new ArrayList<>();
        for (int i = 0; i < KEYS; i += KEYS / 100) {
            keys.add(key(i));
        }
        try (Db db = Db.open(directory, options())) {
            Count before = count();
            long missesBefore = db.stats().memory().cacheMisses();
            List<byte[]> values = db.multiGet(keys);
            for (int i = 0; i < keys.size(); i++) {
                assertArrayEquals(value(i * (KEYS / 100)), values.get(i));
            }
            Count after = count();
            assertTrue(db.stats().memory().cacheMisses() - missesBefore >= 100, "the blocks were in the cache");
            assertTrue(after.reads - before.reads >= 100, "reads " + (after.reads - before.reads));
            assertTrue(after.chains - before.chains <= 4, "chains " + (after.chains - before.chains));
            assertTrue(db.stats().memory().byOwner().get("lookups") >= 1 << 20, () -> "" + db.stats());
        }
    }

    /** Blocks that lie one behind the other are read as one. */
    @Test
    void neighboursAreReadAsOne() {
        fill();
        List<byte[]> keys = new ArrayList<>();
        for (int i = 1000; i < 5000; i++) {
            keys.add(key(i));
        }
        try (Db db = Db.open(directory, options())) {
            Count before = count();
            assertTrue(db.multiGet(keys).stream().allMatch(value -> value != null));
            Count after = count();
            long blocks = 4000 * 110 / 4096;
            assertTrue(after.reads - before.reads < blocks / 2, (after.reads - before.reads) + " reads for " + blocks);
        }
    }

    /** Values, operands, deletions of keys and ranges over several levels and memtables, two families, snapshots; a cache that is too small. */
    @Test
    void findsWhatSingleLookupsFind() {
        try (Db db = Db.open(directory, options())) {
            ColumnFamily other = db.createColumnFamily("other", options());
            List<Snapshot> snapshots = new ArrayList<>();
            for (int round = 0; round < 5; round++) {
                for (int i = 0; i < 12_000; i++) {
                    ColumnFamily family = random.nextInt(4) == 0 ? other : db;
                    byte[] key = key(random.nextInt(KEYS));
                    switch (random.nextInt(8)) {
                        case 0 -> family.delete(key);
                        case 1, 2 -> family.merge(key, value(i));
                        default -> family.put(key, value(i));
                    }
                }
                int begin = random.nextInt(KEYS - 2000);
                db.deleteRange(key(begin), key(begin + 2000));
                snapshots.add(db.snapshot());
                if (round == 1) {
                    db.compact();
                } else if (round < 4) {
                    db.flush();
                    other.flush();
                }
            }
            for (int round = 0; round < 20; round++) {
                List<byte[]> keys = new ArrayList<>();
                for (int i = random.nextInt(700); i >= 0; i--) {
                    keys.add(key(random.nextInt(KEYS + 1000)));
                }
                keys.addAll(keys.subList(0, Math.min(keys.size(), 20)));
                Collections.shuffle(keys, random);
                for (ColumnFamily family : List.of(db, other)) {
                    Snapshot snapshot = snapshots.get(random.nextInt(snapshots.size()));
                    List<byte[]> now = family.multiGet(keys);
                    List<byte[]> then = family.multiGet(keys, snapshot);
                    for (int i = 0; i < keys.size(); i++) {
                        assertArrayEquals(family.get(keys.get(i)), now.get(i));
                        assertArrayEquals(family.get(keys.get(i), snapshot), then.get(i));
                    }
                }
            }
            snapshots.forEach(Snapshot::close);
        }
    }

    /** A damaged block fails the call when a key is in it, and only then; the store goes on. */
    @Test
    void aDamagedBlockFailsTheCallThatNeedsIt() throws IOException {
        fill();
        Path table;
        try (Stream<Path> files = Files.list(directory)) {
            table = files.filter(file -> file.toString().endsWith(".table"))
                    .sorted()
                    .findFirst()
                    .orElseThrow();
        }
        try (RandomAccessFile file = new RandomAccessFile(table.toFile(), "rw")) {
            file.seek(10_000); // the third block
            int old = file.read();
            file.seek(10_000);
            file.write(old ^ 1);
        }
        try (Db db = Db.open(directory, options())) {
            List<byte[]> well = new ArrayList<>(List.of(key(0), key(1000), key(2000), key(3000)));
            List<byte[]> all = new ArrayList<>(well);
            all.add(key(10_000 / 110));
            CorruptionException e = assertThrows(CorruptionException.class, () -> db.multiGet(all));
            assertEquals(table, e.file());
            assertTrue(e.offset() > 5000 && e.offset() <= 10_000, () -> "" + e.offset());
            assertEquals(
                    4, db.multiGet(well).stream().filter(value -> value != null).count());
            assertThrows(CorruptionException.class, () -> db.multiGet(all));
            assertEquals(1, db.damages().size());
        }
    }
}
