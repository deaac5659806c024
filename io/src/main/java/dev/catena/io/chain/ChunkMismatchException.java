package dev.catena.io.chain;

import java.nio.file.Path;

/** A chunk read from a file does not have the checksum it was written with. */
public final class ChunkMismatchException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient Path path;
    private final long offset;
    private final long expected;
    private final long found;

    ChunkMismatchException(Path path, long offset, long expected, long found) {
        super(String.format(
                "%s: chunk at offset %d has checksum %016x, expected %016x", path, offset, found, expected));
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

    /** The checksum recorded when the chunk was written. */
    public long expected() {
        return expected;
    }

    /** The checksum of what was read. */
    public long found() {
        return found;
    }
}
