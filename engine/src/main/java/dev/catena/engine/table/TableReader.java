package dev.catena.engine.table;

import dev.catena.engine.Compression;
import dev.catena.engine.CorruptionException;
import dev.catena.engine.StoreException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Filter;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MemoryAccount.Owner;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.entry.ValueSink;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.ChunkMismatchException;
import dev.catena.io.chain.ChunkReader;
import dev.catena.io.chain.FileBytes;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * An open table: lookups, iterators and scanners over it.
 *
 * <p>It holds the root in memory (about a ten-thousandth of the file, charged to the cache); every other frame comes through the
 * {@link BlockCache} and is checked (sizes, checksum, structure) when it is read from the file, before anything of it is used.
 *
 * <p>A lookup: the root says which partition, the partition's filter says whether to go on, its index says which block, the block is
 * searched. Each step pins one block of the cache and gives it back; nothing is allocated when all are there.
 *
 * <p>Reference counted: iterators and scanners hold a reference each. Thread safe.
 */
public final class TableReader {
    /** Read ahead as much as the walk proves long. */
    public static final long AUTOMATIC_READAHEAD = -1;

    private static final String OWNER = "open tables";

    /** Entries that a large data block read in place may have: it is one because of few large values. */
    private static final int LARGE_ENTRIES = 256;

    /** That a scrub reads at once: half a MiB. */
    private static final int SCRUB_CHUNKS = 8;

    private final ChainFile file;
    private final Path path;
    private final long number;
    private final BlockCache cache;
    private final KeyOrder order;
    private final ChainReads reads;
    private final TableLayout layout;
    private final MemorySegment rootMemory;
    private final long root;

    /** Where partitions lie: see {@link Partitions}. */
    private final long places;

    private final int partitions;
    private final TableProperties properties;
    private final RangeDeletions ranges;
    private final AtomicInteger references = new AtomicInteger(1);

    private TableReader(
            ChainFile file,
            FileBytes source,
            long number,
            BlockCache cache,
            ChainReads reads,
            TableLayout layout,
            KeyOrder order) {
        this.order = order;
        this.file = file;
        this.path = file.path();
        this.number = number;
        this.cache = cache;
        this.reads = reads;
        this.layout = layout;
        long rootOffset = layout.indexEnd();
        long bytes = layout.partsEnd() - rootOffset;
        MemorySegment frames = cache.takeBuffer(bytes);
        try {
            readFully(source, frames, bytes, rootOffset);
            long rootFrame = frames.address();
            verify(rootOffset, rootFrame, layout.rootEnd());
            long propertiesOffset = layout.partitionsEnd();
            long propertiesFrame = rootFrame + propertiesOffset - rootOffset;
            verify(propertiesOffset, propertiesFrame, layout.propertiesEnd());
            properties = readProperties(propertiesOffset, propertiesFrame);
            ranges = layout.rangesEnd() == 0
                    ? RangeDeletions.NONE
                    : readRanges(rootFrame + layout.propertiesEnd() - rootOffset);
            rootMemory = readRoot(rootOffset, rootFrame);
            root = rootMemory.address();
            places = root + placesAt(Frame.rawBytes(rootFrame));
            partitions = IndexBlock.count(root);
        } finally {
            cache.free(frames);
        }
        cache.account().charge(Owner.TABLES, rootMemory.byteSize());
    }

    /** Where the places of partitions are in memory, behind a root of so many bytes. */
    private static long placesAt(long rootBytes) {
        return (rootBytes + Block.SLACK + 7) & -8L;
    }

    private void verify(long offset, long frame, long end) {
        Frame.verify(path, offset, offset, frame, end - offset);
    }

