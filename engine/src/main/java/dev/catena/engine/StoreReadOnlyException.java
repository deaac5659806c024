package dev.catena.engine;

import java.nio.file.Path;

/**
 * The store refuses writes; reads go on. Either a log, table or manifest write failed earlier (the cause), and it must be opened again;
 * or it was opened for reading only (no cause).
 */
public final class StoreReadOnlyException extends StoreException {
    private static final long serialVersionUID = 1L;

    /**
     * Of a store opened for reading.
     *
     * @param directory the store's directory
     */
    public StoreReadOnlyException(Path directory) {
        super("store " + directory + " was opened for reading only", null);
    }

    /**
     * Of a store that failed.
     *
     * @param directory the store's directory
     * @param cause the first failure
     */
    public StoreReadOnlyException(Path directory, Throwable cause) {
        super(
                "store " + directory + " is read-only since a failure, until it is opened again: " + cause.getMessage(),
                cause);
    }
}
