package dev.catena.engine.memtable;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.Filter;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MemoryAccount;
import dev.catena.engine.entry.MemoryAccount.Owner;
import dev.catena.engine.entry.RangeDeletion;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.entry.ValueSink;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The newest writes, sorted: a skip list in off-heap memory.
 *
 * <p>A node, 8-byte aligned, never moved and never changed but for its links, which lie in front of it, the lowest level's nearest:
 *
 * <pre>
 * -16 (level + 1)  link      on each level: u64 address of the next node, 0 at the end, u64 that node's prefix
 *   0  u64 prefix            the user key's: see KeyOrder (a comparison seldom needs more)
 *   8  u64 trailer           sequence and kind
 *  16  u32 key length in the lower 17 bits, above them a hash of both lengths, u32 value length
 *  24  u32 checksum          see EntryChecksum
 *  28  key bytes, value bytes, with an operand u32 operands of the key that follow one another from it on
 * </pre>
 *
 * <p>What a search costs is cache misses, one for each node that it looks at. A level ends at the first node that is not before the
 * key, and the prefix in the link mostly says so without a look at that node. So levels that end at once are free, and with every
 * second node of a level also on the next one, a search looks at one node a level on average.
 *
 * <p>Invariants: level n + 1 is a sublist of level n; a node is complete before it can be reached. A node is linked from level 0
 * upwards, each link stored with release semantics and read with acquire, so a reader that sees a link sees the whole node; a
 * reader that does not see it yet on a higher level still finds it on level 0. A link's prefix is stored before its address and
 * read after it, so the prefix that a reader sees is that of the node it sees, or of one put in front of that node since, which is
 * no larger. Hence a larger prefix ends a level rightly, for readers too; that a node is before the key they read from the node.
 *
 * <p>A filter over the keys spares most lookups of what is not here the search. It is added to before the node is linked; a reader
 * finds what was put before it last synchronized with the writer, as it does by the version number that it reads up to. It is small
 * at first; when there is too much for that, one of full size with all keys takes its place. The small one stays for who reads it.
 *
 * <p>Threads: one writer at a time (the caller sees to it, with a happens-before edge from one to the next), any number of readers,
 * none of which ever waits. Memory is freed when the last reference is released.
 */
public final class Memtable {
    private static final int MAX_HEIGHT = 20;
    private static final int LINK = 16;
    private static final int LINK_PREFIX = 8;
    private static final int TRAILER = 8;
    private static final int KEY_LENGTH = 16;
    private static final int KEY_LENGTH_BITS = 17;
    private static final int KEY_LENGTH_MASK = (1 << KEY_LENGTH_BITS) - 1;
    private static final int VALUE_LENGTH = 20;
    private static final int CHECKSUM = 24;
    private static final int KEY = 28;
    private static final int COUNT = 4;

    /** What a deletion of a range takes beside its keys, when readers have laid it out, too; about. */
    private static final int RANGE_DELETION_BYTES = 256;

    private static final int LINKED_AT_ONCE = 64;

    private static final String OWNER = "memtable";

    /** Chunks begin so small and grow with what there is, up to a sixteenth of the limit: many memtables have little in them. */
    private static final long CHUNK_MIN = 16L << 10;

    /** The filter takes this part of the limit: some 10 bits a key where entries take 80 bytes. */
    private static final int FILTER_SHARE = 64;

    private static final long FILTER_MIN = 4L << 10;
    private static final long FILTER_MAX = 64L << 20;
    private static final int FILTER_PROBES = 5;
    private static final long CHUNK_MAX = 4L << 20;

