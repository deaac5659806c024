package dev.catena.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32;

/** A store in a sorted map, which also remembers a checksum of all puts in order (for one thread). */
class MapStore implements KeyValueStore {
    final ConcurrentSkipListMap<Long, byte[]> entries = new ConcurrentSkipListMap<>();
    final AtomicLong synced = new AtomicLong();
    final AtomicLong gets = new AtomicLong();
    final AtomicLong puts = new AtomicLong();
    final CRC32 history = new CRC32();

    @Override
    public Session session() {
        return new MapSession();
    }

    @Override
    public void flush() {}

    @Override
    public void settle() {}

    @Override
    public void awaitIdle() {}

    @Override
    public long tableBytesWritten() {
        return 0;
    }

    @Override
    public String backend() {
        return "map";
    }

    @Override
    public void close() {}

    private final class MapSession implements Session {
        private final MemorySegment key = MemorySegment.ofArray(new byte[KeyFormat.KEY_BYTES]);
        private final MemorySegment value = MemorySegment.ofArray(new byte[ValueSource.VALUE_BYTES]);

        @Override
        public MemorySegment key() {
            return key;
        }

        @Override
        public MemorySegment value() {
            return value;
        }

        @Override
        public void put(boolean isSynced) {
            byte[] bytes = value.toArray(ValueLayout.JAVA_BYTE);
            entries.put(KeyFormat.read(key), bytes);
            puts.incrementAndGet();
            if (isSynced) {
                synced.incrementAndGet();
            }
            synchronized (history) {
                history.update(key.toArray(ValueLayout.JAVA_BYTE));
                history.update(bytes);
            }
        }

        @Override
        public long get() {
            gets.incrementAndGet();
            byte[] found = entries.get(KeyFormat.read(key));
            if (found == null) {
                return -1;
            }
            value.copyFrom(MemorySegment.ofArray(found));
            return found.length;
        }

        @Override
        public Cursor cursor(long readaheadBytes) {
            return new MapCursor();
        }

        @Override
        public void close() {}

        private final class MapCursor implements Cursor {
            private Iterator<Map.Entry<Long, byte[]>> iterator =
                    entries.entrySet().iterator();

            @Override
            public boolean first() {
                return next();
            }

            @Override
            public boolean seek() {
                iterator = entries.tailMap(KeyFormat.read(key)).entrySet().iterator();
                return next();
            }

            @Override
            public boolean next() {
                if (!iterator.hasNext()) {
                    return false;
                }
                Map.Entry<Long, byte[]> entry = iterator.next();
                KeyFormat.write(key, entry.getKey());
                value.copyFrom(MemorySegment.ofArray(entry.getValue()));
                return true;
            }

            @Override
            public void close() {}
        }
    }
}
