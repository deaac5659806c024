package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

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
 * chain's last steps; so is the footer, once the sum was stored in it. The chain also reserves room ahead, cuts off what was reserved too
 * much, makes the file durable, and reads its end back, for who opens it. User space is woken when buffers are wanted back, and once at the end.
 *
 * <p>Chunks of another such file can be copied ({@link #copy}) without user space reading them: the chain reads each one,
 * verifies it, and writes it with the checksums that it gets here. A copied chunk may lie across two of this file's, at a
 * multiple of 4096; then each of these is written when both reads that it consists of are done.
 *
 * <pre>
 *   buffers     ┊ room │   0   │   1   │ ... │  127  │ room ┊      chunk n of the file is in buffer n mod 128
 *   copied              ├─ chunk ─┤─ chunk ─┤                     read to where the bytes are written from
 *                                         ...      ├─ chunk ─┤   across the end: read to here, and once more to there:
 *               ├─ chunk ─┤
 * </pre>
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

    /** Bytes of its buffers, and of the room around them. */
    public static final long MEMORY_BYTES = (BUFFERS + 2L) * CHUNK;
    /** Chunks gathered before a chain that has nothing to do is woken: two system calls each time. */
    private static final int BATCH = 64;

    /** Chunks copied by steps that are added together. */
    private static final int COPIED = 32;

    private static final int WINDOW = 16;
    /** More than the steps of all buffers: two for each, and a few. */
    private static final int CAPACITY = 512;
    /** Checksums of one piece of the table. */
    private static final int PIECE = CHUNK / 8;

    private static final int BLOCK = 4096;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    /** Reserved at first and, later on, at most at a time: a small table must not need the room of a large one. */
    private static final long RESERVED_MIN = 4L << 20;

    private static final long RESERVED_MAX = 64L << 20;

    /** By one step, whose length is an int. */
    private static final long RESERVED_AT_ONCE = 1L << 30;

    private final ChainRuntime runtime;
    private final ChainFile file;
    private final Lane lane;
    private final Chain chain;
    private final Region buffers;
    private final MemorySegment memory;
    private final List<Region> table = new ArrayList<>();

    /** Which step writes the chunk in each buffer. */
    private final int[] writes = new int[BUFFERS];

    /** By the slot of a step: what it does, for messages; and the checksum that what it reads is to have. */
    private final String[] operations = new String[CAPACITY];

    private final ChainFile[] files = new ChainFile[CAPACITY];
    private final long[] offsets = new long[CAPACITY];
    private @Nullable Region expectedHashes;

    /** The read whose data ends in the chunk that is being filled, -1 when there is none. */
    private int copied = -1;

    private long position;
    private long reserved;

    /** Whether the next step waits until what is reserved is. */
    private boolean reserves;

    private long expected;
    private int published;
    private @Nullable FileBytes end;
    private boolean closed;

    /** A writer for an empty file; {@code file} stays the caller's to close, after this. */
    public ChunkWriter(ChainRuntime runtime, ChainFile file) {
        this.runtime = runtime;
        this.file = file;
        lane = runtime.lane(Placement.RESIDENT);
        chain = lane.chain(CAPACITY, "table write").window(WINDOW);
        buffers = runtime.allocate(MEMORY_BYTES, "chunk writer");
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
        return CHUNK + chunk % BUFFERS * CHUNK;
    }

    /** Until the chunk that was in the same buffer is written. If we must wait, then for half of all buffers. */
    private void awaitBuffer(int chunk) {
        int before = chunk - BUFFERS;
        if (before >= 0 && !chain.isStepDone(writes[before % BUFFERS])) {
            publish();
            chain.awaitStep(writes[(before + BUFFERS / 2) % BUFFERS]);
            await(writes[before % BUFFERS]);
        }
        if (chunk * (long) CHUNK >= reserved) {
            reserve();
        }
    }

    /**
     * Sets room aside, where the file system can and has it. Without room nothing fails here: less than what is reserved may be needed,
     * and the write that finds no room says so.
     */
    private void reserve() {
        long bytes = Math.max(Math.clamp(3 * reserved, RESERVED_MIN, RESERVED_MAX), expected - reserved);
        int length = (int) Math.min(bytes, RESERVED_AT_ONCE);
        note("fallocate", file, reserved);
        chain.reserve(file, length, reserved).acceptError();
        reserved += length;
        reserves = true;
    }

    /** What is written waits for the room that was reserved before: writes that make a file longer are slow. */
    private Step afterReserving(Step step) {
        if (reserves) {
            reserves = false;
            step.barrier();
        }
        return step;
    }

    private void await(int step) {
        if (!chain.isStepDone(step)) {
            chain.awaitStep(step);
            if (!chain.isStepDone(step)) {
                throw failure();
            }
        }
    }

    /**
     * Appends whole chunks of another file, which go from there to here without user space.
     *
     * @param from stays open until this is finished or closed
     * @param first number of the first one in its file
     * @param count how many, all of 64 KiB
     * @param checksums of all chunks of that file, from its {@link ChunkTail}
     * @throws ChainIoException if something failed, now or earlier
     * @throws ChunkMismatchException if a chunk copied earlier does not have its checksum; also from other methods
     * @throws IllegalStateException unless the position is a multiple of 4096
     */
    public void copy(ChainFile from, int first, int count, MemorySegment checksums) {
        if (position % BLOCK != 0) {
            throw new IllegalStateException("chunks are copied to a multiple of " + BLOCK + ", not to " + position);
        }
        for (int done = 0; done < count; done += COPIED) {
            copySome(from, first + done, Math.min(COPIED, count - done), checksums);
        }
    }

    private void copySome(ChainFile from, int first, int count, MemorySegment checksums) {
        int chunk = (int) (position / CHUNK);
        int inChunk = (int) (position % CHUNK);
        boolean straddles = inChunk != 0;
        for (int i = straddles ? 1 : 0; i < (straddles ? count + 1 : count); i++) {
            awaitBuffer(chunk + i);
        }
        if (copied >= 0) {
            await(copied);
        }
        int across = straddles ? BUFFERS - 1 - chunk % BUFFERS : count;
        int write = chain.size() + (across < count ? count + 1 : count);
        for (int i = 0; i < count; i++) {
            long place = bufferOffset(chunk + i) + inChunk;
            long checksum = checksums.get(LONG, (first + i) * 8L);
            boolean isLast = i + 1 == count;
            addRead(from, first + i, place, checksum).next(write + i, straddles && !isLast && i != across ? 2 : 1);
            if (i == across) {
                Step again = addRead(from, first + i, place - (long) BUFFERS * CHUNK, checksum);
                if (!isLast) {
                    again.next(write + i + 1);
                }
            }
        }
        copied = straddles ? chain.size() - 1 : -1;
        // Published with the reads that name them: a chain that fails in between could not be sealed.
        for (int i = 0; i < count; i++) {
            addWrite(chunk + i, CHUNK).join(straddles && i > 0 ? 2 : 1);
        }
        publish();
        position += (long) count * CHUNK;
    }

    private Step addRead(ChainFile from, int chunk, long place, long checksum) {
        if (expectedHashes == null) {
            expectedHashes = runtime.allocate(CAPACITY * 8L, "checksums to verify");
        }
        long offset = (long) chunk * CHUNK;
        int slot = note("read", from, offset);
        expectedHashes.segment().set(LONG, slot * 8L, checksum);
        return afterReserving(chain.read(from, buffers, place, CHUNK, offset)).verify(expectedHashes, slot * 8L);
    }

    /** Remembers what the next step does, and returns its slot. */
    private int note(String operation, ChainFile of, long offset) {
        int slot = chain.size() % CAPACITY;
        operations[slot] = operation;
        files[slot] = of;
        offsets[slot] = offset;
        return slot;
    }

    private void addChunk(int chunk, int length) {
        if (copied >= 0) {
            await(copied);
            copied = -1;
        }
        Step unused = addWrite(chunk, length);
    }

    private Step addWrite(int chunk, int length) {
        int inPiece = chunk % PIECE;
        if (inPiece == 0) {
            table.add(runtime.allocate(CHUNK + BLOCK, "checksum table"));
        }
        writes[chunk % BUFFERS] = chain.size();
        long offset = (long) chunk * CHUNK;
        note("write", file, offset);
        return afterReserving(chain.write(file, buffers, bufferOffset(chunk), length, offset))
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

    private RuntimeException failure() {
        chain.seal();
        ChainResult result = chain.await();
        int failed = result.failedStep();
        int slot = failed % CAPACITY;
        ChainFile of = files[slot];
        if (result.result() == -Errno.EBADMSG && expectedHashes != null) {
            long expected = expectedHashes.segment().get(LONG, slot * 8L);
            return new ChunkMismatchException(of.path(), offsets[slot], expected, chain.stepHash(failed));
        }
        return new ChainIoException(operations[slot], of.path(), offsets[slot], -result.result());
    }

    /**
     * Writes the tail, makes the file durable, reads its end back and waits for all of it.
     *
     * @param footer native or not, its first 120 bytes are written; bytes 16 to 24 must hold the padded length of the
     *     body, see {@link #bodyBytes}
     * @param endOffset what is read back is at this offset and behind it: {@link #end}
     * @throws ChainIoException if something failed; the file is not valid then
     */
    public ChunkSummary finish(MemorySegment footer, long endOffset) {
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
        note("write", file, body);
        chain.nop().barrier().storeSum(last, footerAt + FOOTER_GIVEN);
        for (int i = 0; i < table.size(); i++) {
            note("write", file, body + (long) i * CHUNK);
            Step write = chain.write(
                    file, table.get(i), 0, i == table.size() - 1 ? lastBytes : CHUNK, body + (long) i * CHUNK);
            if (i == 0) {
                write.barrier();
            }
        }
        note("truncate", file, fileBytes); // what was reserved too much
        chain.truncate(file, fileBytes);
        note("fdatasync", file, -1);
        chain.sync(file).barrier();
        long from = endOffset / BLOCK * BLOCK;
        boolean readsBack = fileBytes - from <= buffers.byteSize();
        if (readsBack) {
            note("read", file, from);
            chain.read(file, buffers, 0, (int) (fileBytes - from), from);
        }
        chain.seal();
        ChainResult result = chain.await();
        if (result.result() < 0) {
            throw failure();
        }
        long checksum = last.segment().get(ValueLayout.JAVA_LONG, footerAt + FOOTER_GIVEN);
        end = readsBack ? new WrittenEnd(file.path(), memory.asSlice(0, fileBytes - from), from) : null;
        return new ChunkSummary(body, fileBytes, checksum, chunks);
    }

    /** The end of the finished file, as the device has it, if it is no longer than the buffers; valid until this is closed. */
    public @Nullable FileBytes end() {
        return end;
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
        if (expectedHashes != null) {
            expectedHashes.close();
        }
    }
}
