package dev.catena.engine.table;

import dev.catena.engine.Compression;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.Filter;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.ChunkSummary;
import dev.catena.io.chain.ChunkWriter;
import dev.catena.io.chain.FileBytes;
import dev.catena.io.memory.Xxh64;
import io.airlift.compress.v3.Compressor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Writes one table from entries given in order.
 *
 * <p>Data frames are handed to the chunk writer as they fill; what leads to those of a partition (filter, index) gathers in memory and
 * is written behind them. A frame's separator is known when the next key is: so the index is one frame behind.
 *
 * <p>Not thread safe.
 */
public final class TableBuilder implements AutoCloseable {
    private static final String OWNER = "table builder";

    /** Larger blocks are stored as they are: they hold one big value, and compressing would need as much memory again. */
    private static final int COMPRESSED_MAX = 16 << 20;

    /** Buffers that a big value made larger than this are given back after it. */
    private static final long KEPT_BYTES = 1 << 20;

    /** Memory of a builder, about: what leads to the data of a large table takes some more while it is finished. */
    public static final long MEMORY_BYTES = ChunkWriter.MEMORY_BYTES + (1 << 20);

    /** Data frames of a partition at most. Changed by tests only. */
    private static volatile int partitionFrames = TableFormat.PARTITION_FRAMES;

    private final ChunkWriter writer;
    private final KeyOrder order;
    private final long number;
    private final int blockBytes;
    private final int filterBitsPerKey;
    private final int filterProbes;
    private final Compression compression;
    private final @Nullable Codec codec; // null to store blocks as they are
    private final @Nullable Compressor compressor;

    private final BlockBuilder block;
    private final Buffer compressed = new Buffer(64 << 10, OWNER);
    /** The last key of the data frame that waits for its separator. */
    private final Buffer pendingKey = new Buffer(256, OWNER);

    private int pendingKeyLength;
    private long pendingOffset = -1;

    /** The partition that data frames are added to: its index, which counts from its start, where that is, its stamp. */
    private final IndexBuilder partition;

    private long start;
    private long stamp;
    private long[] hashes = new long[1024];
    private int hashCount;
    private final Buffer scratch = new Buffer(64 << 10, OWNER);

    /** What the partition holds. */
    private long entries;

    private long garbage;
    private long smallestSequence = Long.MAX_VALUE;
    private long largestSequence;
    private long rawBytes;

    /** What the partitions before it hold. */
    private Partitions.Contents before = new Partitions.Contents(0, 0, Long.MAX_VALUE, 0, 0);

    private final Partitions.Builder partitions = new Partitions.Builder();

    /** The partitions' last keys, and where they start. */
    private final IndexBuilder root;

    private RangeDeletions ranges = RangeDeletions.NONE;
    private byte[] smallestKey = new byte[0];
    private boolean finished;
    private boolean closed;

    /**
     * Begins a table.
     *
     * @param file new or truncated, opened for writing; stays the caller's to close
     * @param number the table's, which no other table of the store has or had
     * @param blockBytes bytes of a data block before compression, about
     * @param filterBitsPerKey 0 for no filter
     * @param order that entries are given in
     */
    public TableBuilder(
            ChainRuntime runtime,
            ChainFile file,
            long number,
            int blockBytes,
            int filterBitsPerKey,
            Compression compression,
            KeyOrder order) {
        this.order = order;
        this.number = number;
        this.compression = compression;
        partition = new IndexBuilder(order);
        root = new IndexBuilder(order);
        stamp = Partitions.stamp(number, 0);
        this.blockBytes = blockBytes;
        this.filterBitsPerKey = filterBitsPerKey;
        filterProbes = filterBitsPerKey == 0 ? 0 : Filter.probes(filterBitsPerKey);
        codec = codec(compression);
        compressor = codec == null ? null : codec.compressor();
        block = new BlockBuilder(blockBytes, order);
        boolean good = false;
        try {
            writer = new ChunkWriter(runtime, file);
            good = true;
        } finally {
            if (!good) {
                closeBuffers();
            }
        }
    }

    private static @Nullable Codec codec(Compression compression) {
        return switch (compression) {
            case NONE -> null;
            case LZ4 -> Codec.LZ4;
            case ZSTD -> Codec.ZSTD;
        };
    }

