package dev.catena.io.chain;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes a file from front to back through one growing chain.
 *
 * <pre>
 *   body   chunks of 64 KiB, the last one padded with zeros to a multiple of 4096
 *   table  u64 checksum of every chunk: XXH64 seeded with the chunk's file offset
 *   zeros  so that what follows ends at a multiple of 4096
 *   footer 128 bytes; the last 8 are the file checksum: the sum of the chunks' checksums, modulo 2^64
 * </pre>
 *
 * A chunk is a step: written as it fills, several in flight, a short write continued, its checksum calculated by
 * whoever steers, which on {@code kernel-hook} is the kernel, and stored into the table, which is itself written by the
 * chain's last steps; so is the footer, once the sum was stored in it. The file is made durable by the last step. User
 * space is woken when buffers are wanted back, and once at the end.
 *
 * <p>Not thread safe. Close it in any case; closed without {@link #finish}, the file's content is undefined.
 */
public final class ChunkWriter implements AutoCloseable {
    /** Bytes of a chunk. */
    public static final int CHUNK = 65536;
    /** Bytes of the footer that the caller gives. */
    public static final int FOOTER_GIVEN = 120;
    /** Bytes of the footer in the file. */
    public static final int FOOTER = 128;

    /** Chunks that are filled or in flight at a time. */
    private static final int BUFFERS = 128;

    /** Bytes of its buffers. */
    public static final long MEMORY_BYTES = (long) BUFFERS * CHUNK;
    /** Chunks gathered before a chain that has nothing to do is woken: two system calls each time. */
    private static final int BATCH = 64;

    private static final int WINDOW = 16;
    private static final int CAPACITY = 256;
    /** Checksums of one piece of the table. */
    private static final int PIECE = CHUNK / 8;

    private static final int BLOCK = 4096;
    /** Reserved at first and, later on, at most at a time: a small table must not need the room of a large one. */
    private static final long PREALLOCATION_MIN = 4L << 20;

    private static final long PREALLOCATION_MAX = 64L << 20;

    private final ChainRuntime runtime;
    private final ChainFile file;
    private final Lane lane;
    private final Chain chain;
    private final Region buffers;
    private final MemorySegment memory;
    private final List<Region> table = new ArrayList<>();
    private long position;
    private long preallocated;
    private long expected;
    private int published;
    private boolean closed;

    /** A writer for an empty file; {@code file} stays the caller's to close, after this. */
    public ChunkWriter(ChainRuntime runtime, ChainFile file) {
        this.runtime = runtime;
        this.file = file;
        lane = runtime.lane(Placement.RESIDENT);
        chain = lane.chain(CAPACITY, "table write").window(WINDOW);
        buffers = runtime.allocate((long) BUFFERS * CHUNK, "chunk writer");
        memory = buffers.segment();
        chain.start();
    }

    /** Says, before anything is written, about how many bytes it will be: these are reserved at once. */
    public void expect(long bytes) {
        expected = bytes;
    }

    /** Bytes written so far: where the next byte goes. */
    public long position() {
        return position;
    }

    /**
     * Appends bytes; they are copied.
     *
     * @throws ChainIoException if a write failed, now or earlier
     */
    public void write(MemorySegment source, long offset, long length) {
        long from = offset;
        long left = length;
        while (left > 0) {
            int inChunk = (int) (position % CHUNK);
            if (inChunk == 0) {
                awaitBuffer((int) (position / CHUNK));
            }
            long part = Math.min(left, CHUNK - inChunk);
            MemorySegment.copy(source, from, memory, bufferOffset(position / CHUNK) + inChunk, part);
            position += part;
            from += part;
            left -= part;
            if (position % CHUNK == 0) {
                addChunk((int) (position / CHUNK) - 1, CHUNK);
                if (!chain.isDry() || chain.size() - published >= BATCH) {
                    publish();
                }
            }
        }
    }

    private static long bufferOffset(long chunk) {
        return chunk % BUFFERS * CHUNK;
    }

    /** Until the chunk that was in the same buffer is written. If we must wait, then for half of all buffers. */
    private void awaitBuffer(int chunk) {
        int before = chunk - BUFFERS;
        if (before >= 0 && !chain.isStepDone(before)) {
            publish();
            chain.awaitStep(before + BUFFERS / 2);
            chain.awaitStep(before);
            if (!chain.isStepDone(before)) {
                throw failure();
            }
        }
        if (chunk * (long) CHUNK >= preallocated) {
            preallocated += Math.max(
                    Math.clamp(3 * preallocated, PREALLOCATION_MIN, PREALLOCATION_MAX), expected - preallocated);
            file.preallocate(preallocated);
        }
    }

    private void addChunk(int chunk, int length) {
        int inPiece = chunk % PIECE;
        if (inPiece == 0) {
            table.add(runtime.allocate(CHUNK + BLOCK, "checksum table"));
        }
        chain.write(file, buffers, bufferOffset(chunk), length, (long) chunk * CHUNK)
                .accumulate()
                .storeHash(table.getLast(), inPiece * 8L);
    }

    private void publish() {
        if (chain.hasFailed()) {
            throw failure();
        }
        chain.publish();
        published = chain.size();
    }

    private ChainIoException failure() {
        chain.seal();
        ChainResult result = chain.await();
        return new ChainIoException("write", file.path(), (long) result.failedStep() * CHUNK, -result.result());
    }

    /**
     * Writes the tail, makes the file durable and waits for it.
     *
     * @param footer native or not, its first 120 bytes are written; bytes 16 to 24 must hold the padded length of the
     *     body, see {@link #bodyBytes}
     * @throws ChainIoException if something failed; the file is not valid then
     */
    public ChunkSummary finish(MemorySegment footer) {
        long body = bodyBytes();
        int chunks = (int) ((body + CHUNK - 1) / CHUNK);
        if (position % CHUNK != 0) {
            long buffer = bufferOffset(position / CHUNK);
            int inChunk = (int) (position % CHUNK);
            int length = (int) (body - position / CHUNK * CHUNK);
            memory.asSlice(buffer + inChunk, length - inChunk).fill((byte) 0);
            addChunk(chunks - 1, length);
        }
        if (table.isEmpty() || chunks % PIECE == 0) {
            table.add(runtime.allocate(CHUNK + BLOCK, "checksum table"));
        }
        Region last = table.getLast();
        long lastStart = body + (table.size() - 1) * (long) CHUNK;
        int lastBytes = (int) wholeBlocks(chunks % PIECE * 8L + FOOTER);
        long fileBytes = lastStart + lastBytes;
        int footerAt = lastBytes - FOOTER;
        MemorySegment.copy(footer, 0, last.segment(), footerAt, FOOTER_GIVEN);
        chain.nop().barrier().storeSum(last, footerAt + FOOTER_GIVEN);
        for (int i = 0; i < table.size(); i++) {
            Step write = chain.write(
                    file, table.get(i), 0, i == table.size() - 1 ? lastBytes : CHUNK, body + (long) i * CHUNK);
            if (i == 0) {
                write.barrier();
            }
        }
        file.truncate(fileBytes); // what was reserved too much
        chain.sync(file).barrier();
        chain.seal();
        ChainResult result = chain.await();
        if (result.result() < 0) {
            throw failure();
        }
        long checksum = last.segment().get(ValueLayout.JAVA_LONG, footerAt + FOOTER_GIVEN);
        return new ChunkSummary(body, fileBytes, checksum, chunks);
    }

    /** What the body's length will be when finished now: the position, up to a multiple of 4096. */
    public long bodyBytes() {
        return wholeBlocks(position);
    }

    private static long wholeBlocks(long bytes) {
        return (bytes + BLOCK - 1) / BLOCK * BLOCK;
    }

    @Override
    public void close() {
        if (closed) {
            throw new AssertionError("chunk writer closed twice");
        }
        closed = true;
        chain.close();
        lane.close();
        buffers.close();
        table.forEach(Region::close);
    }
}
