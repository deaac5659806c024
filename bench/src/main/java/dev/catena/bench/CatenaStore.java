package dev.catena.bench;

import dev.catena.engine.Compression;
import dev.catena.engine.Db;
import dev.catena.engine.DbIterator;
import dev.catena.engine.Durability;
import dev.catena.engine.Options;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** Catena under the workloads: native buffers, and the calls that take {@link MemorySegment}s. */
public final class CatenaStore implements KeyValueStore {
    private final Db db;

    /** Opens a store, or makes one. */
    public CatenaStore(Path directory, StoreSettings settings) {
        db = Db.open(
                directory,
                Options.defaults()
                        .withMemtableBytes(settings.memtableBytes())
                        .withCacheBytes(settings.cacheBytes())
                        .withBlockBytes(settings.blockBytes())
                        .withFilterBitsPerKey(settings.filterBitsPerKey())
                        .withCompression(Compression.LZ4));
    }

    @Override
    public Session session() {
        return new CatenaSession(db);
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
        private final MemorySegment value = arena.allocate(ValueSource.VALUE_BYTES, 8);

        CatenaSession(Db db) {
            this.db = db;
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
        public Cursor cursor() {
            return new CatenaCursor(db.iterator(), key, value);
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
