package dev.catena.io.memory;

import java.util.concurrent.locks.LockSupport;

/** Ending of threads. */
public final class Threads {
    private Threads() {}

    /** Unparks a thread that was told to end, and waits for its end; an interrupt does not hurry it, and is kept. */
    public static void end(Thread thread) {
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