    /** Loads the library that tables with a compression need, so that whoever reads or writes the first one need not. */
    public static void load(Compression compression) {
        Codec codec = codec(compression);
        if (codec != null) {
            codec.load();
        }
    }

    /** Has smaller partitions be written. For tests. @return what it was */
    public static int setPartitionFrames(int frames) {
        int before = partitionFrames;
        partitionFrames = frames;
        return before;
    }

    /** Says, before the first entry, about how many bytes the file will have: these are reserved at once. */
    public void expect(long bytes) {
        writer.expect(bytes);
    }

    /** Adds the next entry in order. Segments must be off-heap. */
    public void add(
            MemorySegment key,
            long keyOffset,
            int keyLength,
            long trailer,
            MemorySegment value,
            long valueOffset,
            int valueLength) {
        add(
                Memory.address(key, keyOffset, keyLength),
                keyLength,
                trailer,
                valueLength == 0 ? 0 : Memory.address(value, valueOffset, valueLength),
                valueLength);
    }

    /**
     * Has each block's entries compared with their checksums before it gets its own.
     *
     * @param directory the store's, for messages
     * @param where what is written, for messages
     */
    public void checkEntries(Path directory, String where) {
        block.checkEntries(directory, where);
    }

    /** Adds the next entry in order, given by addresses. */
    public void add(long key, int keyLength, long trailer, long value, int valueLength) {
        add(
                key,
                keyLength,
                trailer,
                value,
                valueLength,
                EntryChecksum.ofEntry(trailer, key, keyLength, value, valueLength));
    }

    /** Adds the next entry in order, given by addresses. @param checksum see {@link EntryChecksum} */
    public void add(long key, int keyLength, long trailer, long value, int valueLength, int checksum) {
        if (valueLength >= blockBytes && !block.isEmpty()) {
            // A big value has a block to itself, so that it is not read for its neighbours.
            finishBlock();
        }
        boolean sameKey = entries() > 0
                && keyLength == block.lastKeyLength()
                && Keys.compare(block.lastKey(), keyLength, key, keyLength) == 0;
        if (pendingOffset >= 0) {
            addPending(key, keyLength);
        }
        if (entries == 0) {
            partitions.begin(key, keyLength);
            if (partitions.count() == 0) {
                smallestKey = Memory.toArray(key, keyLength);
            }
        }
        if (sameKey || Keys.kind(trailer) != Keys.PUT) {
            garbage++;
        }
        if (filterBitsPerKey > 0 && (!sameKey || entries == 0)) {
            if (hashCount == hashes.length) {
                hashes = Arrays.copyOf(hashes, 2 * hashCount);
            }
            hashes[hashCount++] = Filter.hash(key, keyLength);
        }
        block.add(key, keyLength, trailer, value, valueLength, checksum);
        entries++;
        long sequence = Keys.sequence(trailer);
        smallestSequence = Math.min(smallestSequence, sequence);
        largestSequence = Math.max(largestSequence, sequence);
        rawBytes += keyLength + 8L + valueLength;
        if (block.payloadBytes() >= blockBytes) {
            finishBlock();
        }
    }

    /**
     * Copies the run of partitions of another table that a stream stands at. It gets the same distance from a multiple of 4096 as it had, so
     * that whole blocks can be copied. Returns its bytes.
     */
    long copy(TableReader from, FrameStream at) {
        endPartition();
        TableReader.Extent run = at.current();
        long zeros = (run.start() - writer.position()) & (TableFormat.BODY_ALIGNMENT - 1);
        scratch.ensure(zeros, 0);
        scratch.segment().asSlice(0, zeros).fill((byte) 0);
        writer.write(Memory.ALL, scratch.address(), zeros);
        long moved = writer.position() - run.start();
        at.copyRun(writer);
        if (partitions.count() == 0) {
            smallestKey = from.firstKey(run.partition());
        }
        for (int i = run.partition(); i < run.runEnd(); i++) {
            partitions.add(from.firstKey(i), from.places(), i, moved);
            byte[] last = from.lastKey(i);
            block.setLastKey(last);
            root.add(block.lastKey(), last.length, from.start(i) + moved);
            before = before.with(from.contents(i));
        }
        beginPartition();
        return run.end() - run.start();
    }

