package dev.catena.io.chain;

/** Where the chains of a lane run. */
public enum Placement {
    /**
     * In the caller's own wait: for chains that somebody sleeps on, like a flush of the log. The thread that starts a chain
     * also waits for it, if the backend {@linkplain ChainRuntime#bindsThreads binds} it.
     */
    IN_CONTEXT,
    /** In a thread that stays in the kernel, while the caller does something else: for background work with many steps. */
    RESIDENT
}
