package dev.catena.io.chain;

import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The tail of a file of chunks, read back and checked: checksum table and footer (layout: {@link ChunkWriter}). The table is native
 * memory with an owner: close it.
 */
public final class ChunkTail implements AutoCloseable {
    /** Where the footer holds the body's length: the one field of it that this layer reads. */
    public static final int BODY_BYTES_AT = 16;

    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final byte[] footer;
    private final @Nullable MemorySegment owned;
    private final MemorySegment checksums;
    private final long bodyBytes;
    private final long fileChecksum;

    private ChunkTail(
            byte[] footer, @Nullable MemorySegment owned, MemorySegment checksums, long bodyBytes, long fileChecksum) {
        this.footer = footer;
        this.owned = owned;
        this.checksums = checksums;
        this.bodyBytes = bodyBytes;
        this.fileChecksum = fileChecksum;
    }

    /**
     * Reads the tail and checks it: lengths fit, the table's entries sum up to the file checksum, the padding is zero.
     *
     * @throws ChunkMismatchException if it is damaged, with the offset of what does not fit
     * @throws ChainIoException if it cannot be read
     */
    public static ChunkTail read(FileBytes file) {
        long size = file.size();
        if (size < ChunkWriter.FOOTER) {
            throw new ChunkMismatchException(file.path(), 0, "bytes with a footer:", ChunkWriter.FOOTER, size);
        }
        long most = Math.min(
                size, tailBytes((size + ChunkWriter.CHUNK - 1) / ChunkWriter.CHUNK)); // the body is less than that
        MemorySegment memory = NativeMemory.allocate(most, "checksum table");
        try {
            file.readFully(memory, 0, most, size - most);
            return of(file.path(), size, memory, memory);
        } catch (RuntimeException e) {
            NativeMemory.free(memory);
            throw e;
        }
    }

    /**
     * Checks a tail that was read.
     *
     * @param size of the file
     * @param end the file's end, as long as the tail or longer
     * @param owned freed when this is closed
     * @throws ChunkMismatchException as {@link #read}
     */
    static ChunkTail of(Path path, long size, MemorySegment end, @Nullable MemorySegment owned) {
        long most = end.byteSize();
        byte[] footer = new byte[ChunkWriter.FOOTER];
        MemorySegment.copy(end, ValueLayout.JAVA_BYTE, most - ChunkWriter.FOOTER, footer, 0, ChunkWriter.FOOTER);
        MemorySegment read = MemorySegment.ofArray(footer);
        long body = read.get(LONG, BODY_BYTES_AT);
        long expected = read.get(LONG, ChunkWriter.FOOTER_GIVEN);
        long chunks = (body + ChunkWriter.CHUNK - 1) / ChunkWriter.CHUNK;
        long tail = tailBytes(chunks);
        if (body < 0 || body % 4096 != 0 || body > size || body + tail != size) {
            throw new ChunkMismatchException(
                    path,
                    size - ChunkWriter.FOOTER + BODY_BYTES_AT,
                    "length of the body",
                    Math.max(0, size - tail),
                    body);
        }
        MemorySegment table = end.asSlice(most - tail, tail);
        long sum = 0;
        for (long at = 0; at < chunks * 8; at += 8) {
            sum += table.get(LONG, at);
        }
        if (sum != expected) {
            throw new ChunkMismatchException(path, body, "sum of chunk checksums", expected, sum);
        }
        for (long at = chunks * 8; at < tail - ChunkWriter.FOOTER; at += 8) {
            if (table.get(LONG, at) != 0) {
                throw new ChunkMismatchException(path, body + at, "padding", 0, table.get(LONG, at));
            }
        }
        return new ChunkTail(footer, owned, table.asSlice(0, chunks * 8), body, expected);
    }

    static long tailBytes(long chunks) {
        return (chunks * 8 + ChunkWriter.FOOTER + 4095) / 4096 * 4096;
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
        if (owned != null) {
            NativeMemory.free(owned);
        }
    }
}
