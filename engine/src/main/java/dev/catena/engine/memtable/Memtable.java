package dev.catena.engine.memtable;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.ValueSink;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.List;

/**
 * The newest writes, sorted: a skip list in off-heap memory.
 *
 * <p>A node, 8-byte aligned, never moved and never changed but for its links:
 *
 * <pre>
 *  0  u64 prefix        first 8 bytes of the user key as a big-endian number (a comparison seldom needs more)
 *  8  u64 trailer       sequence and kind
 * 16  u32 key length | height &lt;&lt; 24
 * 20  u32 value length
 * 24  u64 next[height]  addresses of the next node on each level, 0 at the end
 *     key bytes, value bytes
 * </pre>
 *
 * <p>Invariants: level n + 1 is a sublist of level n; a node is complete before it can be reached. A node is linked from level 0
 * upwards, each link stored with release semantics and read with acquire, so a reader that sees a link sees the whole node; a
 * reader that does not see it yet on a higher level still finds it on level 0.
 *
 * <p>Threads: one writer at a time (the caller sees to it, with a happens-before edge from one to the next), any number of readers,
 * none of which ever waits. Memory is freed when the last reference is released.
 */
public final class Memtable {
    private static final int MAX_HEIGHT = 12;
    private static final int TRAILER = 8;
    private static final int KEY_LENGTH = 16;
    private static final int VALUE_LENGTH = 20;
    private static final int NEXT = 24;
    private static final int HEIGHT_SHIFT = 24;
    private static final int KEY_LENGTH_MASK = (1 << HEIGHT_SHIFT) - 1;

    private static final String OWNER = "memtable";
    private static final long CHUNK_MIN = 64L << 10;
    private static final long CHUNK_MAX = 4L << 20;

