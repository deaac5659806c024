package dev.catena.engine;

import org.jspecify.annotations.Nullable;

/** The operating system refused an operation on a file of the store, or memory ran out; the message names which and why. */
public final class StoreIoException extends StoreException {
    private static final long serialVersionUID = 1L;

    /**
     * @param message what was attempted, on which file
     * @param cause the failure below, if any
     */
    public StoreIoException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
