package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.memory.Threads;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * The resident ring of {@code kernel-loop}, one for all lanes: a thread of ours sits in one io_uring_enter, in which the program handles
 * completions, submits, and sleeps until there are more. A doorbell, a message that completes on this ring, has it look at a chain: so
 * nobody else touches the queues.
 *
 * <p>The call returns when the program is detached (the kernel ends it at the next completion), or stops because it was
 * told to by a last message. Nothing else is needed to notice: what was not handled is in the completion queue. From then
 * on the same thread, the only one that may submit, waits for completions and interprets; who waits for a chain is woken
 * once, and then looks at its state now and then.
 */
final class LoopRing extends ResidentRing {
    private static final int ENTRIES = 1024;
    private static final int COMPLETIONS = 4096;

    private final Thread thread;
    private final Ring sender;
    private volatile boolean closing;

    private LoopRing(Steering steering, Watchdog watchdog) {
        super(steering, new Ring(steering.memory(), ENTRIES, COMPLETIONS, steering.setupFlags(true)), watchdog);
        thread = Thread.currentThread();
        sender = new Ring(memory, 1, 2, 0);
    }

    /** Starts the thread, which makes the ring. */
    static LoopRing open(Steering steering, Watchdog watchdog) {
        CompletableFuture<LoopRing> made = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name("catena-loop").start(() -> {
            LoopRing ring;
            try {
                ring = new LoopRing(steering, watchdog);
            } catch (Throwable e) {
                made.completeExceptionally(e);
                return;
            }
            made.complete(ring);
            ring.run();
        });
        try {
            return made.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    private void run() {
        while (true) {
            int result = ring.enter(ring.pending(), 1);
            if (closing) {
                return;
            }
            if (result == -Errno.EINTR) {
                continue;
            }
            if (isTakenOver() && result < 0 && result != -Errno.EAGAIN && result != -Errno.EBUSY) {
                throw new RingException("io_uring_enter", -result);
            }
            if (!isTakenOver()) {
                takeOver();
                wakeWaiters();
            }
            reap();
        }
    }

    @Override
    void advance(int chain) {
        synchronized (sender) {
            send(KIND_DOORBELL, chain, sender);
        }
    }

    @Override
    void poll() {
        // The ring's thread does it.
    }

    @Override
    void leave() {
        // Others use it.
    }

    @Override
    public void close() {
        closing = true;
        synchronized (sender) {
            send(KIND_RELEASE, 0, sender);
        }
        Threads.end(thread);
        super.close();
        sender.close();
    }
}