    /** The last key added. */
    public byte[] lastKey() {
        return Memory.toArray(block.lastKey(), block.lastKeyLength());
    }

    /** Sets the deletions of ranges that the table holds, beside an entry at least. */
    public void setRangeDeletions(RangeDeletions ranges) {
        this.ranges = ranges;
    }

    /** The size that the file would have if finished now, about. */
    public long estimatedBytes() {
        return writer.position()
                + block.payloadBytes()
                + (long) hashCount * filterBitsPerKey / 8
                + partition.separatorBytes()
                + 20L * partition.count()
                + root.separatorBytes()
                + Partitions.bytesOf(root.count())
                + TableFormat.BODY_ALIGNMENT;
    }

    /** Entries added. */
    public long entries() {
        return before.entries() + entries;
    }

    /** Writes the rest; the file is durable on return. At least one entry must have been added. */
    public TableProperties finish() {
        if (finished || closed || entries() == 0) {
            throw new IllegalStateException("a table is finished once, after its first entry");
        }
        finished = true;
        endPartition();
        byte[] largestKey = lastKey();
        long partitionsEnd = writer.position();
        int rootBytes = root.finish(scratch, TableFormat.FRAME_HEADER, partitionsEnd);
        writeFrame(scratch.address(), rootBytes, writer.position());
        long rootEnd = writer.position();
        int recordBytes = partitions.finish(scratch, TableFormat.FRAME_HEADER);
        writeFrame(scratch.address(), recordBytes, rootEnd);
        long recordsEnd = writer.position();
        Partitions.Contents all = withRanges(before);
        largestKey = addRanges(largestKey);
        int propertiesBytes = properties(scratch, all, largestKey); // which may move the scratch
        writeFrame(scratch.address(), propertiesBytes, recordsEnd);
        long propertiesEnd = writer.position();
        long rangesEnd = 0;
        if (!ranges.isEmpty()) {
            byte[] payload = RangeBlock.encode(ranges);
            scratch.ensure(TableFormat.FRAME_HEADER + (long) payload.length, 0);
            MemorySegment.copy(
                    MemorySegment.ofArray(payload), 0, scratch.segment(), TableFormat.FRAME_HEADER, payload.length);
            writeFrame(scratch.address(), payload.length, propertiesEnd);
            rangesEnd = writer.position();
        }

        long bodyBytes = (writer.position() + TableFormat.BODY_ALIGNMENT - 1) & -(long) TableFormat.BODY_ALIGNMENT;
        scratch.ensure(TableFormat.FOOTER_BYTES, 0);
        MemorySegment footer = scratch.segment().asSlice(0, TableFormat.FOOTER_FILE_CHECKSUM);
        footer.fill((byte) 0);
        long f = footer.address();
        Memory.putLong(f, TableFormat.MAGIC);
        Memory.putInt(f + TableFormat.FOOTER_VERSION, TableFormat.VERSION);
        Memory.putInt(f + TableFormat.FOOTER_CHUNK_BYTES, TableFormat.CHUNK_BYTES);
        Memory.putLong(f + TableFormat.FOOTER_BODY_BYTES, bodyBytes);
        Memory.putLong(f + TableFormat.FOOTER_DATA_END, partitionsEnd);
        Memory.putLong(f + TableFormat.FOOTER_FILTER_END, partitionsEnd);
        Memory.putLong(f + TableFormat.FOOTER_INDEX_END, partitionsEnd);
        Memory.putLong(f + TableFormat.FOOTER_ROOT_END, rootEnd);
        Memory.putLong(f + TableFormat.FOOTER_PROPERTIES_END, propertiesEnd);
        Memory.putLong(f + TableFormat.FOOTER_RANGES_END, rangesEnd);
        Memory.putLong(f + TableFormat.FOOTER_ENTRIES, all.entries());
        Memory.putInt(f + TableFormat.FOOTER_FILTER_PROBES, filterProbes);
        Memory.putLong(f + TableFormat.FOOTER_PARTITIONS_END, recordsEnd);
        Memory.putInt(f + TableFormat.FOOTER_BLOCK_BYTES, blockBytes);
        Memory.putInt(f + TableFormat.FOOTER_FILTER_BITS, filterBitsPerKey);
        Memory.putInt(f + TableFormat.FOOTER_COMPRESSION, TableFormat.number(compression));
        Memory.putLong(
                f + TableFormat.FOOTER_HASH, Xxh64.hash(Memory.ALL, f, TableFormat.FOOTER_HASH, TableFormat.MAGIC));
        ChunkSummary summary = writer.finish(footer, partitionsEnd);
        if (summary.bodyBytes() != bodyBytes) {
            throw new AssertionError("the body has " + summary.bodyBytes() + " bytes, not " + bodyBytes);
        }
        return new TableProperties(
                summary.fileBytes(),
                summary.fileChecksum(),
                all.entries(),
                all.garbage(),
                all.smallestSequence(),
                all.largestSequence(),
                all.rawBytes(),
                smallestKey,
                largestKey);
    }