    private static final VarHandle MEMORY_BYTES;
    private static final VarHandle ALLOCATED_BYTES;
    private static final VarHandle ENTRIES;
    private static final VarHandle LIST_HEIGHT;
    private static final VarHandle REFERENCES;
    private static final VarHandle FILTER;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            MEMORY_BYTES = lookup.findVarHandle(Memtable.class, "memoryBytes", long.class);
            ALLOCATED_BYTES = lookup.findVarHandle(Memtable.class, "allocatedBytes", long.class);
            ENTRIES = lookup.findVarHandle(Memtable.class, "entries", long.class);
            LIST_HEIGHT = lookup.findVarHandle(Memtable.class, "listHeight", int.class);
            FILTER = lookup.findVarHandle(Memtable.class, "filter", MemorySegment.class);
            REFERENCES = lookup.findVarHandle(Memtable.class, "references", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final MemoryAccount account;
    private final KeyOrder order;

    /** The store's directory, for messages; null when there are no checksums. */
    private final @Nullable Path store;

    private final String name;
    private final long chunkBytesMax;
    private final long filterBytesMax;
    private MemorySegment filter; // replaced with release semantics
    private final List<MemorySegment> chunks = new ArrayList<>();
    private final ValueSink.Keeper keeper = _ -> release();
    private final long head;

    // Owned by the writer.
    private long free;
    private long freeEnd;
    private long random = 0x9e3779b97f4a7c15L;
    private final long[] before = new long[MAX_HEIGHT];
    /** The last node of each level, the head where a level is empty: where ascending keys go without a search. */
    private final long[] last = new long[MAX_HEIGHT];

    // Written by the writer, read by anyone (opaque).
    private long memoryBytes;
    private long allocatedBytes;
    private long entries;
    /** The tallest node's height, 1 at least. */
    private int listHeight = 1;

    /** Deletions of ranges, in the order written; the heap's, as they are few. Slots below the count are never changed. */
    private volatile RangeDeletion[] rangeDeletions = {};

    private volatile int rangeDeletionCount;

    /** Their checksums. Owned by the writer. */
    private int[] rangeChecksums = {};

    private volatile int references = 1;

    /**
     * An empty memtable with one reference.
     *
     * @param limitBytes about how many bytes it is going to hold: sizes the chunks of memory that it takes; not enforced
     */
    public Memtable(long limitBytes) {
        this(limitBytes, new MemoryAccount(false), KeyOrder.BYTES, Path.of(""), "a memtable");
    }

    /**
     * As {@link #Memtable(long)}.
     *
     * @param account charged with what it allocates
     * @param order of its keys
     * @param store the store's directory, for messages about checksums; null for no checksums
     * @param name what it is, for the same messages
     */
    public Memtable(long limitBytes, MemoryAccount account, KeyOrder order, @Nullable Path store, String name) {
        this.account = account;
        this.order = order;
        this.store = store;
        this.name = name;
        chunkBytesMax = Math.clamp(limitBytes / 16, CHUNK_MIN, CHUNK_MAX);
        filterBytesMax = Math.clamp(limitBytes / FILTER_SHARE, FILTER_MIN, FILTER_MAX) & -Filter.LINE;
        filter = newFilter(FILTER_MIN);
        head = allocate(LINK * MAX_HEIGHT + KEY) + LINK * MAX_HEIGHT;
        for (int level = 0; level < MAX_HEIGHT; level++) {
            Memory.putLong(link(head, level), 0);
            Memory.putLong(link(head, level) + LINK_PREFIX, 0);
            last[level] = head;
        }
        memoryBytes = 0;
    }

    private MemorySegment newFilter(long bytes) {
        MemorySegment made = NativeMemory.allocateZeroed(bytes, OWNER);
        charge(bytes);
        return made;
    }

    /** Makes the filter one of full size, with the keys that are linked. */
    void growFilter() {
        if (filter.byteSize() == filterBytesMax) {
            return;
        }
        MemorySegment larger = newFilter(filterBytesMax);
        for (long node = Memory.getLong(link(head, 0)); node != 0; node = Memory.getLong(link(node, 0))) {
            addTo(larger, keyAddress(node), keyLength(node));
        }
        chunks.add(filter);
        FILTER.setRelease(this, larger);
    }

    private static void addTo(MemorySegment filter, long keyAddress, int keyLength) {
        Filter.add(filter.address(), (int) filter.byteSize(), FILTER_PROBES, Filter.hash(keyAddress, keyLength));
    }

    private void charge(long bytes) {
        account.charge(Owner.MEMTABLES, bytes);
        ALLOCATED_BYTES.setOpaque(this, allocatedBytes + bytes);
    }

    /**
     * Adds one version. One thread at a time.
     *
     * <p>An operand knows how many operands of its key follow one another from it on, so that somebody can see to it that they do not
     * become too many.
     *
     * @param sequence of the write; no two versions of one key have the same
     * @param kind {@link Keys#PUT}, {@link Keys#DELETE} (value length 0), {@link Keys#MERGE} or {@link Keys#DELETE_RANGE}
     * @param key any segment, on or off the heap; copied
     * @param keyOffset where the key starts in it
     * @param keyLength bytes of the key
     * @param value any segment; copied
     * @param valueOffset where the value starts in it
     * @param valueLength bytes of the value
     * @return operands of the key that follow one another from this one on; 0 when it is none
     */
    public int put(
            long sequence,
            int kind,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength) {
        return put(sequence, kind, key, keyOffset, keyLength, value, valueOffset, valueLength, false, 0);
    }

    /**
     * As {@link #put(long, int, MemorySegment, long, int, MemorySegment, long, int)}, with the checksum that came with key and value. It is not
     * compared with what is copied here, but when that is read.
     *
     * @param checksum that of the entry: see {@link EntryChecksum}
     */
    public int put(
            long sequence,
            int kind,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength,
            int checksum) {
        return put(sequence, kind, key, keyOffset, keyLength, value, valueOffset, valueLength, true, checksum);
    }

    private int put(
            long sequence,
            int kind,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength,
            boolean given,
            int checksum) {
        long trailer = Keys.trailer(sequence, kind);
        if (kind == Keys.DELETE_RANGE) {
            byte[] begin = key.asSlice(keyOffset, keyLength).toArray(ValueLayout.JAVA_BYTE);
            byte[] end = value.asSlice(valueOffset, valueLength).toArray(ValueLayout.JAVA_BYTE);
            deleteRange(begin, end, sequence, given ? checksum : rangeChecksum(begin, end, sequence));
            return 0;
        }
        int height = randomHeight();
        boolean operand = kind == Keys.MERGE;
        long node =
                newNode(height, trailer, key, keyOffset, keyLength, value, valueOffset, valueLength, given, checksum);
        long prefix = Memory.getLong(node);
        long keyAddress = keyAddress(node);
        addTo(filter, keyAddress, keyLength);
        if (last[0] == head || isBefore(last[0], prefix, keyAddress, keyLength, trailer)) {
            System.arraycopy(last, 0, before, 0, height);
        } else {
            findBefore(prefix, keyAddress, keyLength, trailer, height);
        }
        int operands = operand ? countOperands(node, Memory.getLong(link(before[0], 0))) : 0;
        if (height > listHeight) {
            LIST_HEIGHT.setOpaque(this, height);
        }
        for (int level = 0; level < height; level++) {
            long link = link(before[level], level);
            long next = Memory.getLong(link);
            Memory.putLong(link(node, level), next);
            Memory.putLong(link(node, level) + LINK_PREFIX, Memory.getLong(link + LINK_PREFIX));
            Memory.putLong(link + LINK_PREFIX, prefix);
            Memory.putLongRelease(link, node);
            if (next == 0) {
                last[level] = node;
            }
        }
        ENTRIES.setOpaque(this, entries + 1);
        return operands;
    }

    /** A node of a height that is complete but for its links. */
    private long newNode(
            int height,
            long trailer,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength,
            boolean given,
            int checksum) {
        long links = (long) LINK * height;
        int count = Keys.kind(trailer) == Keys.MERGE ? COUNT : 0;
        long node = allocate(links + KEY + keyLength + valueLength + count) + links;
        long keyAddress = node + KEY;
        MemorySegment.copy(key, keyOffset, Memory.ALL, keyAddress, keyLength);
        if (valueLength > 0) {
            MemorySegment.copy(value, valueOffset, Memory.ALL, keyAddress + keyLength, valueLength);
        }
        int sum = checksum;
        if (!given && store != null) {
            long valueAddress = keyAddress + keyLength;
            sum = EntryChecksum.ofEntry(trailer, keyAddress, keyLength, valueAddress, valueLength);
            if (!Memory.isCopy(key, keyOffset, Memory.ALL, keyAddress, keyLength)
                    || !Memory.isCopy(value, valueOffset, Memory.ALL, valueAddress, valueLength)) {
                throw new IllegalStateException("key or value was changed while it was written");
            }
        }
        Memory.putLong(node, order.prefix(keyAddress, keyLength));
        Memory.putLong(node + TRAILER, trailer);
        Memory.putInt(node + KEY_LENGTH, lengths(keyLength, valueLength));
        Memory.putInt(node + VALUE_LENGTH, valueLength);
        Memory.putInt(node + CHECKSUM, sum);
        return node;
    }

    // ---- For MemtableLoader.

    KeyOrder order() {
        return order;
    }

    /**
     * As {@link #put}, but found only after {@link #addToFilter} and {@link #linkAll}; before that nothing else may be put. Returns the node, 0
     * for the deletion of a range.
     */
    long load(
            long sequence,
            int kind,
            MemorySegment from,
            long keyOffset,
            int keyLength,
            int valueLength,
            boolean given,
            int checksum) {
        long valueOffset = keyOffset + keyLength;
        if (kind == Keys.DELETE_RANGE) {
            put(sequence, kind, from, keyOffset, keyLength, from, valueOffset, valueLength, given, checksum);
            return 0;
        }
        int height = randomHeight();
        long node = newNode(
                height,
                Keys.trailer(sequence, kind),
                from,
                keyOffset,
                keyLength,
                from,
                valueOffset,
                valueLength,
                given,
                checksum);
        Memory.putLong(link(node, 0), height); // for linkAll to know
        ENTRIES.setOpaque(this, entries + 1);
        return node;
    }

    /** Adds some keys, by their hashes, to the filter. Returns nothing of use. */
    long addToFilter(long[] hashes, int count) {
        return Filter.addAll(filter.address(), (int) filter.byteSize(), FILTER_PROBES, hashes, count);
    }

    /**
     * Links all nodes that were loaded, from the last to the first: so each is touched once only. Some at a time are looked at before, as the
     * processor can wait for many cache lines at once, but not when what it does next depends on each.
     *
     * @param sorted the address of 16 bytes for each, of which the second half is the node; in order
     * @return nothing of use
     */
    long linkAll(long sorted, long count) {
        long[] next = new long[MAX_HEIGHT];
        long[] nextPrefix = new long[MAX_HEIGHT];
        long looked = 0;
        for (long end = count; end > 0; end -= LINKED_AT_ONCE) {
            long first = Math.max(0, end - LINKED_AT_ONCE);
            for (long i = first; i < end; i++) {
                looked += Memory.getLong(link(Memory.getLong(sorted + 16 * i + 8), 0));
            }
            for (long i = end - 1; i >= first; i--) {
                linkBefore(Memory.getLong(sorted + 16 * i + 8), next, nextPrefix);
            }
        }
        int tallest = 1;
        for (int level = 0; level < MAX_HEIGHT && next[level] != 0; level++) {
            Memory.putLong(link(head, level) + LINK_PREFIX, nextPrefix[level]);
            Memory.putLongRelease(link(head, level), next[level]);
            tallest = level + 1;
        }
        LIST_HEIGHT.setOpaque(this, tallest);
        return looked;
    }

    private void linkBefore(long node, long[] next, long[] nextPrefix) {
        int height = (int) Memory.getLong(link(node, 0));
        if (Keys.kind(Memory.getLong(node + TRAILER)) == Keys.MERGE) {
            countOperands(node, next[0]);
        }
        long prefix = Memory.getLong(node);
        for (int level = 0; level < height; level++) {
            Memory.putLong(link(node, level), next[level]);
            Memory.putLong(link(node, level) + LINK_PREFIX, nextPrefix[level]);
            if (next[level] == 0) {
                last[level] = node;
            }
            next[level] = node;
            nextPrefix[level] = prefix;
        }
    }

    private static int rangeChecksum(byte[] begin, byte[] end, long sequence) {
        return EntryChecksum.ofEntry(
                Keys.trailer(sequence, Keys.DELETE_RANGE),
                EntryChecksum.hash(begin, 0, begin.length, EntryChecksum.KEY),
                EntryChecksum.hash(end, 0, end.length, EntryChecksum.VALUE));
    }

    private void deleteRange(byte[] begin, byte[] end, long sequence, int checksum) {
        int count = rangeDeletionCount;
        if (count == rangeChecksums.length) {
            rangeChecksums = Arrays.copyOf(rangeChecksums, Math.max(16, 2 * count));
        }
        rangeChecksums[count] = checksum;
        RangeDeletion[] array = rangeDeletions;
        if (count == array.length) {
            array = Arrays.copyOf(array, Math.max(16, 2 * count));
            rangeDeletions = array;
        }
        array[count] = new RangeDeletion(begin, end, sequence);
        rangeDeletionCount = count + 1; // after it, for readers
        MEMORY_BYTES.setOpaque(this, memoryBytes + RANGE_DELETION_BYTES + begin.length + end.length);
        ENTRIES.setOpaque(this, entries + 1);
    }

    /** How many ranges were deleted. Any thread. */
    public int rangeDeletionCount() {
        return rangeDeletionCount;
    }

    /** The first so many deletions of ranges, as many as were counted; not to be changed. Any thread. */
    public List<RangeDeletion> rangeDeletions(int count) {
        return Arrays.asList(rangeDeletions).subList(0, count);
    }

    /** The deletions of ranges, laid out. Any thread, when nobody writes any more. */
    public RangeDeletions allRangeDeletions() {
        return RangeDeletions.of(order, rangeDeletions(rangeDeletionCount));
    }

    /** Compares the deletions of ranges with their checksums. When nobody writes any more. */
    private void checkRangeDeletions(Path in) {
        for (int i = 0; i < rangeDeletionCount; i++) {
            RangeDeletion each = rangeDeletions[i];
            int found = rangeChecksum(each.begin(), each.end(), each.sequence());
            if (found != rangeChecksums[i]) {
                throw EntryChecksum.damage(in, name, each.begin(), rangeChecksums[i], found);
            }
        }
    }

    /** A key's length with a hash of both lengths: nothing is read of a node that has others. */
    private static int lengths(int keyLength, int valueLength) {
        long both = ((long) valueLength << KEY_LENGTH_BITS) | keyLength;
        return ((int) ((both * 0x9e3779b97f4a7c15L) >>> 32) & ~KEY_LENGTH_MASK) | keyLength;
    }

    /** Whether a node's lengths are those that it was made with. */
    private static boolean hasItsLengths(long node) {
        return Memory.getInt(node + KEY_LENGTH) == lengths(keyLength(node), Memory.getInt(node + VALUE_LENGTH));
    }

    private static CorruptionException damagedLengths(Path in, String name, long node) {
        byte[] prefix = ByteBuffer.allocate(8).putLong(Memory.getLong(node)).array();
        return CorruptionException.inMemory(in, name, prefix, "the lengths of key and value", "others");
    }

    /** Compares a node with its checksum. */
    private void check(long node) {
        if (store != null) {
            if (!hasItsLengths(node)) {
                throw damagedLengths(store, name, node);
            }
            int keyLength = keyLength(node);
            long key = keyAddress(node);
            int expected = Memory.getInt(node + CHECKSUM);
            int found = EntryChecksum.ofEntry(
                    Memory.getLong(node + TRAILER),
                    key,
                    keyLength,
                    key + keyLength,
                    Memory.getInt(node + VALUE_LENGTH));
            if (found != expected) {
                throw EntryChecksum.damage(store, name, Memory.toArray(key, keyLength), expected, found);
            }
        }
    }

    /** Notes with an operand about to be linked in front of another node, or of 0, how many follow one another. */
    private static int countOperands(long node, long older) {
        int count = 1;
        if (older != 0
                && Keys.kind(Memory.getLong(older + TRAILER)) == Keys.MERGE
                && Keys.compare(keyAddress(older), keyLength(older), keyAddress(node), keyLength(node)) == 0) {
            count += Memory.getInt(count(older));
        }
        Memory.putInt(count(node), count);
        return count;
    }

    private static long count(long node) {
        return keyAddress(node) + keyLength(node) + Memory.getInt(node + VALUE_LENGTH);
    }

    /**
     * Looks a key up as of a snapshot. Any thread that knows the memtable to be retained.
     *
     * @param key an off-heap segment
     * @param keyOffset where the key starts in it
     * @param keyLength bytes of the key
     * @param snapshotSequence the largest sequence number to see
     * @param floor the sequence number up to which the key's versions are deleted, 0 for none
     * @param sink takes the value when there is one
     */
    public Lookup find(
            MemorySegment key, long keyOffset, int keyLength, long snapshotSequence, long floor, ValueSink sink) {
        long keyAddress = Memory.address(key, keyOffset, keyLength);
        MemorySegment keys = (MemorySegment) FILTER.getAcquire(this);
        if (!Filter.mayContain(
                keys.address(), (int) keys.byteSize(), FILTER_PROBES, Filter.hash(keyAddress, keyLength))) {
            Reference.reachabilityFence(key);
            return Lookup.ABSENT;
        }
        long node = find(
                order.prefix(keyAddress, keyLength), keyAddress, keyLength, Keys.seekTrailer(snapshotSequence), false);
        Lookup result = Lookup.ABSENT;
        while (result == Lookup.ABSENT
                && node != 0
                && keyLength(node) == keyLength
                && Keys.compare(keyAddress(node), keyLength, keyAddress, keyLength) == 0) {
            check(node);
            result = Lookup.of(
                    Memory.getLong(node + TRAILER),
                    floor,
                    sink,
                    keyAddress(node) + keyLength,
                    Memory.getInt(node + VALUE_LENGTH));
            if (result == Lookup.ABSENT) {
                node = Memory.getLongAcquire(link(node, 0));
            }
        }
        if (result == Lookup.FOUND && sink.keep(keeper, 0)) {
            retain();
        }
        Reference.reachabilityFence(key);
        return result;
    }

    /** A new iterator that retains the memtable until closed. It also shows entries that are added while it moves, where it has yet to come. */
    public InternalIterator iterator() {
        retain();
        return new Cursor();
    }

    /**
     * An iterator to write it as a table with, when nobody writes to it any more: finds out whether entries are missing or deletions of
     * ranges have changed. Whether entries have changed is for the reader to see, by their checksums.
     */
    public InternalIterator flushIterator() {
        if (store == null) {
            return iterator();
        }
        checkRangeDeletions(store);
        retain();
        return new CountingCursor(store);
    }

    /** Bytes that entries take up, bookkeeping included. Any thread. */
    public long memoryBytes() {
        return (long) MEMORY_BYTES.getOpaque(this);
    }

    /** Bytes that it has taken; 0 while there is no entry, as nothing can be given back then. Any thread. */
    public long allocatedBytes() {
        return memoryBytes() == 0 ? 0 : (long) ALLOCATED_BYTES.getOpaque(this);
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
                account.charge(Owner.MEMTABLES, -chunk.byteSize());
                NativeMemory.free(chunk);
            }
            account.charge(Owner.MEMTABLES, -filter.byteSize());
            chunks.clear();
            NativeMemory.free(filter);
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
            // A node that ended the level above ends this one too.
            for (long next = Memory.getLong(link(node, level));
                    next != stop;
                    next = Memory.getLong(link(node, level))) {
                long nextPrefix = Memory.getLong(link(node, level) + LINK_PREFIX);
                boolean isBefore = nextPrefix != prefix
                        ? Long.compareUnsigned(nextPrefix, prefix) < 0
                        : isBefore(next, prefix, key, keyLength, trailer);
                if (!isBefore) {
                    stop = next;
                    break;
                }
                node = next;
            }
            before[level] = node;
        }
    }

    /** The first node at or after a key and trailer, or the last one before them; 0 for none. */
    private long find(long prefix, long key, int keyLength, long trailer, boolean before) {
        long node = head;
        long stop = 0;
        // A height that is out of date costs time only.
        for (int level = (int) LIST_HEIGHT.getOpaque(this) - 1; level >= 0; level--) {
            while (true) {
                long next = Memory.getLongAcquire(link(node, level));
                if (next == stop
                        || next == 0
                        || Long.compareUnsigned(Memory.getLong(link(node, level) + LINK_PREFIX), prefix) > 0
                        || !isBefore(next, prefix, key, keyLength, trailer)) {
                    stop = next;
                    break;
                }
                node = next;
            }
        }
        if (before) {
            return node == head ? 0 : node;
        }
        return stop;
    }

    private long findLast() {
        long node = head;
        for (int level = (int) LIST_HEIGHT.getOpaque(this) - 1; level >= 0; level--) {
            for (long next = Memory.getLongAcquire(link(node, level));
                    next != 0;
                    next = Memory.getLongAcquire(link(node, level))) {
                node = next;
            }
        }
        return node == head ? 0 : node;
    }

    private static long link(long node, int level) {
        return node - LINK * (level + 1L);
    }

    private boolean isBefore(long node, long prefix, long key, int keyLength, long trailer) {
        long nodePrefix = Memory.getLong(node);
        if (nodePrefix != prefix) {
            return Long.compareUnsigned(nodePrefix, prefix) < 0;
        }
        int compared = order.compareAfterPrefix(keyAddress(node), keyLength(node), key, keyLength);
        return compared != 0 ? compared < 0 : Long.compareUnsigned(Memory.getLong(node + TRAILER), trailer) > 0;
    }

    static int keyLength(long node) {
        return Memory.getInt(node + KEY_LENGTH) & KEY_LENGTH_MASK;
    }

    static long keyAddress(long node) {
        return node + KEY;
    }

    /** One level more with a probability of one in two. */
    private int randomHeight() {
        long x = random;
        x ^= x << 13;
        x ^= x >>> 7;
        x ^= x << 17;
        random = x;
        return 1 + Math.min(Long.numberOfTrailingZeros(x), MAX_HEIGHT - 1);
    }

    private long allocate(long bytes) {
        long size = (bytes + 7) & -8L;
        long address;
        if (size <= freeEnd - free) {
            address = free;
            free += size;
        } else {
            if (memoryBytes > FILTER_SHARE * filter.byteSize()) {
                growFilter();
            }
            long chunkBytes = Math.clamp(memoryBytes, CHUNK_MIN, chunkBytesMax);
            if (size > chunkBytes / 4) {
                address = addChunk(size);
            } else {
                address = addChunk(chunkBytes);
                free = address + size;
                freeEnd = address + chunkBytes;
            }
        }
        MEMORY_BYTES.setOpaque(this, memoryBytes + size);
        return address;
    }

    private long addChunk(long bytes) {
        MemorySegment chunk = NativeMemory.allocate(bytes, OWNER);
        charge(bytes);
        chunks.add(chunk);
        return chunk.address();
    }

    /** Stands on a node; 0 is nowhere. Nodes know no predecessor, so a step back is a search. */
    private class Cursor implements InternalIterator {
        long node;
        private boolean closed;

        @Override
        public void seekToFirst() {
            checkOpen();
            node = Memory.getLongAcquire(link(head, 0));
        }

        @Override
        public void seek(long key, int length, long trailer) {
            checkOpen();
            node = find(order.prefix(key, length), key, length, trailer, false);
        }

        @Override
        public void next() {
            node = Memory.getLongAcquire(link(node, 0));
        }

        @Override
        public void seekToLast() {
            checkOpen();
            node = findLast();
        }

        @Override
        public void seekBefore(long key, int length, long trailer) {
            checkOpen();
            node = find(order.prefix(key, length), key, length, trailer, true);
        }

        @Override
        public void prev() {
            node = find(Memory.getLong(node), keyAddress(), keyLength(), trailer(), true);
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
        public int checksum() {
            return store == null ? InternalIterator.super.checksum() : Memory.getInt(node + CHECKSUM);
        }

        @Override
        public void check() {
            Memtable.this.check(node);
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

    /** Walks once from the first entry to the last, and throws if there are not as many as were put. */
    private final class CountingCursor extends Cursor {
        private final Path in;
        private long left;

        CountingCursor(Path in) {
            this.in = in;
        }

        @Override
        public void seekToFirst() {
            left = entries() - rangeDeletionCount;
            super.seekToFirst();
            count();
        }

        @Override
        public void next() {
            super.next();
            count();
        }

        private void count() {
            if (node != 0 && !hasItsLengths(node)) {
                throw damagedLengths(in, name, node);
            }
            if (node != 0 ? --left < 0 : left != 0) {
                throw CorruptionException.inMemory(
                        in,
                        name,
                        new byte[0],
                        entries() + " entries",
                        "a list of " + (left < 0 ? "more" : left + " less"));
            }
        }
    }
}
