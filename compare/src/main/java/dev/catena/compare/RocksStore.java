package dev.catena.compare;

import dev.catena.bench.KeyFormat;
import dev.catena.bench.KeyValueStore;
import dev.catena.bench.StoreSettings;
import dev.catena.bench.ValueSource;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.FlushOptions;
import org.rocksdb.HyperClockCache;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Statistics;
import org.rocksdb.TickerType;
import org.rocksdb.WriteOptions;

/**
 * RocksDB under the workloads. What is set is what {@link StoreSettings} names, LZ4, and the faster of its two caches; all else is as
 * RocksDB comes. Keys and values pass through heap arrays that are used again: on this path its JNI calls were measured faster than
 * on direct buffers (walks by a sixth, scans by a tenth, gets and puts about the same).
 */
final class RocksStore implements KeyValueStore {
    /** RocksDB chooses how many shards its cache has. */
    private static final int AUTOMATIC_SHARDS = -1;

    private static final long POLL_NANOS = 100_000_000;

    private final Cache cache;
    private final BloomFilter filter;
    private final Options options;
    private final @Nullable Statistics statistics;
    private final int valueBytes;
    private final RocksDB db;

    /**
     * Opens a store, or makes one.
     *
     * @param recycledLogs how many old log files are kept to be written again; RocksDB's default is 0
     */
    RocksStore(Path directory, StoreSettings settings, int recycledLogs) {
        this(directory, settings, recycledLogs, ValueSource.VALUE_BYTES, false);
    }

    /** The same, for values of so many bytes; to be watched: bytes written are counted, and tables read and written past the page cache. */
    RocksStore(Path directory, StoreSettings settings, int recycledLogs, int valueBytes, boolean watched) {
        RocksDB.loadLibrary();
        this.valueBytes = valueBytes;
        statistics = watched ? new Statistics() : null;
        cache = new HyperClockCache(settings.cacheBytes(), 0, AUTOMATIC_SHARDS, false);
        filter = new BloomFilter(settings.filterBitsPerKey());
        options = new Options()
                .setCreateIfMissing(true)
                .setWriteBufferSize(settings.memtableBytes())
                .setCompressionType(CompressionType.LZ4_COMPRESSION)
                .setRecycleLogFileNum(recycledLogs)
                .setTableFormatConfig(new BlockBasedTableConfig()
                        .setBlockSize(settings.blockBytes())
                        .setBlockCache(cache)
                        .setFilterPolicy(filter));
        if (statistics != null) {
            options.setStatistics(statistics).setUseDirectReads(true).setUseDirectIoForFlushAndCompaction(true);
        }
        try {
            db = RocksDB.open(options, directory.toString());
        } catch (RocksDBException e) {
            throw failed("open", e);
        }
    }

    /** What the report calls it. */
    static String version() {
        RocksDB.loadLibrary();
        return "rocksdbjni " + RocksDB.rocksdbVersion();
    }

    @Override
    public Session session() {
        return new RocksSession(db, valueBytes);
    }

    @Override
    public void flush() {
        try (FlushOptions wait = new FlushOptions().setWaitForFlush(true)) {
            db.flush(wait);
        } catch (RocksDBException e) {
            throw failed("flush", e);
        }
    }

    @Override
    public void settle() {
        flush();
        try {
            db.compactRange();
        } catch (RocksDBException e) {
            throw failed("compactRange", e);
        }
    }

    @Override
    public void awaitIdle() {
        flush();
        try {
            while (db.getLongProperty("rocksdb.num-running-compactions") > 0
                    || db.getLongProperty("rocksdb.num-running-flushes") > 0
                    || db.getLongProperty("rocksdb.compaction-pending") > 0) {
                LockSupport.parkNanos(POLL_NANOS);
            }
        } catch (RocksDBException e) {
            throw failed("getLongProperty", e);
        }
    }

    @Override
    public long tableBytesWritten() {
        if (statistics == null) {
            throw new IllegalStateException("nothing is counted: the store was not opened to be watched");
        }
        return statistics.getTickerCount(TickerType.FLUSH_WRITE_BYTES)
                + statistics.getTickerCount(TickerType.COMPACT_WRITE_BYTES);
    }

    @Override
    public String backend() {
        return version();
    }

    @Override
    public void close() {
        db.close();
        options.close();
        filter.close();
        cache.close();
        if (statistics != null) {
            statistics.close();
        }
    }

    private static IllegalStateException failed(String call, RocksDBException e) {
        return new IllegalStateException("RocksDB " + call + ": " + e.getMessage(), e);
    }

    private static final class RocksSession implements Session {
        private final RocksDB db;
        private final WriteOptions buffered = new WriteOptions();
        private final WriteOptions synced = new WriteOptions().setSync(true);
        private final ReadOptions reading = new ReadOptions();
        private final byte[] key = new byte[KeyFormat.KEY_BYTES];
        private final byte[] value;
        private final MemorySegment keySegment = MemorySegment.ofArray(key);
        private final MemorySegment valueSegment;

        RocksSession(RocksDB db, int valueBytes) {
            this.db = db;
            value = new byte[valueBytes];
            valueSegment = MemorySegment.ofArray(value);
        }

        @Override
        public MemorySegment key() {
            return keySegment;
        }

        @Override
        public MemorySegment value() {
            return valueSegment;
        }

        @Override
        public void put(boolean isSynced) {
            try {
                db.put(isSynced ? synced : buffered, key, value);
            } catch (RocksDBException e) {
                throw failed("put", e);
            }
        }

        @Override
        public long get() {
            try {
                return db.get(reading, key, value);
            } catch (RocksDBException e) {
                throw failed("get", e);
            }
        }

        @Override
        public Cursor cursor(long readaheadBytes) {
            reading.setReadaheadSize(Math.max(0, readaheadBytes)); // 0 is its own choice
            return new RocksCursor(db.newIterator(reading), key, value);
        }

        @Override
        public void close() {
            buffered.close();
            synced.close();
            reading.close();
        }
    }

    private static final class RocksCursor implements Cursor {
        private final RocksIterator iterator;
        private final byte[] key;
        private final byte[] value;

        RocksCursor(RocksIterator iterator, byte[] key, byte[] value) {
            this.iterator = iterator;
            this.key = key;
            this.value = value;
        }

        @Override
        public boolean first() {
            iterator.seekToFirst();
            return take();
        }

        @Override
        public boolean seek() {
            iterator.seek(key);
            return take();
        }

        @Override
        public boolean next() {
            iterator.next();
            return take();
        }

        private boolean take() {
            if (!iterator.isValid()) {
                return false;
            }
            iterator.key(key);
            iterator.value(value);
            return true;
        }

        @Override
        public void close() {
            iterator.close();
        }
    }
}
