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
import dev.catena.io.memory.Xxh64;
import io.airlift.compress.v3.Compressor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Writes one table from entries given in order.
 *
 * <p>Data frames are handed to the chunk writer as they fill; what leads to them (filters, index) gathers in memory, about 2 % of
 * the data, and is written behind them by {@link #finish}. A frame's separator is known when the next key is: so the index is one
 * frame behind.
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

    private final ChunkWriter writer;
    private final KeyOrder order;
    private final int blockBytes;
    private final int filterBitsPerKey;
    private final int filterProbes;
    private final @Nullable Codec codec; // null to store blocks as they are
    private final @Nullable Compressor compressor;

    private final BlockBuilder block;
    private final Buffer compressed = new Buffer(64 << 10, OWNER);
    /** The last key of the data frame that waits for its separator. */
    private final Buffer pendingKey = new Buffer(256, OWNER);

    private int pendingKeyLength;
    private long pendingOffset = -1;

    /** The partition that data frames are added to. */
    private final IndexBuilder partition;

    private long[] hashes = new long[1024];
    private int hashCount;

    /** Finished partitions' raw payloads, one after another: written behind the data. */
    private final Buffer filters = new Buffer(64 << 10, OWNER);

    private final Buffer indexes = new Buffer(64 << 10, OWNER);
    private final Buffer partitionKeys = new Buffer(4096, OWNER);
    private long filtersBytes;
    private long indexesBytes;
    private long partitionKeysBytes;
    private int partitions;
    private long[] partitionEnds = new long[3 * 16];

    private RangeDeletions ranges = RangeDeletions.NONE;
    private byte[] smallestKey = new byte[0];
    private long entries;
    private long garbage;
    private long smallestSequence = Long.MAX_VALUE;
    private long largestSequence;
    private long rawBytes;
    private boolean finished;
    private boolean closed;

    /**
     * Begins a table.
     *
     * @param file new or truncated, opened for writing; stays the caller's to close
     * @param blockBytes bytes of a data block before compression, about
     * @param filterBitsPerKey 0 for no filter
     * @param order that entries are given in
     */
    public TableBuilder(
            ChainRuntime runtime,
            ChainFile file,
            int blockBytes,
            int filterBitsPerKey,
            Compression compression,
            KeyOrder order) {
        this.order = order;
        partition = new IndexBuilder(1, order);
        this.blockBytes = blockBytes;
        this.filterBitsPerKey = filterBitsPerKey;
        filterProbes = filterBitsPerKey == 0 ? 0 : Filter.probes(filterBitsPerKey);
        codec = switch (compression) {
            case NONE -> null;
            case LZ4 -> Codec.LZ4;
            case ZSTD -> Codec.ZSTD;
        };
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
        if (entries == 0) {
            smallestKey = Memory.toArray(key, keyLength);
        }
        if (valueLength >= blockBytes && !block.isEmpty()) {
            // A big value has a block to itself, so that it is not read for its neighbours.
            finishBlock();
        }
        boolean sameKey = entries > 0
                && keyLength == block.lastKeyLength()
                && Keys.compare(block.lastKey(), keyLength, key, keyLength) == 0;
        if (sameKey || Keys.kind(trailer) != Keys.PUT) {
            garbage++;
        }
        if (pendingOffset >= 0) {
            addPending(key, keyLength);
            sameKey &= hashCount > 0;
        }
        if (filterBitsPerKey > 0 && !sameKey) {
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
                + filtersBytes
                + indexesBytes
                + (long) hashCount * filterBitsPerKey / 8
                + partition.separatorBytes()
                + 20L * partition.count()
                + TableFormat.BODY_ALIGNMENT;
    }

    /** Entries added. */
    public long entries() {
        return entries;
    }

    /** Writes the rest; the file is durable on return. At least one entry must have been added. */
    public TableProperties finish() {
        if (finished || closed || entries == 0) {
            throw new IllegalStateException("a table is finished once, after its first entry");
        }
        finished = true;
        if (!block.isEmpty()) {
            finishBlock();
        }
        byte[] largestKey = lastKey();
        if (pendingOffset >= 0) {
            partition.add(pendingKey.address(), pendingKeyLength, pendingOffset, 0);
            pendingOffset = -1;
        }
        finishPartition(writer.position());

        long dataEnd = writer.position();
        try (IndexBuilder root = new IndexBuilder(2, order);
                Buffer scratch = new Buffer(64 << 10, OWNER)) {
            long[] filterOffsets = writeAll(filters, 0, scratch);
            long filterEnd = writer.position();
            long[] indexOffsets = writeAll(indexes, 1, scratch);
            long indexEnd = writer.position();

            long keyStart = 0;
            for (int i = 0; i < partitions; i++) {
                long keyEnd = partitionEnds[3 * i + 2];
                root.add(
                        partitionKeys.address() + keyStart,
                        (int) (keyEnd - keyStart),
                        indexOffsets[i],
                        filterProbes == 0 ? filterEnd : filterOffsets[i]);
                keyStart = keyEnd;
            }
            int rootBytes = root.finish(scratch, TableFormat.FRAME_HEADER, indexEnd, filterEnd);
            writeFrame(scratch.address(), rootBytes);
            long rootEnd = writer.position();
            largestKey = addRanges(largestKey);
            int propertiesBytes = properties(scratch, largestKey); // which may move the scratch
            writeFrame(scratch.address(), propertiesBytes);
            long propertiesEnd = writer.position();
            long rangesEnd = 0;
            if (!ranges.isEmpty()) {
                byte[] payload = RangeBlock.encode(ranges);
                scratch.ensure(TableFormat.FRAME_HEADER + (long) payload.length, 0);
                MemorySegment.copy(
                        MemorySegment.ofArray(payload), 0, scratch.segment(), TableFormat.FRAME_HEADER, payload.length);
                writeFrame(scratch.address(), payload.length);
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
            Memory.putLong(f + TableFormat.FOOTER_DATA_END, dataEnd);
            Memory.putLong(f + TableFormat.FOOTER_FILTER_END, filterEnd);
            Memory.putLong(f + TableFormat.FOOTER_INDEX_END, indexEnd);
            Memory.putLong(f + TableFormat.FOOTER_ROOT_END, rootEnd);
            Memory.putLong(f + TableFormat.FOOTER_PROPERTIES_END, propertiesEnd);
            Memory.putLong(f + TableFormat.FOOTER_RANGES_END, rangesEnd);
            Memory.putLong(f + TableFormat.FOOTER_ENTRIES, entries);
            Memory.putInt(f + TableFormat.FOOTER_FILTER_PROBES, filterProbes);
            Memory.putLong(
                    f + TableFormat.FOOTER_HASH, Xxh64.hash(Memory.ALL, f, TableFormat.FOOTER_HASH, TableFormat.MAGIC));
            ChunkSummary summary = writer.finish(footer);
            if (summary.bodyBytes() != bodyBytes) {
                throw new AssertionError("the body has " + summary.bodyBytes() + " bytes, not " + bodyBytes);
            }
            return new TableProperties(
                    summary.fileBytes(),
                    summary.fileChecksum(),
                    entries,
                    garbage,
                    smallestSequence,
                    largestSequence,
                    rawBytes,
                    smallestKey,
                    largestKey);
        }
    }

    /** Counts the deletions of ranges in, and returns the largest key that they or the entries concern. */
    private byte[] addRanges(byte[] largestEntry) {
        for (int i = 0; i < ranges.count(); i++) {
            long[] sequences = ranges.sequences(i);
            garbage += sequences.length;
            largestSequence = Math.max(largestSequence, sequences[0]);
            smallestSequence = Math.min(smallestSequence, sequences[sequences.length - 1]);
        }
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
    private int properties(Buffer to, byte[] largestKey) {
        int bytes = TableFormat.PROPERTIES_BYTES + smallestKey.length + largestKey.length;
        to.ensure(TableFormat.FRAME_HEADER + (long) bytes, 0);
        long p = to.address() + TableFormat.FRAME_HEADER;
        Memory.putLong(p, entries);
        Memory.putLong(p + 8, garbage);
        Memory.putLong(p + 16, smallestSequence);
        Memory.putLong(p + 24, largestSequence);
        Memory.putLong(p + 32, rawBytes);
        Memory.putInt(p + 40, smallestKey.length);
        Memory.putInt(p + 44, largestKey.length);
        p += TableFormat.PROPERTIES_BYTES;
        MemorySegment.copy(MemorySegment.ofArray(smallestKey), 0, Memory.ALL, p, smallestKey.length);
        MemorySegment.copy(MemorySegment.ofArray(largestKey), 0, Memory.ALL, p + smallestKey.length, largestKey.length);
        return bytes;
    }

    /** Writes a frame for each partition's payload and returns where each starts. */
    private long[] writeAll(Buffer payloads, int column, Buffer scratch) {
        long[] offsets = new long[partitions];
        long start = 0;
        for (int i = 0; i < partitions; i++) {
            long end = partitionEnds[3 * i + column];
            offsets[i] = writer.position();
            if (end > start) {
                scratch.ensure(TableFormat.FRAME_HEADER + end - start, 0);
                Memory.copy(payloads.address() + start, scratch.address() + TableFormat.FRAME_HEADER, end - start);
                writeFrame(scratch.address(), (int) (end - start));
            }
            start = end;
        }
        return offsets;
    }

    private void finishBlock() {
        int raw = block.finish();
        long offset = writer.position();
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
                Frame.seal(frame, offset, stored, raw, codec.number);
                writer.write(Memory.ALL, frame, TableFormat.FRAME_HEADER + (long) stored);
            }
        }
        if (!smaller) {
            writeFrame(block.payload() - TableFormat.FRAME_HEADER, raw);
        }
        pendingKey.ensure(block.lastKeyLength(), 0);
        Memory.copy(block.lastKey(), pendingKey.address(), block.lastKeyLength());
        pendingKeyLength = block.lastKeyLength();
        pendingOffset = offset;
        block.clear(Math.max(KEPT_BYTES, 2L * blockBytes));
        compressed.shrink(Math.max(KEPT_BYTES, 2L * blockBytes));
    }

    /** Writes a frame whose payload lies behind its header's room, uncompressed. */
    private void writeFrame(long frame, int bytes) {
        Frame.seal(frame, writer.position(), bytes, bytes, 0);
        writer.write(Memory.ALL, frame, TableFormat.FRAME_HEADER + (long) bytes);
    }

    /** Gives the frame that waits its separator, now that the key after it is known. */
    private void addPending(long nextKey, int nextLength) {
        if (order == KeyOrder.BYTES) {
            pendingKeyLength = shorten(pendingKey.address(), pendingKeyLength, nextKey, nextLength);
        }
        partition.add(pendingKey.address(), pendingKeyLength, pendingOffset, 0);
        pendingOffset = -1;
        if (partition.count() >= TableFormat.PARTITION_FRAMES
                || hashCount >= TableFormat.PARTITION_KEYS
                || partition.separatorBytes() >= TableFormat.PARTITION_SEPARATOR_BYTES) {
            finishPartition(writer.position());
        }
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

    private void finishPartition(long dataEnd) {
        if (filterBitsPerKey > 0) {
            int bytes = Filter.bytes(hashCount, filterBitsPerKey);
            filters.ensure(filtersBytes + bytes, filtersBytes);
            long filter = filters.address() + filtersBytes;
            filters.segment().asSlice(filtersBytes, bytes).fill((byte) 0);
            for (int i = 0; i < hashCount; i++) {
                Filter.add(filter, bytes, filterProbes, hashes[i]);
            }
            filtersBytes += bytes;
        }
        hashCount = 0;
        indexesBytes += partition.finish(indexes, indexesBytes, dataEnd, 0);
        partitionKeys.ensure(partitionKeysBytes + pendingKeyLength, partitionKeysBytes);
        Memory.copy(pendingKey.address(), partitionKeys.address() + partitionKeysBytes, pendingKeyLength);
        partitionKeysBytes += pendingKeyLength;
        if (3 * partitions == partitionEnds.length) {
            partitionEnds = Arrays.copyOf(partitionEnds, 2 * partitionEnds.length);
        }
        partitionEnds[3 * partitions] = filtersBytes;
        partitionEnds[3 * partitions + 1] = indexesBytes;
        partitionEnds[3 * partitions + 2] = partitionKeysBytes;
        partitions++;
        partition.clear();
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
        filters.close();
        indexes.close();
        partitionKeys.close();
    }
}
