package dev.catena.io.chain;

import java.nio.file.Path;

/** A chunk read from a file does not have the checksum it was written with, or the file's tail does not fit its chunks. */
public final class ChunkMismatchException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient Path path;
    private final long offset;
    private final String what;
    private final long expected;
    private final long found;

    ChunkMismatchException(Path path, long offset, long expected, long found) {
        this(path, offset, "chunk checksum", expected, found);
    }

    /** @param what is compared, in words */
    ChunkMismatchException(Path path, long offset, String what, long expected, long found) {
        super(String.format("%s: %s at offset %d is %016x, expected %016x", path, what, offset, found, expected));
        this.what = what;
        this.path = path;
        this.offset = offset;
        this.expected = expected;
        this.found = found;
    }

    /** The damaged file. */
    public Path path() {
        return path;
    }

    /** Offset of the chunk in the file, in bytes. */
    public long offset() {
        return offset;
    }

    /** What is compared, in words: "chunk checksum". */
    public String what() {
        return what;
    }

    /** The checksum recorded when the chunk was written. */
    public long expected() {
        return expected;
    }

    /** The checksum of what was read. */
    public long found() {
        return found;
    }
}
