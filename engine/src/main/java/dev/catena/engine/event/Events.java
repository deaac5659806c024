package dev.catena.engine.event;

import dev.catena.engine.StoreDamage;
import dev.catena.engine.StoreEvent;
import dev.catena.engine.StoreIoException;
import dev.catena.engine.StoreListener;
import java.time.Instant;
import java.util.Locale;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Takes what happens in a store and tells it on, in order, in a thread that is started when needed and ends when idle. Thread safe;
 * never waits and never throws but in {@link #close}.
 */
public final class Events implements AutoCloseable {
    private static final int WAITING_MAX = 1024;

    private final StoreListener listener;
    private final TextLog log;
    private final AtomicLong dropped = new AtomicLong();
    private final ThreadPoolExecutor teller;
    private volatile @Nullable Thread telling;

    /** @param log what is told in text; closed with this */
    public Events(StoreListener listener, TextLog log) {
        this.listener = listener;
        this.log = log;
        teller =
                new ThreadPoolExecutor(
                        1,
                        1,
                        1,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(WAITING_MAX),
                        this::newThread,
                        (task, executor) -> dropped.getAndIncrement()) {
                    @Override
                    protected void terminated() {
                        log.close();
                    }
                };
        teller.allowCoreThreadTimeOut(true);
    }

    private Thread newThread(Runnable task) {
        Thread thread = Thread.ofPlatform().daemon().name("catena-events").unstarted(task);
        telling = thread;
        return thread;
    }

    /** Whether the calling thread is the one that tells: a listener calls. */
    public boolean isTelling() {
        return Thread.currentThread() == telling;
    }

    /** Something that goes on. */
    public static final class Span {
        private final Events events;
        private final @Nullable Recorded recorded;
        private final long began = System.nanoTime();

        private Span(Events events, @Nullable Recorded recorded) {
            this.events = events;
            this.recorded = recorded;
        }

        /** Nanoseconds since it began. */
        public long nanos() {
            return System.nanoTime() - began;
        }

        /** Says what came of it. */
        public void end(StoreEvent event) {
            if (recorded != null) {
                recorded.end();
                if (recorded.shouldCommit()) {
                    recorded.fill(event);
                    recorded.commit();
                }
            }
            events.tell(EventText.ended(event), () -> events.listener.ended(event));
        }
    }

    /** Says that something begins; what it returns ends it. */
    public Span begin(StoreEvent event) {
        Recorded recorded = null;
        try {
            recorded = Recorded.of(event);
            recorded.begin();
        } catch (LinkageError e) {
            // The flight recorder rewrites these classes when they are loaded. If it fails the store must not.
        }
        tell(EventText.began(event), () -> listener.began(event));
        return new Span(this, recorded);
    }

    /** Says that writing has failed. */
    public void failed(Throwable cause) {
        FailureEvent recorded = new FailureEvent();
        recorded.reason = String.valueOf(cause);
        recorded.commit();
        tell("failure: the store is read-only: " + cause, () -> listener.failed(cause));
    }

    /** Says that damage was found. */
    public void damaged(StoreDamage damage) {
        DamageEvent recorded = new DamageEvent();
        recorded.file = damage.file().toString();
        recorded.offset = damage.offset();
        recorded.found = damage.toString();
        recorded.commit();
        tell("damage: " + damage, () -> listener.damaged(damage));
    }

    /** Says that compactions wait for room. */
    public void postponed(StoreIoException why, long nanos) {
        tell(
                "compactions wait for room, " + nanos / 1_000_000_000 + " s: " + why.getMessage(),
                () -> listener.postponed(why));
    }

    /** Notes something in the text alone. */
    public void note(String text) {
        tell(text, () -> {});
    }

    private void tell(String text, Runnable call) {
        Instant when = Instant.now();
        teller.execute(() -> {
            long lost = dropped.getAndSet(0);
            if (lost > 0) {
                log.line(when, lost + " events were dropped: the listener did not keep up");
            }
            log.line(when, text);
            try {
                call.run();
            } catch (RuntimeException | Error e) {
                log.line(when, "the listener failed: " + e);
            }
        });
    }

    /** Tells what is left and ends; when a listener calls, what is left is told after it has returned. */
    @Override
    public void close() {
        teller.shutdown();
        boolean interrupted = false;
        while (!isTelling() && !teller.isTerminated()) {
            try {
                boolean unused = teller.awaitTermination(1, TimeUnit.HOURS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Bytes for people. */
    static String bytes(long bytes) {
        return bytes < 1 << 20
                ? String.format(Locale.ROOT, "%.1f KiB", bytes / 1024.0)
                : String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0);
    }
}
