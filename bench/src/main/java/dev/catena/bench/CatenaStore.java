package dev.catena.bench;

import dev.catena.engine.Compression;
import dev.catena.engine.Db;
import dev.catena.engine.DbIterator;
import dev.catena.engine.Durability;
import dev.catena.engine.IteratorOptions;
import dev.catena.engine.Options;
import dev.catena.engine.Stats;
import dev.catena.engine.StoreEvent;
import dev.catena.engine.StoreListener;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** Catena under the workloads: native buffers, and the calls that take {@link MemorySegment}s. */
public final class CatenaStore implements KeyValueStore {
    /** With nothing begun for so long a store is idle: it looks for work by itself when it has rested for two seconds. */
    private static final long IDLE_MILLIS = 4000;

    private final Db db;
    private final int valueBytes;
    private final Work work = new Work();

    /** Opens a store, or makes one. */
    public CatenaStore(Path directory, StoreSettings settings) {
        this(
                directory,
                Options.defaults()
                        .withMemtableBytes(settings.memtableBytes())
                        .withCacheBytes(settings.cacheBytes())
                        .withBlockBytes(settings.blockBytes())
                        .withFilterBitsPerKey(settings.filterBitsPerKey())
                        .withCompression(Compression.LZ4),
                ValueSource.VALUE_BYTES);
    }

    /** Opens a store, or makes one, with options but for the listener, and for values of so many bytes. */
    public CatenaStore(Path directory, Options options, int valueBytes) {
        this.valueBytes = valueBytes;
        db = Db.open(directory, options.withListener(work));
    }

    /** What goes on in the background. */
    private static final class Work implements StoreListener {
        private int running;
        private long changes;

        @Override
        public void began(StoreEvent event) {
            count(event, 1);
        }

        @Override
        public void ended(StoreEvent event) {
            count(event, -1);
        }

        private synchronized void count(StoreEvent event, int change) {
            if (!(event instanceof StoreEvent.SlowDown)) { // which may last until the next write
                running += change;
                changes++;
                notifyAll();
            }
        }

        synchronized void awaitIdle() throws InterruptedException {
            long seen;
            do {
                seen = changes;
                wait(IDLE_MILLIS);
            } while (running > 0 || changes != seen);
        }
    }

    @Override
    public Session session() {
        return new CatenaSession(db, valueBytes);
    }

    @Override
    public void flush() {
        db.flush();
    }

    @Override
    public void settle() {
        db.compact();
    }

    @Override
    public void awaitIdle() {
        flush();
        try {
            work.awaitIdle();
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while waiting for the store to be idle", e);
        }
    }

    @Override
    public long tableBytesWritten() {
        Stats.Compaction compaction = db.stats().compaction();
        return compaction.flushedBytes() + compaction.writtenBytes();
    }

    @Override
    public String backend() {
        return db.stats().backend();
    }

    @Override
    public void close() {
        db.close();
    }

    private static final class CatenaSession implements Session {
        private final Db db;
        private final Arena arena = Arena.ofConfined();
        private final MemorySegment key = arena.allocate(KeyFormat.KEY_BYTES, 8);
        private final MemorySegment value;

        CatenaSession(Db db, int valueBytes) {
            this.db = db;
            value = arena.allocate(valueBytes, 8);
        }

        @Override
        public MemorySegment key() {
            return key;
        }

        @Override
        public MemorySegment value() {
            return value;
        }

        @Override
        public void put(boolean synced) {
            db.put(key, value, synced ? Durability.SYNCED : Durability.BUFFERED);
        }

        @Override
        public long get() {
            return db.get(key, value);
        }

        @Override
        public Cursor cursor(long readaheadBytes) {
            return new CatenaCursor(
                    readaheadBytes < 0
                            ? db.iterator()
                            : db.iterator(IteratorOptions.defaults().withReadaheadBytes(readaheadBytes)),
                    key,
                    value);
        }

        @Override
        public void close() {
            arena.close();
        }
    }

    private static final class CatenaCursor implements Cursor {
        private final DbIterator iterator;
        private final MemorySegment key;
        private final MemorySegment value;

        CatenaCursor(DbIterator iterator, MemorySegment key, MemorySegment value) {
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
