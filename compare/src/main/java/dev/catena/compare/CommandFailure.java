package dev.catena.compare;

/** A command that could not do its work, for a reason that its user can understand: one clear line. */
final class CommandFailure extends RuntimeException {
    CommandFailure(String message) {
        super(message);
    }

    CommandFailure(String message, Throwable cause) {
        super(message, cause);
    }
}
