package dev.catena.engine;

import java.nio.file.Path;

/** The store is open elsewhere: in this process or in another one. */
public final class StoreLockedException extends StoreException {
    private static final long serialVersionUID = 1L;

    /**
     * @param directory the store's directory
     * @param holder who holds it, in words
     */
    public StoreLockedException(Path directory, String holder) {
        super("store " + directory + " is already open: " + holder, null);
    }
}