    /** What a finished table is opened from, as the device has it; null if that is too much. Valid until this is closed. */
    public @Nullable FileBytes end() {
        return writer.end();
    }

    /** Counts the deletions of ranges in. */
    private Partitions.Contents withRanges(Partitions.Contents of) {
        long count = of.garbage();
        long smallest = of.smallestSequence();
        long largest = of.largestSequence();
        for (int i = 0; i < ranges.count(); i++) {
            long[] sequences = ranges.sequences(i);
            count += sequences.length;
            largest = Math.max(largest, sequences[0]);
            smallest = Math.min(smallest, sequences[sequences.length - 1]);
        }
        return new Partitions.Contents(of.entries(), count, smallest, largest, of.rawBytes());
    }

    /** Has the smallest key be one that a range or an entry concerns, and returns the largest such key. */
    private byte[] addRanges(byte[] largestEntry) {
        if (ranges.isEmpty()) {
            return largestEntry;
        }
        if (order.compare(ranges.begin(0), smallestKey) < 0) {
            smallestKey = ranges.begin(0);
        }
        byte[] end = ranges.end(ranges.count() - 1);
        if (order == KeyOrder.BYTES && end[end.length - 1] == 0) {
            end = Arrays.copyOf(end, end.length - 1); // the key just before it: the end is not deleted itself
        }
        return order.compare(end, largestEntry) > 0 ? end : largestEntry;
    }

    /** Lays the properties out behind a frame header's room and returns their bytes. */
    private int properties(Buffer to, Partitions.Contents all, byte[] largestKey) {
        int bytes = TableFormat.PROPERTIES_BYTES + smallestKey.length + largestKey.length;
        to.ensure(TableFormat.FRAME_HEADER + (long) bytes, 0);
        long p = to.address() + TableFormat.FRAME_HEADER;
        Memory.putLong(p, all.entries());
        Memory.putLong(p + 8, all.garbage());
        Memory.putLong(p + 16, all.smallestSequence());
        Memory.putLong(p + 24, all.largestSequence());
        Memory.putLong(p + 32, all.rawBytes());
        Memory.putInt(p + 40, smallestKey.length);
        Memory.putInt(p + 44, largestKey.length);
        p += TableFormat.PROPERTIES_BYTES;
        MemorySegment.copy(MemorySegment.ofArray(smallestKey), 0, Memory.ALL, p, smallestKey.length);
        MemorySegment.copy(MemorySegment.ofArray(largestKey), 0, Memory.ALL, p + smallestKey.length, largestKey.length);
        return bytes;
    }

    private void finishBlock() {
        int raw = block.finish();
        long offset = writer.position() - start;
        boolean smaller = false;
        if (codec != null && compressor != null && raw <= COMPRESSED_MAX) {
            int bound = compressor.maxCompressedLength(raw);
            compressed.ensure(TableFormat.FRAME_HEADER + (long) bound, 0);
            long frame = compressed.address();
            int stored = compressor.compress(
                    Memory.ALL.asSlice(block.payload(), raw),
                    Memory.ALL.asSlice(frame + TableFormat.FRAME_HEADER, bound));
            // Unless an eighth is saved, unpacking costs more than it is worth.
            smaller = stored <= raw - raw / 8;
            if (smaller) {
                Frame.seal(frame, stamp + offset, stored, raw, codec.number);
                writer.write(Memory.ALL, frame, TableFormat.FRAME_HEADER + (long) stored);
            }
        }
        if (!smaller) {
            writeFrame(block.payload() - TableFormat.FRAME_HEADER, raw, stamp + offset);
        }
        pendingKey.ensure(block.lastKeyLength(), 0);
        Memory.copy(block.lastKey(), pendingKey.address(), block.lastKeyLength());
        pendingKeyLength = block.lastKeyLength();
        pendingOffset = offset;
        block.clear(Math.max(KEPT_BYTES, 2L * blockBytes));
        compressed.shrink(Math.max(KEPT_BYTES, 2L * blockBytes));
    }

