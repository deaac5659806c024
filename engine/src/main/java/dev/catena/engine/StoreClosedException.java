package dev.catena.engine;

/** The store, or the iterator, was used after it had been closed. */
public final class StoreClosedException extends StoreException {
    private static final long serialVersionUID = 1L;

    /** @param what what is closed, for example {@code store /data/x} */
    public StoreClosedException(String what) {
        super(what + " is closed", null);
    }
}