    /** The root, and behind it the places of partitions. */
    private MemorySegment readRoot(long offset, long frame) {
        long rootBytes = Frame.rawBytes(frame);
        long payload = plain(offset, frame);
        boolean hasPartitions = layout.hasPartitions();
        IndexBlock.check(
                path,
                offset,
                payload,
                rootBytes,
                hasPartitions ? new long[] {0} : new long[] {layout.filterEnd(), layout.dataEnd()},
                hasPartitions ? new long[] {layout.dataEnd()} : new long[] {layout.indexEnd(), layout.filterEnd()});
        int count = IndexBlock.count(payload);
        long placesFrame = frame + layout.rootEnd() - offset;
        long placesBytes = Partitions.bytesOf(count);
        if (hasPartitions) {
            verify(layout.rootEnd(), placesFrame, layout.partitionsEnd());
            placesBytes = Frame.rawBytes(placesFrame);
            Partitions.check(
                    path,
                    layout.rootEnd(),
                    plain(layout.rootEnd(), placesFrame),
                    placesBytes,
                    count,
                    layout.dataEnd(),
                    layout.filterProbes() > 0);
        }
        MemorySegment memory = NativeMemory.allocate(placesAt(rootBytes) + placesBytes, OWNER);
        long to = memory.address();
        Memory.copy(payload, to, rootBytes);
        if (hasPartitions) {
            Memory.copy(placesFrame + TableFormat.FRAME_HEADER, to + placesAt(rootBytes), placesBytes);
        } else {
            Partitions.of(payload, to + placesAt(rootBytes));
        }
        return memory;
    }

    /** The payload of a frame that is never packed. */
    private long plain(long offset, long frame) {
        if (!Frame.isPlain(frame)) {
            throw new CorruptionException(path, offset, "a frame that is not packed", "a packed one");
        }
        return frame + TableFormat.FRAME_HEADER;
    }

    /**
     * Opens a table: reads and checks its footer, checksum table and root.
     *
     * @param file opened for reading; the reader owns it from here on, also when this throws
     * @param number the table's number, unique among all tables that share the cache
     * @param reads what many frames are read with at once
     * @param expectedFileChecksum as the manifest has it
     * @param order of the keys in it
     * @param end where the file's end is in memory already; null to have it read
     * @throws CorruptionException when the file is not that table, whole
     */
    public static TableReader open(
            ChainFile file,
            long number,
            BlockCache cache,
            ChainReads reads,
            long expectedFileChecksum,
            KeyOrder order,
            @Nullable FileBytes end) {
        boolean good = false;
        try {
            FileBytes source = end == null ? file : end;
            TableLayout layout = TableLayout.read(source, expectedFileChecksum);
            TableReader reader = new TableReader(file, source, number, cache, reads, layout, order);
            good = true;
            return reader;
        } finally {
            if (!good) {
                file.close();
            }
        }
    }

    /** The table's number. */
    public long number() {
        return number;
    }

    /** What the table holds. */
    public TableProperties properties() {
        return properties;
    }

    /** The deletions of ranges that it holds; they concern other tables, too. */
    public RangeDeletions rangeDeletions() {
        return ranges;
    }

    /** Versions in the table. */
    public long entries() {
        return properties.entries();
    }

    /**
     * Looks a key up as of a snapshot. Any thread that holds a reference.
     *
     * @param key an off-heap segment
     * @param keyOffset where the key starts in it
     * @param keyLength bytes of the key
     * @param snapshotSequence the largest sequence number to see
     * @param floor the sequence number up to which the key's versions are deleted, 0 for none
     * @param sink takes the value when there is one
     */
    public Lookup get(
            MemorySegment key, long keyOffset, int keyLength, long snapshotSequence, long floor, ValueSink sink) {
        Lookup result = get(
                Memory.address(key, keyOffset, keyLength), keyLength, Keys.seekTrailer(snapshotSequence), floor, sink);
        Reference.reachabilityFence(key);
        return result;
    }

    private Lookup get(long key, int keyLength, long trailer, long floor, ValueSink sink) {
        int partition = IndexBlock.search(order, root, key, keyLength);
        if (partition == partitions || !mayContain(partition, key, keyLength)) {
            return Lookup.ABSENT;
        }
        for (; partition < partitions; partition++) {
            long index = pinIndex(partition);
            try {
                long block = BlockCache.address(index);
                int count = IndexBlock.count(block);
                long start = start(partition);
                for (int i = IndexBlock.search(order, block, key, keyLength); i < count; i++) {
                    Lookup result = getFromFrame(
                            partition,
                            start + IndexBlock.offset(block, 0, i),
                            start + IndexBlock.offset(block, 0, i + 1),
                            key,
                            keyLength,
                            trailer,
                            floor,
                            sink);
                    if (result != null) {
                        return result;
                    }
                    // Nothing decided: only when it ends with versions of this key may the next have more.
                    if (!IndexBlock.separatorEquals(block, i, key, keyLength)) {
                        return Lookup.ABSENT;
                    }
                }
            } finally {
                cache.release(index);
            }
        }
        return Lookup.ABSENT;
    }

