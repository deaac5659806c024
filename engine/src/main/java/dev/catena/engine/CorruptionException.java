package dev.catena.engine;

import dev.catena.engine.version.StoreDirectory;
import java.nio.file.Path;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * A file, or memory before it is a file, does not hold what was written to it. The bytes concerned are never returned as data, and never
 * written as if they were good.
 */
public final class CorruptionException extends StoreException {
    private static final long serialVersionUID = 1L;
    private static final int KEY_BYTES_SHOWN = 64;
    private static final String ADVICE =
            "Either put a whole copy of the table in its place while the store is closed, or delete all these"
                    + " keys by deleteRange, put again what is known of them, and compact";

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
        this(
                file + " is damaged at offset " + offset + ": expected " + expected + ", found " + found,
                file,
                offset,
                expected,
                found,
                null);
    }

    /** Damage in a table: with the keys that are concerned. */
    CorruptionException(StoreDamage damage, CorruptionException cause) {
        this(damage + ". " + ADVICE, damage.file(), damage.offset(), damage.expected(), damage.found(), cause);
    }

    private CorruptionException(
            String message, Path file, long offset, String expected, String found, @Nullable Throwable cause) {
        super(message, cause);
        this.file = file;
        this.offset = offset;
        this.expected = expected;
        this.found = found;
    }

    /**
     * Key and value have changed since they were handed in, in memory and not in a file: then the store is {@link #file}.
     *
     * @param where in what memory of which column family, in words
     */
    public static CorruptionException inMemory(Path store, String where, byte[] key, String expected, String found) {
        String name = HexFormat.of().formatHex(key, 0, Math.min(key.length, KEY_BYTES_SHOWN))
                + (key.length > KEY_BYTES_SHOWN ? "…" : "");
        return new CorruptionException(
                "key " + name + " (hexadecimal) in " + where + " of store " + store + ": expected " + expected
                        + ", found " + found
                        + "; what was handed in has changed in memory, which is faulty, or something writes where it must not",
                store,
                0,
                expected,
                found,
                null);
    }

    /** Of an opening of a store that it ended: with what to do. */
    CorruptionException notOpened(Path store) {
        if (file.equals(store)) {
            return this; // memory, and not a file
        }
        String advice = file.getFileName().toString().equals(StoreDirectory.OPTIONS)
                ? "put a whole copy of the file in its place, or delete it: then the options given count, and that they fit is not checked"
                : "put a whole copy of the file in its place, or use a checkpoint or another copy of the whole directory";
        return new CorruptionException(
                getMessage() + ". The store is not opened: " + advice, file, offset, expected, found, this);
    }

    /** The same, for another who has met it. */
    public CorruptionException again() {
        return new CorruptionException(String.valueOf(getMessage()), file, offset, expected, found, null);
    }

    /** The damaged file, or the store's directory when it is memory. */
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
