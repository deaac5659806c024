package dev.catena.compare;

/** What is to be done if the JVM is told to end (Ctrl-C) before this is closed. */
final class ShutdownHook implements AutoCloseable {
    private final Thread thread;

    ShutdownHook(Runnable action) {
        thread = new Thread(action, "shutdown-hook");
        Runtime.getRuntime().addShutdownHook(thread);
    }

    /** Forgets it. */
    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(thread);
        } catch (IllegalStateException shuttingDown) {
            return; // too late: it runs
        }
    }
}