    private @Nullable Lookup getFromFrame(
            int partition, long offset, long end, long key, int keyLength, long trailer, long floor, ValueSink sink) {
        long data = pinData(partition, offset, end);
        boolean kept = false;
        try {
            Lookup found = Block.find(
                    order, BlockCache.address(data), BlockCache.length(data), key, keyLength, trailer, floor, sink);
            kept = found == Lookup.FOUND && sink.keep(cache, data);
            return found;
        } finally {
            if (!kept) {
                cache.release(data);
            }
        }
    }

    /** What a key's filter says, false being certain; null when it has to be read, which is then noted. */
    @Nullable
    Boolean mayContain(long key, int keyLength, MissingFrames missing) {
        int partition = IndexBlock.search(order, root, key, keyLength);
        if (partition == partitions || layout.filterProbes() == 0) {
            return partition < partitions;
        }
        long filter = pin(
                partition,
                Partitions.filterStart(places, partition),
                Partitions.filterEnd(places, partition),
                Kind.FILTER,
                missing);
        return filter == 0 ? null : mayContain(filter, key, keyLength);
    }

    private boolean mayContain(int partition, long key, int keyLength) {
        if (layout.filterProbes() == 0) {
            return true;
        }
        long offset = Partitions.filterStart(places, partition);
        long filter = cache.pin(number, offset);
        if (filter == 0) {
            filter = load(partition, offset, Partitions.filterEnd(places, partition), Kind.FILTER);
        }
        return mayContain(filter, key, keyLength);
    }

    /** What a pinned filter says, which is given back. */
    private boolean mayContain(long filter, long key, int keyLength) {
        boolean may = Filter.mayContain(
                BlockCache.address(filter),
                BlockCache.length(filter),
                layout.filterProbes(),
                Filter.hash(key, keyLength));
        cache.release(filter);
        return may;
    }

    /**
     * Lookups of ascending keys; holds a reference until closed.
     *
     * @param missing where frames are noted that are not in the cache
     */
    public TableLookups lookups(MissingFrames missing) {
        return new TableLookups(this, missing);
    }

    /**
     * A new iterator through the cache; holds a reference until closed.
     *
     * @param readahead bytes that are read ahead, 0 for none, or {@link #AUTOMATIC_READAHEAD}
     */
    public InternalIterator iterator(long readahead) {
        return tableIterator(readahead);
    }

    TableIterator tableIterator(long readahead) {
        retain();
        return new TableIterator(this, readahead);
    }

    /**
     * A new sequential pass over all entries past the cache, verified by chains; holds a reference until closed.
     *
     * @param readAheadChunks how far it reads ahead: buffers of 64 KiB, 2 to 128
     */
    public TableScanner scanner(ChainRuntime runtime, int readAheadChunks) {
        return scanner(runtime, readAheadChunks, null, null, List.of());
    }

    /**
     * A pass over the blocks that have keys of a range, and so over some keys before and behind it.
     *
     * @param after the range begins with the first key after this one; null for the first of all
     * @param until the last key of the range; null for the last of all
     * @param runs of partitions that lie in the range as a whole, ascending: given as one entry each
     */
    public TableScanner scanner(
            ChainRuntime runtime,
            int readAheadChunks,
            byte @Nullable [] after,
            byte @Nullable [] until,
            List<Run> runs) {
        retain();
        boolean good = false;
        try {
            TableScanner scanner = new TableScanner(this, runtime, readAheadChunks, extents(after, until, runs));
            good = true;
            return scanner;
        } finally {
            if (!good) {
                release();
            }
        }
    }

