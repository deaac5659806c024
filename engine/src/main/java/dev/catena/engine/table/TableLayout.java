package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.StoreException;
import dev.catena.engine.StoreFormatException;
import dev.catena.engine.StoreIoException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Memory;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChunkMismatchException;
import dev.catena.io.chain.ChunkTail;
import dev.catena.io.chain.FileBytes;
import dev.catena.io.memory.Xxh64;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Where a table's parts lie, from its footer.
 *
 * @param version of the format
 * @param fileBytes the file's size
 * @param bodyBytes bytes of the body, a multiple of 4096; the checksum table follows
 * @param dataEnd where data frames end; from version 4 on, where partitions end
 * @param filterEnd where filter frames end; from version 4 on, the same
 * @param indexEnd where index frames end and the root begins; from version 4 on, the same
 * @param rootEnd where the root ends
 * @param partitionsEnd where the partitions frame ends, which follows, and the properties begin; before version 4 the root's end
 * @param propertiesEnd where the properties end
 * @param rangesEnd where deletions of ranges end, which follow; 0 when there are none
 * @param entries versions in the table
 * @param filterProbes bits tested for a key, 0 where there are no filters
 * @param blockBytes bytes of a data block, about; 0 before version 4, as are the next two
 * @param filterBits of a key
 * @param compression as {@link TableFormat#number}
 * @param fileChecksum sum of the chunks' checksums
 */
record TableLayout(
        int version,
        long fileBytes,
        long bodyBytes,
        long dataEnd,
        long filterEnd,
        long indexEnd,
        long rootEnd,
        long partitionsEnd,
        long propertiesEnd,
        long rangesEnd,
        long entries,
        int filterProbes,
        int blockBytes,
        int filterBits,
        int compression,
        long fileChecksum) {
    /**
     * Reads and checks checksum table and footer.
     *
     * @throws CorruptionException when they are not those of a table with this checksum
     */
    static TableLayout read(FileBytes file, long expectedFileChecksum) {
        Path path = file.path();
        long fileBytes = file.size();
        long footerOffset = Math.max(0, fileBytes - TableFormat.FOOTER_BYTES);
        try (ChunkTail tail = ChunkTail.read(file);
                Buffer footer = new Buffer(TableFormat.FOOTER_BYTES, "open tables")) {
            MemorySegment.copy(MemorySegment.ofArray(tail.footer()), 0, footer.segment(), 0, TableFormat.FOOTER_BYTES);
            TableLayout layout = parse(path, fileBytes, footerOffset, footer.address());
            if (layout.fileChecksum != expectedFileChecksum) {
                throw checksumMismatch(path, footerOffset, expectedFileChecksum, layout.fileChecksum);
            }
            return layout;
        } catch (ChunkMismatchException e) {
            throw corruption(e);
        } catch (ChainIoException e) {
            throw failure(e);
        }
    }

    static StoreException failure(ChainIoException e) {
        String message = String.valueOf(e.getMessage());
        Path path = e.path();
        return path != null && e.isOfLostBytes()
                ? new CorruptionException(path, Math.max(0, e.offset()), "bytes that can be read", message)
                : new StoreIoException(message, e);
    }

    static CorruptionException corruption(ChunkMismatchException e) {
        return new CorruptionException(
                e.path(),
                e.offset(),
                e.what() + " " + TableFormat.hex(e.expected()),
                e.what() + " " + TableFormat.hex(e.found()));
    }

    static CorruptionException checksumMismatch(Path path, long offset, long expected, long found) {
        return new CorruptionException(
                path, offset, "file checksum " + TableFormat.hex(expected), "file checksum " + TableFormat.hex(found));
    }

    private static TableLayout parse(Path path, long fileBytes, long offset, long footer) {
        long magic = Memory.getLong(footer);
        if (magic != TableFormat.MAGIC) {
            throw new CorruptionException(
                    path,
                    offset,
                    "a footer that begins with " + TableFormat.hex(TableFormat.MAGIC),
                    TableFormat.hex(magic));
        }
        long hash = Xxh64.hash(Memory.ALL, footer, TableFormat.FOOTER_HASH, TableFormat.MAGIC);
        long expected = Memory.getLong(footer + TableFormat.FOOTER_HASH);
        if (hash != expected) {
            throw new CorruptionException(
                    path,
                    offset,
                    "footer checksum " + TableFormat.hex(expected),
                    "footer checksum " + TableFormat.hex(hash));
        }
        int version = Memory.getInt(footer + TableFormat.FOOTER_VERSION);
        int chunkBytes = Memory.getInt(footer + TableFormat.FOOTER_CHUNK_BYTES);
        if (version > TableFormat.VERSION) {
            throw new StoreFormatException(path, "table version " + version, TableFormat.VERSION);
        }
        if (version < TableFormat.VERSION_MIN || chunkBytes != TableFormat.CHUNK_BYTES) {
            throw new CorruptionException(
                    path,
                    offset,
                    "a table of version " + TableFormat.VERSION_MIN + " to " + TableFormat.VERSION + " in chunks of "
                            + TableFormat.CHUNK_BYTES,
                    "version " + version + " in chunks of " + chunkBytes);
        }
        boolean hasPartitions = version >= TableFormat.VERSION_PARTITIONS;
        TableLayout layout = new TableLayout(
                version,
                fileBytes,
                Memory.getLong(footer + TableFormat.FOOTER_BODY_BYTES),
                Memory.getLong(footer + TableFormat.FOOTER_DATA_END),
                Memory.getLong(footer + TableFormat.FOOTER_FILTER_END),
                Memory.getLong(footer + TableFormat.FOOTER_INDEX_END),
                Memory.getLong(footer + TableFormat.FOOTER_ROOT_END),
                Memory.getLong(
                        footer + (hasPartitions ? TableFormat.FOOTER_PARTITIONS_END : TableFormat.FOOTER_ROOT_END)),
                Memory.getLong(footer + TableFormat.FOOTER_PROPERTIES_END),
                Memory.getLong(footer + TableFormat.FOOTER_RANGES_END),
                Memory.getLong(footer + TableFormat.FOOTER_ENTRIES),
                Memory.getInt(footer + TableFormat.FOOTER_FILTER_PROBES),
                hasPartitions ? Memory.getInt(footer + TableFormat.FOOTER_BLOCK_BYTES) : 0,
                hasPartitions ? Memory.getInt(footer + TableFormat.FOOTER_FILTER_BITS) : 0,
                hasPartitions ? Memory.getInt(footer + TableFormat.FOOTER_COMPRESSION) : 0,
                Memory.getLong(footer + TableFormat.FOOTER_FILE_CHECKSUM));
        if (!layout.isPlausible()) {
            throw new CorruptionException(path, offset, "a footer with parts in order", layout.toString());
        }
        return layout;
    }

    /** Where the last frame ends. */
    long partsEnd() {
        return Math.max(propertiesEnd, rangesEnd);
    }

    /** Whether partitions are as they can be copied. */
    boolean hasPartitions() {
        return version >= TableFormat.VERSION_PARTITIONS;
    }

    private boolean isPlausible() {
        return dataEnd > TableFormat.FRAME_HEADER
                && filterEnd >= dataEnd
                && (hasPartitions()
                        ? indexEnd == dataEnd && indexEnd == filterEnd
                        : indexEnd > filterEnd + TableFormat.FRAME_HEADER)
                && rootEnd > indexEnd + TableFormat.FRAME_HEADER
                && (hasPartitions() ? partitionsEnd > rootEnd + TableFormat.FRAME_HEADER : partitionsEnd == rootEnd)
                && propertiesEnd > partitionsEnd + TableFormat.FRAME_HEADER
                && (rangesEnd == 0 || rangesEnd > propertiesEnd + TableFormat.FRAME_HEADER)
                && bodyBytes >= partsEnd()
                && bodyBytes % TableFormat.BODY_ALIGNMENT == 0
                && bodyBytes <= fileBytes - TableFormat.FOOTER_BYTES
                && partsEnd() - indexEnd <= TableFormat.RAW_MAX
                && filterProbes >= 0
                && filterProbes <= 32
                && entries > 0;
    }
}
