package dev.catena.io.chain;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Reads chunks of the body of a file that {@link ChunkWriter} wrote, ahead of the caller, through one growing chain: a step a chunk, verified against its checksum by whoever steers, which on {@code kernel-hook} is the
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
    private final long bodyBytes;
    private final int[] chunks;
    private int current = -1;
    private int published;
    private boolean closed;

    /**
     * @param checksums a u64 for every chunk of the body, from the file's {@link ChunkTail}
     * @param bodyBytes length of the body
     * @param chunks the numbers of those wanted, ascending
     * @param aheadChunks buffers of 64 KiB, 2 to 128
     */
    public ChunkReader(
            ChainRuntime runtime,
            ChainFile file,
            MemorySegment checksums,
            long bodyBytes,
            int[] chunks,
            int aheadChunks) {
        if (aheadChunks < 2 || aheadChunks > 128) {
            throw new IllegalArgumentException("chunks ahead: 2 to 128, not " + aheadChunks);
        }
        this.file = file;
        this.bodyBytes = bodyBytes;
        this.chunks = chunks.clone();
        ahead = Math.clamp(chunks.length, 2, aheadChunks);
        lane = runtime.lane(Placement.RESIDENT);
        chain = lane.chain(Integer.highestOneBit(2 * ahead - 1), "table read").window(WINDOW);
        buffers = runtime.allocate((long) ahead * ChunkWriter.CHUNK, "chunk reader");
        table = runtime.allocate(Math.max(8, chunks.length * 8L), "checksum table");
        for (int i = 0; i < chunks.length; i++) {
            table.segment().set(LONG, i * 8L, checksums.get(LONG, chunks[i] * 8L));
        }
        for (int i = 0; i < Math.min(ahead, chunks.length); i++) {
            addChunk(i);
        }
        chain.start();
        published = chain.size();
    }

    /** The numbers of all chunks of a body. */
    public static int[] all(long bodyBytes) {
        return IntStream.range(0, Math.toIntExact((bodyBytes + ChunkWriter.CHUNK - 1) / ChunkWriter.CHUNK))
                .toArray();
    }

    private void addChunk(int index) {
        long offset = offset(index);
        chain.read(file, buffers, bufferOffset(index), length(index), offset).verify(table, index * 8L);
    }

    private long bufferOffset(int index) {
        return (long) (index % ahead) * ChunkWriter.CHUNK;
    }

    private int length(int index) {
        return (int) Math.min(ChunkWriter.CHUNK, bodyBytes - offset(index));
    }

    private long offset(int index) {
        return chunks[index] * (long) ChunkWriter.CHUNK;
    }

    /**
     * The next chunk, a view valid until the following call; null after the last one.
     *
     * @throws ChunkMismatchException if it does not have its checksum
     * @throws ChainIoException if it cannot be read
     */
    public @Nullable MemorySegment next() {
        if (current + 1 >= chunks.length) {
            return null;
        }
        if (current >= 0 && current + ahead < chunks.length) {
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
        long offset = offset(failed);
        if (result.result() == -dev.catena.io.internal.Errno.EBADMSG) {
            long expected = table.segment().get(LONG, failed * 8L);
            return new ChunkMismatchException(file.path(), offset, expected, chain.stepHash(failed));
        }
        return new ChainIoException("read", file.path(), offset, -result.result());
    }

    /** File offset of the chunk that {@link #next} returned last. */
    public long chunkOffset() {
        return offset(current);
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
