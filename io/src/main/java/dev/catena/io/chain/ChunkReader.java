package dev.catena.io.chain;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Reads the body of a file that {@link ChunkWriter} wrote, from some chunk to the end, ahead of the caller, through one
 * growing chain: a step a chunk, verified against its checksum by whoever steers, which on {@code kernel-hook} is the
 * kernel. A chunk that does not verify is never returned.
 *
 * <p>Not thread safe. Close it; the file stays the caller's.
 */
public final class ChunkReader implements AutoCloseable {
    private static final int WINDOW = 8;

    /** Who reads as many chunks ahead wants many at a time more than one soon. */
    private static final int BATCHED = 32;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final ChainFile file;
    private final Lane lane;
    private final Chain chain;
    private final Region buffers;
    private final Region table;
    private final int ahead;
    private final long firstChunk;
    private final long bodyBytes;
    private final int chunks;
    private int current = -1;
    private int published;
    private boolean closed;

    /**
     * @param checksums a u64 for every chunk of the body, from the file's {@link ChunkTail}
     * @param bodyBytes length of the body
     * @param firstChunk to begin with
     * @param aheadChunks buffers of 64 KiB, 2 to 128
     */
    public ChunkReader(
            ChainRuntime runtime,
            ChainFile file,
            MemorySegment checksums,
            long bodyBytes,
            long firstChunk,
            int aheadChunks) {
        if (aheadChunks < 2 || aheadChunks > 128) {
            throw new IllegalArgumentException("chunks ahead: 2 to 128, not " + aheadChunks);
        }
        this.file = file;
        this.bodyBytes = bodyBytes;
        this.firstChunk = firstChunk;
        long total = (bodyBytes + ChunkWriter.CHUNK - 1) / ChunkWriter.CHUNK;
        chunks = (int) Math.max(0, total - firstChunk);
        ahead = Math.clamp(chunks, 2, aheadChunks);
        lane = runtime.lane(Placement.RESIDENT);
        chain = lane.chain(Integer.highestOneBit(2 * ahead - 1), "table read").window(WINDOW);
        buffers = runtime.allocate((long) ahead * ChunkWriter.CHUNK, "chunk reader");
        table = runtime.allocate(Math.max(8, chunks * 8L), "checksum table");
        MemorySegment.copy(checksums, firstChunk * 8, table.segment(), 0, chunks * 8L);
        for (int i = 0; i < Math.min(ahead, chunks); i++) {
            addChunk(i);
        }
        chain.start();
        published = chain.size();
    }

    private void addChunk(int index) {
        long offset = (firstChunk + index) * ChunkWriter.CHUNK;
        chain.read(file, buffers, bufferOffset(index), length(index), offset).verify(table, index * 8L);
    }

    private long bufferOffset(int index) {
        return (long) (index % ahead) * ChunkWriter.CHUNK;
    }

    private int length(int index) {
        return (int) Math.min(ChunkWriter.CHUNK, bodyBytes - (firstChunk + index) * ChunkWriter.CHUNK);
    }

    /**
     * The next chunk, a view valid until the following call; null at the end of the body.
     *
     * @throws ChunkMismatchException if it does not have its checksum
     * @throws ChainIoException if it cannot be read
     */
    public @Nullable MemorySegment next() {
        if (current + 1 >= chunks) {
            return null;
        }
        if (current >= 0 && current + ahead < chunks) {
            addChunk(current + ahead); // the buffer that is now free
        }
        current++;
        // A chain with something to do sees new steps for nothing; an idle one is woken for many at a time.
        if (chain.size() > published
                && (!chain.isDry() || chain.size() - published >= ahead * 3 / 4 || current >= published)) {
            chain.publish();
            published = chain.size();
        }
        if (!chain.isStepDone(current)) {
            if (current > 0
                    && ahead >= BATCHED) { // If we must wait, then for half of what is asked for: one system call for
                // many chunks.
                chain.awaitStep(Math.min(current + ahead / 2, published - 1));
            }
            chain.awaitStep(current);
            if (!chain.isStepDone(current)) {
                throw failure();
            }
        }
        return buffers.segment().asSlice(bufferOffset(current), length(current));
    }

    private RuntimeException failure() {
        chain.seal();
        ChainResult result = chain.await();
        int failed = result.failedStep();
        long offset = (firstChunk + failed) * ChunkWriter.CHUNK;
        if (result.result() == -dev.catena.io.internal.Errno.EBADMSG) {
            long expected = table.segment().get(LONG, failed * 8L);
            return new ChunkMismatchException(file.path(), offset, expected, chain.stepHash(failed));
        }
        return new ChainIoException("read", file.path(), offset, -result.result());
    }

    /** File offset of the chunk that {@link #next} returned last. */
    public long chunkOffset() {
        return (firstChunk + current) * ChunkWriter.CHUNK;
    }

    @Override
    public void close() {
        if (closed) {
            throw new AssertionError("chunk reader closed twice");
        }
        closed = true;
        chain.close();
        lane.close();
        buffers.close();
        table.close();
    }
}
