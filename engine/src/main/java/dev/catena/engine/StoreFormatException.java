package dev.catena.engine;

import java.nio.file.Path;

/** A newer build of Catena has written a file of the store, in a format that this one does not know. Nothing is damaged. */
public final class StoreFormatException extends StoreException {
    private static final long serialVersionUID = 1L;

    /**
     * @param file the file
     * @param found what it is, in words
     * @param newest the newest version that this build knows
     */
    public StoreFormatException(Path file, String found, int newest) {
        super(
                file + " has " + found + ", and this build knows versions up to " + newest
                        + ": open the store with the newer build that has written it",
                null);
    }
}