    private static final VarHandle MEMORY_BYTES;
    private static final VarHandle ENTRIES;
    private static final VarHandle REFERENCES;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            MEMORY_BYTES = lookup.findVarHandle(Memtable.class, "memoryBytes", long.class);
            ENTRIES = lookup.findVarHandle(Memtable.class, "entries", long.class);
            REFERENCES = lookup.findVarHandle(Memtable.class, "references", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final long chunkBytes;
    private final List<MemorySegment> chunks = new ArrayList<>();
    private final long head;

    // Owned by the writer.
    private long free;
    private long freeEnd;
    private long random = 0x9e3779b97f4a7c15L;
    private int listHeight = 1;
    private final long[] before = new long[MAX_HEIGHT];
    /** The last node of each level, the head where a level is empty: where ascending keys go without a search. */
    private final long[] last = new long[MAX_HEIGHT];

    // Written by the writer, read by anyone (opaque).
    private long memoryBytes;
    private long entries;

    private volatile int references = 1;

    /**
     * An empty memtable with one reference.
     *
     * @param limitBytes about how many bytes it is going to hold: sizes the chunks of memory that it takes; not enforced
     */
    public Memtable(long limitBytes) {
        chunkBytes = Math.clamp(limitBytes / 16, CHUNK_MIN, CHUNK_MAX);
        head = allocate(NEXT + 8 * MAX_HEIGHT);
        Memory.putLong(head, 0);
        Memory.putLong(head + TRAILER, 0);
        Memory.putInt(head + KEY_LENGTH, MAX_HEIGHT << HEIGHT_SHIFT);
        Memory.putInt(head + VALUE_LENGTH, 0);
        for (int level = 0; level < MAX_HEIGHT; level++) {
            Memory.putLong(head + NEXT + 8L * level, 0);
            last[level] = head;
        }
        memoryBytes = 0;
    }

    /**
     * Adds one version. One thread at a time.
     *
     * @param sequence of the write; no two versions of one key have the same
     * @param kind {@link Keys#PUT} or {@link Keys#DELETE} (value length 0)
     * @param key any segment, on or off the heap; copied
     * @param keyOffset where the key starts in it
     * @param keyLength bytes of the key
     * @param value any segment; copied
     * @param valueOffset where the value starts in it
     * @param valueLength bytes of the value
     */
    public void put(
            long sequence,
            int kind,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength) {
        int height = randomHeight();
        long node = allocate(NEXT + 8L * height + keyLength + valueLength);
        long keyAddress = node + NEXT + 8L * height;
        MemorySegment.copy(key, keyOffset, Memory.ALL, keyAddress, keyLength);
        if (valueLength > 0) {
            MemorySegment.copy(value, valueOffset, Memory.ALL, keyAddress + keyLength, valueLength);
        }
        long prefix = Keys.prefix(keyAddress, keyLength);
        long trailer = Keys.trailer(sequence, kind);
        Memory.putLong(node, prefix);
        Memory.putLong(node + TRAILER, trailer);
        Memory.putInt(node + KEY_LENGTH, keyLength | height << HEIGHT_SHIFT);
        Memory.putInt(node + VALUE_LENGTH, valueLength);

        if (last[0] == head || isBefore(last[0], prefix, keyAddress, keyLength, trailer)) {
            System.arraycopy(last, 0, before, 0, height);
        } else {
            findBefore(prefix, keyAddress, keyLength, trailer, height);
        }
        listHeight = Math.max(listHeight, height);
        for (int level = 0; level < height; level++) {
            long link = before[level] + NEXT + 8L * level;
            long next = Memory.getLong(link);
            Memory.putLong(node + NEXT + 8L * level, next);
            Memory.putLongRelease(link, node);
            if (next == 0) {
                last[level] = node;
            }
        }
        ENTRIES.setOpaque(this, entries + 1);
    }

    /**
     * Looks a key up as of a snapshot. Any thread that knows the memtable to be retained.
     *
     * @param key an off-heap segment
     * @param keyOffset where the key starts in it
     * @param keyLength bytes of the key
     * @param snapshotSequence the largest sequence number to see
     * @param sink takes the value when there is one
     */
    public Lookup find(MemorySegment key, long keyOffset, int keyLength, long snapshotSequence, ValueSink sink) {
        long keyAddress = Memory.address(key, keyOffset, keyLength);
        long node = findAtOrAfter(
                Keys.prefix(keyAddress, keyLength), keyAddress, keyLength, Keys.seekTrailer(snapshotSequence));
        Lookup result = Lookup.ABSENT;
        if (node != 0
                && keyLength(node) == keyLength
                && Keys.compare(keyAddress(node), keyLength, keyAddress, keyLength) == 0) {
            if (Keys.kind(Memory.getLong(node + TRAILER)) == Keys.PUT) {
                sink.accept(Memory.ALL, keyAddress(node) + keyLength, Memory.getInt(node + VALUE_LENGTH));
                result = Lookup.FOUND;
            } else {
                result = Lookup.DELETED;
            }
        }
        Reference.reachabilityFence(key);
        return result;
    }

    /** A new iterator that retains the memtable until closed. It also shows entries that are added ahead of it while it moves. */
    public InternalIterator iterator() {
        retain();
        return new Cursor();
    }

    /** Bytes that entries take up, bookkeeping included. Any thread. */
    public long memoryBytes() {
        return (long) MEMORY_BYTES.getOpaque(this);
    }

    /** Versions added. Any thread. */
    public long entries() {
        return (long) ENTRIES.getOpaque(this);
    }

    /** Adds a reference. The caller holds one already, or knows otherwise that the memtable is not freed meanwhile. */
    public void retain() {
        int before = (int) REFERENCES.getAndAdd(this, 1);
        if (before <= 0) {
            throw new AssertionError("a freed memtable was retained");
        }
    }

    /** Gives a reference back; the last one frees the memory. */
    public void release() {
        int before = (int) REFERENCES.getAndAdd(this, -1);
        if (before == 1) {
            for (MemorySegment chunk : chunks) {
                NativeMemory.free(chunk);
            }
            chunks.clear();
        } else if (before <= 0) {
            throw new AssertionError("a memtable was released more often than retained");
        }
    }

    /** Fills {@code before} with the last node before the key on each level below {@code height}. */
    private void findBefore(long prefix, long key, int keyLength, long trailer, int height) {
        for (int level = listHeight; level < height; level++) {
            before[level] = head;
        }
        long node = head;
        long stop = 0;
        for (int level = listHeight - 1; level >= 0; level--) {
            long link = NEXT + 8L * level;
            long next = Memory.getLong(node + link);
            // A node that stopped the level above stops this one too.
            while (next != stop && isBefore(next, prefix, key, keyLength, trailer)) {
                node = next;
                next = Memory.getLong(node + link);
            }
            stop = next;
            before[level] = node;
        }
    }

    private long findAtOrAfter(long prefix, long key, int keyLength, long trailer) {
        long node = head;
        long stop = 0;
        for (int level = MAX_HEIGHT - 1; level >= 0; level--) {
            long link = NEXT + 8L * level;
            long next = Memory.getLongAcquire(node + link);
            while (next != stop && next != 0 && isBefore(next, prefix, key, keyLength, trailer)) {
                node = next;
                next = Memory.getLongAcquire(node + link);
            }
            stop = next;
        }
        return stop;
    }

    private static boolean isBefore(long node, long prefix, long key, int keyLength, long trailer) {
        long nodePrefix = Memory.getLong(node);
        if (nodePrefix != prefix) {
            return Long.compareUnsigned(nodePrefix, prefix) < 0;
        }
        int nodeKeyLength = keyLength(node);
        int equal = Math.min(8, Math.min(nodeKeyLength, keyLength));
        int order = Keys.compareFrom(equal, keyAddress(node), nodeKeyLength, key, keyLength);
        return order != 0 ? order < 0 : Long.compareUnsigned(Memory.getLong(node + TRAILER), trailer) > 0;
    }

    private static int keyLength(long node) {
        return Memory.getInt(node + KEY_LENGTH) & KEY_LENGTH_MASK;
    }

    private static long keyAddress(long node) {
        return node + NEXT + 8L * (Memory.getInt(node + KEY_LENGTH) >>> HEIGHT_SHIFT);
    }

    /** One level more with a probability of one in four. */
    private int randomHeight() {
        long x = random;
        x ^= x << 13;
        x ^= x >>> 7;
        x ^= x << 17;
        random = x;
        return 1 + Math.min(Long.numberOfTrailingZeros(x) >>> 1, MAX_HEIGHT - 1);
    }

    private long allocate(long bytes) {
        long size = (bytes + 7) & -8L;
        long address;
        if (size <= freeEnd - free) {
            address = free;
            free += size;
        } else if (size > chunkBytes / 4) {
            address = addChunk(size);
        } else {
            address = addChunk(chunkBytes);
            free = address + size;
            freeEnd = address + chunkBytes;
        }
        MEMORY_BYTES.setOpaque(this, memoryBytes + size);
        return address;
    }

    private long addChunk(long bytes) {
        MemorySegment chunk = NativeMemory.allocate(bytes, OWNER);
        chunks.add(chunk);
        return chunk.address();
    }

    /** Stands on a node; 0 is nowhere. */
    private final class Cursor implements InternalIterator {
        private long node;
        private boolean closed;

        @Override
        public void seekToFirst() {
            checkOpen();
            node = Memory.getLongAcquire(head + NEXT);
        }

        @Override
        public void seek(long key, int length, long trailer) {
            checkOpen();
            node = findAtOrAfter(Keys.prefix(key, length), key, length, trailer);
        }

        @Override
        public void next() {
            node = Memory.getLongAcquire(node + NEXT);
        }

        @Override
        public boolean isValid() {
            return node != 0;
        }

        @Override
        public long keyAddress() {
            return Memtable.keyAddress(node);
        }

        @Override
        public int keyLength() {
            return Memtable.keyLength(node);
        }

        @Override
        public long trailer() {
            return Memory.getLong(node + TRAILER);
        }

        @Override
        public long valueAddress() {
            return keyAddress() + keyLength();
        }

        @Override
        public int valueLength() {
            return Memory.getInt(node + VALUE_LENGTH);
        }

        @Override
        public void close() {
            node = 0;
            if (!closed) {
                closed = true;
                release();
            }
        }

        private void checkOpen() {
            if (closed) {
                throw new AssertionError("a closed iterator was moved");
            }
        }
    }
}