    /** Where the data frames are that have keys of a range; null for no bound. */
    List<Extent> extents(byte @Nullable [] after, byte @Nullable [] until, List<Run> runs) {
        List<Extent> extents = new ArrayList<>();
        Extent first = after == null ? new Extent(0, 0, start(0), dataEnd(0)) : frameOf(after, false);
        Extent last = until == null
                ? new Extent(partitions - 1, 0, start(partitions - 1), dataEnd(partitions - 1))
                : frameOf(until, true);
        if (!layout.hasPartitions()) {
            return first.start < last.end ? List.of(new Extent(0, 0, first.start, last.end)) : List.of();
        }
        int nextRun = 0;
        for (int i = first.partition; i <= last.partition; i++) {
            if (nextRun < runs.size() && runs.get(nextRun).first == i) {
                int end = runs.get(nextRun++).end;
                extents.add(new Extent(i, end, start(i), end(end - 1)));
                i = end - 1;
                continue;
            }
            long from = i == first.partition ? first.start : start(i);
            long to = i == last.partition ? last.end : dataEnd(i);
            if (to > from) {
                extents.add(new Extent(i, 0, from, to));
            }
        }
        return extents;
    }

    /** The first data frame that may have versions of a key or keys after it, or the last one that has versions of it. */
    private Extent frameOf(byte[] key, boolean isLast) {
        try (Buffer copy = new Buffer(Math.max(1, key.length), OWNER)) {
            MemorySegment.copy(key, 0, copy.segment(), ValueLayout.JAVA_BYTE, 0, key.length);
            int partition = firstAt(root, copy.address(), key.length, isLast);
            if (partition == partitions) {
                return new Extent(partition - 1, 0, dataEnd(partition - 1), dataEnd(partition - 1));
            }
            long index = pinIndex(partition);
            try {
                long block = BlockCache.address(index);
                int frame = firstAt(block, copy.address(), key.length, isLast);
                int next = Math.min(frame + 1, IndexBlock.count(block));
                long start = start(partition);
                return new Extent(
                        partition,
                        0,
                        start + IndexBlock.offset(block, 0, frame),
                        start + IndexBlock.offset(block, 0, next));
            } finally {
                cache.release(index);
            }
        }
    }

    /** The first separator at or after a key, or after it. */
    private int firstAt(long block, long key, int length, boolean isAfter) {
        int found = IndexBlock.search(order, block, key, length);
        while (isAfter && found < IndexBlock.count(block) && IndexBlock.separatorEquals(block, found, key, length)) {
            found++;
        }
        return found;
    }

