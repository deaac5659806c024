package dev.catena.engine;

import java.nio.file.Path;

/**
 * A log, table or manifest write failed earlier, so the store refuses writes until it is opened again; reads go on. The cause is the failure.
 */
public final class StoreReadOnlyException extends StoreException {
    private static final long serialVersionUID = 1L;

    /**
     * @param directory the store's directory
     * @param cause the first failure
     */
    public StoreReadOnlyException(Path directory, Throwable cause) {
        super("store " + directory + " is read-only since a failure: " + cause.getMessage(), cause);
    }
}
