package dev.catena.io.chain;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The tail of a file of chunks, read back: checksum table and footer (layout: {@link ChunkWriter}). The table is native
 * memory with an owner: close it.
 */
public final class ChunkTail implements AutoCloseable {
    /** Where the footer holds the body's length: the one field of it that this layer reads. */
    public static final int BODY_BYTES_AT = 16;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final byte[] footer;
    private final MemorySegment memory;
    private final MemorySegment checksums;
    private final long bodyBytes;
    private final long fileChecksum;

    private ChunkTail(byte[] footer, MemorySegment memory, long tableBytes, long bodyBytes, long fileChecksum) {
        this.footer = footer;
        this.memory = memory;
        this.checksums = memory.asSlice(0, tableBytes);
        this.bodyBytes = bodyBytes;
        this.fileChecksum = fileChecksum;
    }

    /**
     * Reads the tail and checks it: lengths fit, the table's entries sum up to the file checksum, the padding is zero.
     *
     * @throws ChunkMismatchException if it is damaged, with the offset of what does not fit
     * @throws ChainIoException if it cannot be read
     */
    public static ChunkTail read(ChainFile file) {
        long size = file.size();
        if (size < ChunkWriter.FOOTER) {
            throw new ChunkMismatchException(file.path(), 0, ChunkWriter.FOOTER, size);
        }
        byte[] footer = new byte[ChunkWriter.FOOTER];
        long body;
        long expected;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(ChunkWriter.FOOTER, 8);
            file.readFully(bytes, 0, ChunkWriter.FOOTER, size - ChunkWriter.FOOTER);
            body = bytes.get(LONG, BODY_BYTES_AT);
            expected = bytes.get(LONG, ChunkWriter.FOOTER_GIVEN);
            MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, 0, footer, 0, footer.length);
        }
        long chunks = (body + ChunkWriter.CHUNK - 1) / ChunkWriter.CHUNK;
        long tail = (chunks * 8 + ChunkWriter.FOOTER + 4095) / 4096 * 4096;
        if (body < 0 || body % 4096 != 0 || body > size || body + tail != size) {
            throw new ChunkMismatchException(
                    file.path(), size - ChunkWriter.FOOTER + BODY_BYTES_AT, Math.max(0, size - tail), body);
        }
        MemorySegment memory = NativeMemory.allocate(tail, "checksum table");
        try {
            file.readFully(memory, 0, tail, body);
            long sum = 0;
            for (long at = 0; at < chunks * 8; at += 8) {
                sum += memory.get(LONG, at);
            }
            if (sum != expected) {
                throw new ChunkMismatchException(file.path(), body, expected, sum);
            }
            for (long at = chunks * 8; at < tail - ChunkWriter.FOOTER; at += 8) {
                if (memory.get(LONG, at) != 0) {
                    throw new ChunkMismatchException(file.path(), body + at, 0, memory.get(LONG, at));
                }
            }
        } catch (RuntimeException e) {
            NativeMemory.free(memory);
            throw e;
        }
        return new ChunkTail(footer, memory, chunks * 8, body, expected);
    }

    /** The footer's 128 bytes. */
    public byte[] footer() {
        return footer.clone();
    }

    /** The chunks' checksums, a u64 each; valid until closed. */
    public MemorySegment checksums() {
        return checksums;
    }

    /** Length of the padded body. */
    public long bodyBytes() {
        return bodyBytes;
    }

    /** Sum of the chunks' checksums. */
    public long fileChecksum() {
        return fileChecksum;
    }

    @Override
    public void close() {
        NativeMemory.free(memory);
    }
}