    /** Writes a frame whose payload lies behind its header's room, uncompressed. */
    private void writeFrame(long frame, int bytes, long place) {
        Frame.seal(frame, place, bytes, bytes, 0);
        writer.write(Memory.ALL, frame, TableFormat.FRAME_HEADER + (long) bytes);
    }

    /** Gives the frame that waits its separator, now that the key after it is known. A partition's last one is its last key. */
    private void addPending(long nextKey, int nextLength) {
        boolean isLast = partition.count() + 1 >= partitionFrames
                || hashCount >= TableFormat.PARTITION_KEYS
                || partition.separatorBytes() + pendingKeyLength >= TableFormat.PARTITION_SEPARATOR_BYTES;
        if (isLast) {
            endPartition();
        } else {
            if (order == KeyOrder.BYTES) {
                pendingKeyLength = shorten(pendingKey.address(), pendingKeyLength, nextKey, nextLength);
            }
            addSeparator();
        }
    }

    private void addSeparator() {
        partition.add(pendingKey.address(), pendingKeyLength, pendingOffset);
        pendingOffset = -1;
    }

    /**
     * Changes a key into a short one that is at or after it and before the next, and returns its length. With the first byte in which
     * they differ raised by one where that stays below the next key's.
     */
    private static int shorten(long key, int length, long next, int nextLength) {
        int same = Keys.commonPrefix(key, length, next, nextLength);
        if (same >= length || same >= nextLength) {
            return length;
        }
        for (int i = same; i < length - 1; i++) {
            int b = Memory.getByte(key + i) & 0xff;
            int limit = i == same ? Memory.getByte(next + i) & 0xff : 0x100;
            if (b + 1 < limit && b != 0xff) {
                Memory.putByte(key + i, (byte) (b + 1));
                return i + 1;
            }
        }
        return length;
    }

    /** Writes what is left of the partition, its filter and its index, and begins the next one; nothing if it is empty. */
    private void endPartition() {
        if (!block.isEmpty()) {
            finishBlock();
        }
        if (entries == 0) {
            return;
        }
        addSeparator();
        long filterStart = writer.position();
        if (filterBitsPerKey > 0) {
            int bytes = Filter.bytes(hashCount, filterBitsPerKey);
            scratch.ensure(TableFormat.FRAME_HEADER + (long) bytes, 0);
            long filter = scratch.address() + TableFormat.FRAME_HEADER;
            scratch.segment().asSlice(TableFormat.FRAME_HEADER, bytes).fill((byte) 0);
            for (int i = 0; i < hashCount; i++) {
                Filter.add(filter, bytes, filterProbes, hashes[i]);
            }
            writeFrame(scratch.address(), bytes, stamp + filterStart - start);
        }
        long indexStart = writer.position();
        int bytes = partition.finish(scratch, TableFormat.FRAME_HEADER, filterStart - start);
        writeFrame(scratch.address(), bytes, stamp + indexStart - start);
        Partitions.Contents contents =
                new Partitions.Contents(entries, garbage, smallestSequence, largestSequence, rawBytes);
        root.add(block.lastKey(), block.lastKeyLength(), start);
        partitions.add(start, filterStart, indexStart, writer.position(), stamp, contents);
        before = before.with(contents);
        beginPartition();
    }

    private void beginPartition() {
        start = writer.position();
        stamp = Partitions.stamp(number, partitions.count());
        partition.clear();
        hashCount = 0;
        entries = 0;
        garbage = 0;
        smallestSequence = Long.MAX_VALUE;
        largestSequence = 0;
        rawBytes = 0;
    }

    /** Frees buffers; a builder not finished leaves a file that no reader opens. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            closeBuffers();
            writer.close();
        }
    }

    private void closeBuffers() {
        block.close();
        compressed.close();
        pendingKey.close();
        partition.close();
        scratch.close();
        partitions.close();
        root.close();
    }
}