    /** Keys that cut the table into parts of about a MiB: all keys up to the first, those behind it up to the second, and so on. */
    public List<byte[]> cuts() {
        List<byte[]> cuts = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            cuts.add(IndexBlock.separator(root, i));
        }
        return cuts;
    }

    /**
     * Reads and checks every byte of the file.
     *
     * @param progress hears bytes read since it last heard
     * @return entries seen
     * @throws CorruptionException at the first damage
     */
    public long verify(ChainRuntime runtime, LongConsumer progress) {
        retain();
        try {
            return new TableVerifier(this, runtime, progress).verify();
        } finally {
            release();
        }
    }

    /**
     * Reads every chunk of the file from the device, past the page cache if the file system can, and has its checksum compared by whoever
     * steers chains: what was written is still there. Decodes nothing.
     *
     * @param goesOn hears the bytes of each chunk, may wait, and says whether more is to be read
     * @throws CorruptionException at the first damage
     */
    public void scrub(ChainRuntime runtime, LongPredicate goesOn) {
        retain();
        try (ChainFile device = runtime.open(path, ChainFile.Mode.READ, ChainFile.Access.DIRECT);
                ChunkReader chunks = new ChunkReader(
                        runtime,
                        device,
                        layout.bodyBytes(),
                        layout.fileChecksum(),
                        ChunkReader.all(layout.bodyBytes()),
                        SCRUB_CHUNKS)) {
            MemorySegment chunk = chunks.next();
            while (chunk != null && goesOn.test(chunk.byteSize())) {
                chunk = chunks.next();
            }
        } catch (ChunkMismatchException e) {
            throw TableLayout.corruption(e);
        } catch (ChainIoException e) {
            throw TableLayout.failure(e);
        } finally {
            release();
        }
    }

    /** Adds a reference; a new reader has one. The caller holds one already, or knows otherwise that it is open. */
    public void retain() {
        if (references.getAndIncrement() <= 0) {
            throw new AssertionError("a closed table was retained");
        }
    }

    /** Gives a reference back; the last one closes the file. Its blocks leave the cache as others need the room. */
    public void release() {
        int left = references.decrementAndGet();
        if (left == 0) {
            cache.account().charge(Owner.TABLES, -rootMemory.byteSize());
            NativeMemory.free(rootMemory);
            file.close();
        } else if (left < 0) {
            throw new AssertionError("a table was released more often than retained");
        }
    }

    /** What a chunk without its checksum is told as. */
    public static CorruptionException corruption(ChunkMismatchException damage) {
        return TableLayout.corruption(damage);
    }

    /** What a failed read of a table is told as: {@link CorruptionException} when what is there is lost. */
    public static StoreException failure(ChainIoException e) {
        return TableLayout.failure(e);
    }

    ChainFile file() {
        return file;
    }

    Path path() {
        return path;
    }

    BlockCache cache() {
        return cache;
    }

    ChainReads reads() {
        return reads;
    }

    TableLayout layout() {
        return layout;
    }

    /** The order of the keys in it. */
    public KeyOrder order() {
        return order;
    }

    /** The root's payload. */
    long root() {
        return root;
    }

    int partitions() {
        return partitions;
    }

    /** Where a partition's places count from. */
    long start(int partition) {
        return Partitions.start(places, partition);
    }

    /** Where a partition's data ends; before version 4, where that of all partitions does. */
    long dataEnd(int partition) {
        return layout.hasPartitions() ? Partitions.filterStart(places, partition) : layout.dataEnd();
    }

    /** The records of {@link Partitions}. */
    long places() {
        return places;
    }

    /** What seeds the checksum of a partition's frame at an offset. */
    long place(int partition, long offset) {
        return Partitions.place(places, partition, offset);
    }

    boolean isIndexCached(int partition) {
        long handle = cache.pin(number, Partitions.indexStart(places, partition));
        if (handle != 0) {
            cache.release(handle);
        }
        return handle != 0;
    }

    /** Takes a partition's index that somebody has read into the cache, unless it is damaged; returns how many bytes its frame has. */
    long admitIndex(int partition, long frame) {
        long start = Partitions.indexStart(places, partition);
        long end = Partitions.indexEnd(places, partition);
        long handle = admitRead(partition, frame, start, end, Kind.INDEX);
        if (handle != 0) {
            cache.release(handle);
        }
        return end - start;
    }

    /** Whether its partitions are as a table with these options would have them: what is in it can be copied. */
    public boolean isCopyable(int blockBytes, int filterBits, Compression compression) {
        return layout.hasPartitions()
                && layout.blockBytes() == blockBytes
                && layout.filterBits() == filterBits
                && layout.compression() == TableFormat.number(compression);
    }

    /** Whether it knows the first key of each partition, and what is in it: from version 4 on. */
    boolean hasPartitions() {
        return layout.hasPartitions();
    }

    /** The first key of a partition. */
    byte[] firstKey(int partition) {
        return Partitions.firstKey(places, partition);
    }

    /** The last key of a partition. */
    byte[] lastKey(int partition) {
        return IndexBlock.separator(root, partition);
    }

    /** Where a partition ends, with filter and index. */
    long end(int partition) {
        return Partitions.indexEnd(places, partition);
    }

    Partitions.Contents contents(int partition) {
        return Partitions.contents(places, partition);
    }

    /** The pinned index block of a partition. */
    long pinIndex(int partition) {
        long offset = Partitions.indexStart(places, partition);
        long handle = cache.pin(number, offset);
        return handle != 0 ? handle : load(partition, offset, Partitions.indexEnd(places, partition), Kind.INDEX);
    }

    /** The pinned data block whose frame is at [offset, end). */
    long pinData(int partition, long offset, long end) {
        long handle = cache.pin(number, offset);
        return handle != 0 ? handle : load(partition, offset, end, Kind.DATA);
    }

    /** As {@link #pinIndex(int)}; 0 when it has to be read, which is noted. */
    long pinIndex(int partition, MissingFrames missing) {
        return pin(
                partition,
                Partitions.indexStart(places, partition),
                Partitions.indexEnd(places, partition),
                Kind.INDEX,
                missing);
    }

    /** As {@link #pinData(int, long, long)}; 0 when it has to be read, which is noted. */
    long pinData(int partition, long offset, long end, MissingFrames missing) {
        return pin(partition, offset, end, Kind.DATA, missing);
    }

    private long pin(int partition, long offset, long end, Kind kind, MissingFrames missing) {
        long handle = cache.pin(number, offset);
        return handle != 0 ? handle : missing.pin(this, partition, offset, end, kind);
    }

    /** The pinned data block, or 0 when it is not in the cache. */
    long pinDataIfCached(long offset) {
        return cache.pin(number, offset);
    }

    /**
     * Data frames one behind the other, of a partition; before version 4, of all partitions, and taken for the first one's. Or a run of
     * partitions.
     *
     * @param partition the first one
     * @param runEnd the one behind the run; 0 when it is none
     * @param start where it starts in the file
     * @param end where it ends
     */
    record Extent(int partition, int runEnd, long start, long end) {
        boolean isRun() {
            return runEnd > 0;
        }
    }

    /**
     * Partitions to be copied as they are.
     *
     * @param first the first one's number
     * @param end the number of the one behind the last
     */
    public record Run(int first, int end) {}

    /** What a frame's payload is checked as. */
    enum Kind {
        DATA,
        INDEX,
        FILTER
    }

    /**
     * Takes a frame that somebody has read into the cache and pins it; 0 when it is damaged, or there is no room.
     *
     * @param frame where it is in memory
     */
    long admitRead(int partition, long frame, long offset, long end, Kind kind) {
        try {
            Frame.verify(path, offset, place(partition, offset), frame, end - offset);
            return admit(partition, frame, offset, kind);
        } catch (CorruptionException e) {
            return 0; // whoever needs it reads it again, and is told
        }
    }

    /** Reads a frame into the cache and pins it. */
    long load(int partition, long offset, long end, Kind kind) {
        long frameBytes = end - offset;
        if (frameBytes > BlockCache.BUFFER_BYTES) {
            return loadLarge(partition, offset, frameBytes, kind);
        }
        MemorySegment frame = cache.takeBuffer(frameBytes);
        try {
            readFully(frame, frameBytes, offset);
            Frame.verify(path, offset, place(partition, offset), frame.address(), frameBytes);
            return admit(partition, frame.address(), offset, kind);
        } finally {
            cache.free(frame);
        }
    }

    /** Reads a large data frame straight into the block's memory, where it stays when it is not compressed. */
    private long loadLarge(int partition, long offset, long frameBytes, Kind kind) {
        long room = frameBytes + 8L * LARGE_ENTRIES;
        MemorySegment memory = cache.allocate(room);
        boolean kept = false;
        try {
            long frame = BlockCache.start(memory);
            readFully(memory.asSlice(frame - memory.address()), frameBytes, offset);
            Frame.verify(path, offset, place(partition, offset), frame, frameBytes);
            long block = frame + TableFormat.FRAME_HEADER;
            long bytes = Frame.rawBytes(frame);
            if (kind == Kind.DATA && Frame.isPlain(frame)) {
                Block.check(path, offset, block, bytes);
                if (TableFormat.FRAME_HEADER + Block.indexedBytes(block, (int) bytes) <= room) {
                    Block.index(path, offset, block, (int) bytes);
                    kept = true;
                    return cache.insert(number, offset, memory, block, bytes, BlockCache.CHANCES_DATA);
                }
            }
            return admit(partition, frame, offset, kind);
        } finally {
            if (!kept) {
                cache.free(memory);
            }
        }
    }

    /** Takes a verified frame's payload into the cache and pins it. */
    private long admit(int partition, long frame, long offset, Kind kind) {
        int bytes = (int) Frame.rawBytes(frame);
        if (Frame.isPlain(frame)) {
            return admitPayload(partition, frame + TableFormat.FRAME_HEADER, offset, bytes, kind);
        }
        MemorySegment unpacked = cache.takeBuffer(bytes);
        try {
            Frame.unpack(path, offset, frame, unpacked.address());
            return admitPayload(partition, unpacked.address(), offset, bytes, kind);
        } finally {
            cache.free(unpacked);
        }
    }

    private long admitPayload(int partition, long payload, long offset, int bytes, Kind kind) {
        checkPayload(partition, offset, payload, bytes, kind);
        MemorySegment memory = cache.allocate(kind == Kind.DATA ? Block.indexedBytes(payload, bytes) : bytes);
        boolean kept = false;
        try {
            long block = BlockCache.start(memory);
            Memory.copy(payload, block, bytes);
            if (kind == Kind.DATA) {
                Block.index(path, offset, block, bytes);
            }
            kept = true;
            return cache.insert(
                    number,
                    offset,
                    memory,
                    block,
                    bytes,
                    kind == Kind.DATA ? BlockCache.CHANCES_DATA : BlockCache.CHANCES_INDEX);
        } finally {
            if (!kept) {
                cache.free(memory);
            }
        }
    }

    /** Checks a payload's structure, of a data block without its entries. */
    void checkPayload(int partition, long offset, long block, long bytes, Kind kind) {
        switch (kind) {
            case DATA -> Block.check(path, offset, block, bytes);
            case INDEX ->
                IndexBlock.check(
                        path, offset, block, bytes, new long[] {0}, new long[] {dataEnd(partition) - start(partition)});
            case FILTER -> {
                if (bytes < Filter.LINE || bytes % Filter.LINE != 0) {
                    throw new CorruptionException(
                            path, offset, "a filter of whole lines", "a filter of " + bytes + " bytes");
                }
            }
        }
    }

    /** Reads exactly so many bytes to the start of a segment. */
    void readFully(MemorySegment to, long bytes, long offset) {
        readFully(file, to, bytes, offset);
    }

    private void readFully(FileBytes source, MemorySegment to, long bytes, long offset) {
        try {
            long read = source.read(to, 0, bytes, offset);
            if (read < bytes) {
                throw new CorruptionException(
                        path, offset, bytes + " bytes", "the file's end after " + read + " bytes");
            }
        } catch (ChainIoException e) {
            throw TableLayout.failure(e);
        }
    }

    /** Verifies and reads the frame of deletions of ranges. */
    RangeDeletions readRanges(long frame) {
        verify(layout.propertiesEnd(), frame, layout.rangesEnd());
        return RangeBlock.decode(path, layout.propertiesEnd(), frame, order);
    }

    private TableProperties readProperties(long offset, long frame) {
        long bytes = Frame.rawBytes(frame);
        long p = frame + TableFormat.FRAME_HEADER;
        if (!Frame.isPlain(frame) || bytes < TableFormat.PROPERTIES_BYTES) {
            throw new CorruptionException(path, offset, "properties", bytes + " bytes that are none");
        }
        long smallestLength = Integer.toUnsignedLong(Memory.getInt(p + 40));
        long largestLength = Integer.toUnsignedLong(Memory.getInt(p + 44));
        if (bytes != TableFormat.PROPERTIES_BYTES + smallestLength + largestLength) {
            throw new CorruptionException(path, offset, "properties", "keys that leave them");
        }
        long keys = p + TableFormat.PROPERTIES_BYTES;
        return new TableProperties(
                layout.fileBytes(),
                layout.fileChecksum(),
                Memory.getLong(p),
                Memory.getLong(p + 8),
                Memory.getLong(p + 16),
                Memory.getLong(p + 24),
                Memory.getLong(p + 32),
                Memory.toArray(keys, (int) smallestLength),
                Memory.toArray(keys + smallestLength, (int) largestLength));
    }
}
