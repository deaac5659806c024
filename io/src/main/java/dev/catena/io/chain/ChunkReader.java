package dev.catena.io.chain;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Reads chunks of the body of a file that {@link ChunkWriter} wrote, ahead of the caller, through one growing chain: first the file's
 * tail, with the checksums, then a step a chunk, verified against its checksum by whoever steers, which on {@code kernel-hook} is the
 * kernel. Nothing is returned before the tail was checked, and no chunk that does not verify.
 *
 * <p>Not thread safe. Close it; the file stays the caller's.
 */
public final class ChunkReader implements AutoCloseable {
    private static final int WINDOW = 8;

    /** Who reads as many chunks ahead wants many at a time more than one soon. */
    private static final int BATCHED = 32;

    /** Of the steps the first reads the tail; those behind it read chunks. */
    private static final int FIRST = 1;

    private final ChainFile file;
    private final Lane lane;
    private final Chain chain;
    private final Region buffers;
    private final Region tail;
    private final int ahead;
    private final long bodyBytes;
    private final long fileChecksum;
    private @Nullable ChunkTail checked;
    private final int[] chunks;
    private int current = -1;
    private int published;
    private boolean closed;

    /**
     * @param bodyBytes length of the body
     * @param fileChecksum that the file is to have
     * @param chunks the numbers of those wanted, ascending
     * @param aheadChunks buffers of 64 KiB, 2 to 128
     * @throws ChunkMismatchException if the file is not as long as with such a body
     */
    public ChunkReader(
            ChainRuntime runtime, ChainFile file, long bodyBytes, long fileChecksum, int[] chunks, int aheadChunks) {
        if (aheadChunks < 2 || aheadChunks > 128) {
            throw new IllegalArgumentException("chunks ahead: 2 to 128, not " + aheadChunks);
        }
        long tailBytes = ChunkTail.tailBytes((bodyBytes + ChunkWriter.CHUNK - 1) / ChunkWriter.CHUNK);
        long size = file.size();
        if (size != bodyBytes + tailBytes) {
            long whole = bodyBytes + tailBytes;
            throw new ChunkMismatchException(file.path(), Math.min(size, whole), "length of the file", whole, size);
        }
        this.file = file;
        this.bodyBytes = bodyBytes;
        this.fileChecksum = fileChecksum;
        this.chunks = chunks.clone();
        ahead = Math.clamp(chunks.length, 2, aheadChunks);
        lane = runtime.lane(Placement.RESIDENT);
        chain = lane.chain(Integer.highestOneBit(2 * ahead + 1), "table read").window(WINDOW);
        buffers = runtime.allocate((long) ahead * ChunkWriter.CHUNK, "chunk reader");
        tail = runtime.allocate(tailBytes, "checksum table");
        chain.read(file, tail, 0, Math.toIntExact(tailBytes), bodyBytes);
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
        Step step = chain.read(file, buffers, bufferOffset(index), length(index), offset(index))
                .verify(tail, chunks[index] * 8L);
        if (index == 0) {
            step.barrier(); // its checksum is there
        }
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
     * @throws ChunkMismatchException if it does not have its checksum, or the tail is damaged
     * @throws ChainIoException if it cannot be read
     */
    public @Nullable MemorySegment next() {
        if (current + 1 >= chunks.length) {
            ChunkTail unused = tail();
            return null;
        }
        if (current >= 0 && current + ahead < chunks.length) {
            addChunk(current + ahead); // the buffer that is now free
        }
        current++;
        // A chain with something to do sees new steps for nothing; an idle one is woken for many at a time.
        if (chain.size() > published
                && (!chain.isDry() || chain.size() - published >= ahead * 3 / 4 || FIRST + current >= published)) {
            chain.publish();
            published = chain.size();
        }
        if (current > 0 && ahead >= BATCHED && !chain.isStepDone(FIRST + current)) {
            // If we must wait, then for half of what is asked for: one system call for many chunks.
            chain.awaitStep(Math.min(FIRST + current + ahead / 2, published - 1));
        }
        await(FIRST + current);
        ChunkTail unused = tail();
        return buffers.segment().asSlice(bufferOffset(current), length(current));
    }

    /**
     * The checksums of all chunks, a u64 each; valid until this is closed.
     *
     * @throws ChunkMismatchException if the tail is damaged
     * @throws ChainIoException if it cannot be read
     */
    public MemorySegment checksums() {
        return tail().checksums();
    }

    private ChunkTail tail() {
        ChunkTail tail = checked;
        if (tail == null) {
            if (current < 0) {
                await(0); // else it was done before the chunk
            }
            tail = checkTail();
            checked = tail;
        }
        return tail;
    }

    private ChunkTail checkTail() {
        ChunkTail read = ChunkTail.of(file.path(), bodyBytes + tail.byteSize(), tail.segment(), null);
        if (read.fileChecksum() != fileChecksum) {
            throw new ChunkMismatchException(
                    file.path(), bodyBytes, "file checksum", fileChecksum, read.fileChecksum());
        }
        return read;
    }

    private void await(int step) {
        if (!chain.isStepDone(step)) {
            chain.awaitStep(step);
            if (!chain.isStepDone(step)) {
                throw failure();
            }
        }
    }

    private RuntimeException failure() {
        chain.seal();
        ChainResult result = chain.await();
        int failed = result.failedStep();
        long offset = failed < FIRST ? bodyBytes : offset(failed - FIRST);
        if (result.result() == -dev.catena.io.internal.Errno.EBADMSG) {
            long expected = checkTail().checksums().get(ChunkTail.LONG, offset / ChunkWriter.CHUNK * 8);
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
        tail.close();
    }
}
