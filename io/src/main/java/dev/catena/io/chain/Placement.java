package dev.catena.io.chain;

/** Where the chains of a lane run. */
public enum Placement {
    /** In the caller's own wait: for chains that somebody sleeps on, like a flush of the log. */
    IN_CONTEXT,
    /** In the kernel's submission thread, while the caller does something else: for background work with many steps. */
    RESIDENT
}
