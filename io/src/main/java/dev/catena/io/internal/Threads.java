package dev.catena.io.internal;

import java.util.concurrent.locks.LockSupport;

/** Ending of threads. */
final class Threads {
    private Threads() {}

    /** Waits for a thread that was told to end; an interrupt does not hurry it. */
    static void end(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            LockSupport.unpark(thread);
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
