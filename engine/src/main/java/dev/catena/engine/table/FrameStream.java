package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Memory;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.ChunkMismatchException;
import dev.catena.io.chain.ChunkReader;
import dev.catena.io.chain.ChunkWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Frames of a table's data, read past the cache in chunks whose checksums were verified by the chain that read them, several ahead. What lies
 * between them is passed over. A frame inside one chunk is given where it is; one that straddles chunks is put together in a buffer.
 *
 * <p>Runs of partitions are given as a whole, to be copied: of them only the chunks are read here that others share with them.
 *
 * <p>Not thread safe.
 */
final class FrameStream implements AutoCloseable {
    private static final String OWNER = "table scanner";

    /** A buffer that a big value made larger than this is given back after it. */
    private static final long KEPT_BYTES = 1 << 20;

    private final Path path;
    private final TableReader table;
    private final ChunkReader chunks;

    private final List<TableReader.Extent> extents;
    private final Buffer straddling = new Buffer(64 << 10, OWNER);

    /** The number of the extent that frames are taken from, and where it ends. */
    private int extent = -1;

    private long limit;

    /** The part of the current chunk that no frame was taken from yet. */
    private long at;

    private long end;

    /** Where in the file {@link #at} is. */
    private long position;

    private long frame;
    private long bytes;
    private long offset;
    private boolean hasSlack;

    /** Of extents that ascend; with {@link #drain} all chunks of the body are verified. */
    FrameStream(
            TableReader table,
            ChainRuntime runtime,
            int readAheadChunks,
            List<TableReader.Extent> extents,
            boolean isWhole) {
        this.table = table;
        path = table.path();
        this.extents = extents;
        long bodyBytes = table.layout().bodyBytes();
        int[] wanted = isWhole
                ? ChunkReader.all(bodyBytes)
                : extents.stream()
                        .flatMapToInt(FrameStream::chunksOf)
                        .distinct()
                        .toArray();
        boolean good = false;
        try {
            long checksum = table.layout().fileChecksum();
            chunks = new ChunkReader(runtime, table.file(), bodyBytes, checksum, wanted, readAheadChunks);
            good = true;
        } catch (ChunkMismatchException e) {
            throw TableLayout.corruption(e);
        } catch (ChainIoException e) {
            throw TableLayout.failure(e);
        } finally {
            if (!good) {
                straddling.close();
            }
        }
    }

    private static int chunkOf(long offset) {
        return Math.toIntExact(offset / TableFormat.CHUNK_BYTES);
    }

    /** The chunks of an extent that are read; of a run those that it has in part. */
    private static IntStream chunksOf(TableReader.Extent extent) {
        int first = chunkOf(extent.start());
        int last = chunkOf(extent.end() - 1);
        return extent.isRun()
                ? IntStream.of(first, last)
                        .filter(chunk -> chunk * (long) TableFormat.CHUNK_BYTES < extent.start()
                                || (chunk + 1L) * TableFormat.CHUNK_BYTES > extent.end())
                : IntStream.rangeClosed(first, last);
    }

    /** Moves to the next run, or frame; a frame's sizes are checked, its own checksum is not. False at the end. */
    boolean advance() {
        if (isRun()) {
            pass(limit - position);
        }
        if (position == limit) {
            if (extent + 1 == extents.size()) {
                return false;
            }
            extent++;
            pass(extents.get(extent).start() - position);
            limit = extents.get(extent).end();
            if (isRun()) {
                return true;
            }
        }
        offset = position;
        if (limit - offset < TableFormat.FRAME_HEADER) {
            throw overrun(TableFormat.FRAME_HEADER);
        }
        if (at == end) {
            nextChunk();
        }
        straddling.shrink(KEPT_BYTES);
        if (end - at >= TableFormat.FRAME_HEADER) {
            bytes = TableFormat.FRAME_HEADER + Frame.storedBytes(at);
            if (bytes <= end - at) {
                frame = at;
                at += bytes;
                position += bytes;
                hasSlack = end - at >= Block.SLACK;
                checkSizes();
                return true;
            }
        }
        gather(0, TableFormat.FRAME_HEADER);
        bytes = TableFormat.FRAME_HEADER + Frame.storedBytes(straddling.address());
        frame = straddling.address();
        checkSizes();
        straddling.ensure(bytes + Block.SLACK, TableFormat.FRAME_HEADER);
        frame = straddling.address();
        hasSlack = true;
        gather(TableFormat.FRAME_HEADER, bytes);
        return true;
    }

