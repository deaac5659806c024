package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** A file's bytes, read from the file ({@link ChainFile}) or, of one just written, already there ({@link ChunkWriter#end}). */
public interface FileBytes {
    /** The file. */
    Path path();

    /** Length of the file in bytes. */
    long size();

    /** Reads up to {@code length} bytes; fewer only at the end of the file. Returns how many. */
    long read(MemorySegment target, long offset, long length, long position);

    /** Reads exactly {@code length} bytes; the end of the file before that is a {@link ChainIoException}. */
    default void readFully(MemorySegment target, long offset, long length, long position) {
        long done = read(target, offset, length, position);
        if (done < length) {
            throw new ChainIoException("read of " + length + " bytes", path(), position + done, Errno.ENODATA);
        }
    }
}
