package dev.catena.io.chain;

/** A row of the conformance suite that cannot be run here; the message says why. */
final class Skipped extends RuntimeException {
    private static final long serialVersionUID = 1;

    Skipped(String reason) {
        super(reason);
    }
}