    /** Whether it stands at a run, not at a frame. */
    boolean isRun() {
        return extent >= 0 && extents.get(extent).isRun();
    }

    /** The extent that it stands in. */
    TableReader.Extent current() {
        return extents.get(extent);
    }

    /** Writes all bytes of the run: chunks that it has for itself are copied by chains, what it shares with others is written from here. */
    void copyRun(ChunkWriter to) {
        while (position < limit) {
            int whole = position % TableFormat.CHUNK_BYTES == 0 ? chunkOf(limit) - chunkOf(position) : 0;
            if (whole > 0) {
                to.copy(table.file(), chunkOf(position), whole, checksums());
                pass((long) whole * TableFormat.CHUNK_BYTES);
            } else {
                if (at == end) {
                    nextChunk();
                }
                long part = Math.min(limit - position, end - at);
                to.write(Memory.ALL, at, part);
                pass(part);
            }
        }
    }

    private MemorySegment checksums() {
        try {
            return chunks.checksums();
        } catch (ChunkMismatchException e) {
            throw TableLayout.corruption(e);
        } catch (ChainIoException e) {
            throw TableLayout.failure(e);
        }
    }

    /** Reads what is left, to have it verified. */
    void drain() {
        while (readChunk() != null) {
            at = end;
        }
    }

    /** Where the frame is in memory, until the next move. */
    long frame() {
        return frame;
    }

    /** Bytes of the frame. */
    long bytes() {
        return bytes;
    }

    /** Where the frame starts in the file. */
    long offset() {
        return offset;
    }

    /** Whether {@link Block#SLACK} readable bytes follow the frame in memory. */
    boolean hasSlack() {
        return hasSlack;
    }

    @Override
    public void close() {
        straddling.close();
        chunks.close();
    }

    /** Copies the frame's bytes from {@code from} to {@code to} into the buffer, chunk after chunk. */
    private void gather(long from, long to) {
        long done = from;
        while (done < to) {
            if (at == end) {
                nextChunk();
            }
            long part = Math.min(to - done, end - at);
            Memory.copy(at, straddling.address() + done, part);
            at += part;
            position += part;
            done += part;
        }
    }

    /** Leaves bytes out; if they go on behind the chunk, the next one is the one where they end. */
    private void pass(long left) {
        position += left;
        at = Math.min(end, at + left);
    }

    /** Goes on in the chunk with the position. */
    private void nextChunk() {
        while (true) {
            MemorySegment chunk = readChunk();
            if (chunk == null) {
                throw new CorruptionException(path, position, "more blocks", "the end of the body");
            }
            long skipped = position - chunks.chunkOffset();
            if (skipped < chunk.byteSize()) {
                at = chunk.address() + skipped;
                end = chunk.address() + chunk.byteSize();
                return;
            }
        }
    }

    private @Nullable MemorySegment readChunk() {
        try {
            return chunks.next();
        } catch (ChunkMismatchException e) {
            throw TableLayout.corruption(e);
        } catch (ChainIoException e) {
            throw TableLayout.failure(e);
        }
    }

    private void checkSizes() {
        if (bytes > limit - offset) {
            throw overrun(bytes);
        }
        Frame.checkSizes(path, offset, frame, bytes);
    }

    private CorruptionException overrun(long bytes) {
        return new CorruptionException(
                path, offset, "a block of " + (limit - offset) + " bytes at most", "one of " + bytes);
    }
}
