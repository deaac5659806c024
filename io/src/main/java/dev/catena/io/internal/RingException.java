package dev.catena.io.internal;

/** A ring could not be made or entered. */
public final class RingException extends RuntimeException {
    private static final long serialVersionUID = 1;

    RingException(String call, int errno) {
        super(call + ": " + Errno.text(errno));
    }
}
