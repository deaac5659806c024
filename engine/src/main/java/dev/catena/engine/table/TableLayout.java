package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.StoreIoException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Memory;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChunkMismatchException;
import dev.catena.io.chain.ChunkTail;
import dev.catena.io.memory.Xxh64;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Where a table's parts lie, from its footer.
 *
 * @param fileBytes the file's size
 * @param bodyBytes bytes of the body, a multiple of 4096; the checksum table follows
 * @param dataEnd where data frames end and filter frames begin
 * @param filterEnd where filter frames end and index frames begin
 * @param indexEnd where index frames end and the root begins
 * @param rootEnd where the root ends and the properties begin
 * @param propertiesEnd where the properties end
 * @param rangesEnd where deletions of ranges end, which follow; 0 when there are none
 * @param entries versions in the table
 * @param filterProbes bits tested for a key, 0 where there are no filters
 * @param fileChecksum sum of the chunks' checksums
 */
record TableLayout(
        long fileBytes,
        long bodyBytes,
        long dataEnd,
        long filterEnd,
        long indexEnd,
        long rootEnd,
        long propertiesEnd,
        long rangesEnd,
        long entries,
        int filterProbes,
        long fileChecksum) {
    /**
     * Reads and checks checksum table and footer.
     *
     * @throws CorruptionException when they are not those of a table with this checksum
     */
    static TableLayout read(ChainFile file, long expectedFileChecksum) {
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

    static StoreIoException failure(ChainIoException e) {
        return new StoreIoException(String.valueOf(e.getMessage()), e);
    }

    static CorruptionException corruption(ChunkMismatchException e) {
        return new CorruptionException(
                e.path(),
                e.offset(),
                "chunk checksum " + TableFormat.hex(e.expected()),
                "chunk checksum " + TableFormat.hex(e.found()));
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
        if (version < TableFormat.VERSION_MIN
                || version > TableFormat.VERSION
                || chunkBytes != TableFormat.CHUNK_BYTES) {
            throw new CorruptionException(
                    path,
                    offset,
                    "a table of version " + TableFormat.VERSION_MIN + " to " + TableFormat.VERSION + " in chunks of "
                            + TableFormat.CHUNK_BYTES,
                    "version " + version + " in chunks of " + chunkBytes);
        }
        TableLayout layout = new TableLayout(
                fileBytes,
                Memory.getLong(footer + TableFormat.FOOTER_BODY_BYTES),
                Memory.getLong(footer + TableFormat.FOOTER_DATA_END),
                Memory.getLong(footer + TableFormat.FOOTER_FILTER_END),
                Memory.getLong(footer + TableFormat.FOOTER_INDEX_END),
                Memory.getLong(footer + TableFormat.FOOTER_ROOT_END),
                Memory.getLong(footer + TableFormat.FOOTER_PROPERTIES_END),
                Memory.getLong(footer + TableFormat.FOOTER_RANGES_END),
                Memory.getLong(footer + TableFormat.FOOTER_ENTRIES),
                Memory.getInt(footer + TableFormat.FOOTER_FILTER_PROBES),
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

    private boolean isPlausible() {
        return dataEnd > TableFormat.FRAME_HEADER
                && filterEnd >= dataEnd
                && indexEnd > filterEnd + TableFormat.FRAME_HEADER
                && rootEnd > indexEnd + TableFormat.FRAME_HEADER
                && propertiesEnd > rootEnd + TableFormat.FRAME_HEADER
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
