package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Memory;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.ChunkMismatchException;
import dev.catena.io.chain.ChunkReader;
import dev.catena.io.chain.ChunkTail;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A table's frames from the first on, read past the cache in chunks whose checksums were verified by the chain that read them, several
 * ahead. A frame inside one chunk is given where it is; one that straddles chunks is put together in a buffer.
 *
 * <p>Not thread safe.
 */
final class FrameStream implements AutoCloseable {
    private static final String OWNER = "table scanner";

    /** A buffer that a big value made larger than this is given back after it. */
    private static final long KEPT_BYTES = 1 << 20;

    private final Path path;
    private final ChunkReader chunks;
    private final Buffer straddling = new Buffer(64 << 10, OWNER);

    /** The part of the current chunk that no frame was taken from yet. */
    private long at;

    private long end;

    /** Where in the file {@link #at} is. */
    private long position;

    private long frame;
    private long bytes;
    private long offset;
    private boolean hasSlack;

    /** Bytes at the beginning of the first chunk that are not asked for. */
    private long skipped;

    /** The whole body. */
    FrameStream(TableReader table, ChainRuntime runtime, int readAheadChunks) {
        this(table, runtime, readAheadChunks, 0, table.layout().bodyBytes());
    }

    /** From where a frame starts to where one ends. */
    FrameStream(TableReader table, ChainRuntime runtime, int readAheadChunks, long from, long to) {
        path = table.path();
        position = from;
        skipped = from % TableFormat.CHUNK_BYTES;
        long endOfChunk = (to + TableFormat.CHUNK_BYTES - 1) / TableFormat.CHUNK_BYTES * TableFormat.CHUNK_BYTES;
        boolean good = false;
        try (ChunkTail tail = table.readTail()) {
            chunks = new ChunkReader(
                    runtime,
                    table.file(),
                    tail.checksums(),
                    Math.min(endOfChunk, table.layout().bodyBytes()),
                    from / TableFormat.CHUNK_BYTES,
                    readAheadChunks);
            good = true;
        } catch (ChainIoException e) {
            throw TableLayout.failure(e);
        } finally {
            if (!good) {
                straddling.close();
            }
        }
    }

    /**
     * Moves to the next frame; its sizes are checked, its own checksum is not.
     *
     * @param limit where frames end in the file
     * @return false at the limit
     */
    boolean advance(long limit) {
        offset = position;
        if (offset == limit) {
            return false;
        }
        if (limit - offset < TableFormat.FRAME_HEADER) {
            throw overrun(limit, TableFormat.FRAME_HEADER);
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
                checkSizes(limit);
                return true;
            }
        }
        gather(0, TableFormat.FRAME_HEADER);
        bytes = TableFormat.FRAME_HEADER + Frame.storedBytes(straddling.address());
        frame = straddling.address();
        checkSizes(limit);
        straddling.ensure(bytes + Block.SLACK, TableFormat.FRAME_HEADER);
        frame = straddling.address();
        hasSlack = true;
        gather(TableFormat.FRAME_HEADER, bytes);
        return true;
    }

    /** Reads what is left, to have it verified. */
    void drain(long bodyBytes) {
        position += end - at;
        at = end;
        while (position < bodyBytes) {
            nextChunk();
            position += end - at;
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

    private void nextChunk() {
        try {
            @Nullable MemorySegment chunk = chunks.next();
            if (chunk == null) {
                throw new CorruptionException(path, position, "more blocks", "the end of the body");
            }
            at = chunk.address() + skipped;
            end = chunk.address() + chunk.byteSize();
            skipped = 0;
        } catch (ChunkMismatchException e) {
            throw TableLayout.corruption(e);
        } catch (ChainIoException e) {
            throw TableLayout.failure(e);
        }
    }

    private void checkSizes(long limit) {
        if (bytes > limit - offset) {
            throw overrun(limit, bytes);
        }
        Frame.checkSizes(path, offset, frame, bytes);
    }

    private CorruptionException overrun(long limit, long bytes) {
        return new CorruptionException(
                path, offset, "a block of " + (limit - offset) + " bytes at most", "one of " + bytes);
    }
}
