package dev.catena.engine;

import java.nio.file.Path;

/** A file does not hold what was written to it. The bytes concerned are never returned as data. */
public final class CorruptionException extends StoreException {
    private static final long serialVersionUID = 1L;

    private final transient Path file;
    private final long offset;
    private final String expected;
    private final String found;

    /**
     * @param file the damaged file
     * @param offset where in it the damaged unit (block, chunk, record) starts, in bytes
     * @param expected what should be there, in words
     * @param found what is there, in words
     */
    public CorruptionException(Path file, long offset, String expected, String found) {
        super(file + " is damaged at offset " + offset + ": expected " + expected + ", found " + found, null);
        this.file = file;
        this.offset = offset;
        this.expected = expected;
        this.found = found;
    }

    /** The damaged file. */
    public Path file() {
        return file;
    }

    /** Where in the file the damaged unit starts, in bytes. */
    public long offset() {
        return offset;
    }

    /** What should be there. */
    public String expected() {
        return expected;
    }

    /** What is there. */
    public String found() {
        return found;
    }
}
