package dev.catena.engine.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Many threads commit to a pretended log: one flushes at a time, nobody is forgotten, nobody goes on before it is durable. */
class FlushOwnershipTest {
    private final FlushOwnership ownership = new FlushOwnership();
    private final AtomicLong published = new AtomicLong();
    private final AtomicInteger owners = new AtomicInteger();
    private final AtomicLong flushes = new AtomicLong();
    private volatile long durable;

    @Test
    void everyoneBecomesDurableAndOneFlushesAtATime() {
        int threads = 12;
        int each = 3000;
        Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
        List<Thread> all = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            all.add(new Thread(() -> {
                try {
                    for (int i = 0; i < each; i++) {
                        commit(published.incrementAndGet());
                    }
                } catch (Throwable e) {
                    failures.add(e);
                }
            }));
        }
        all.add(new Thread(
                () -> { // hands over without making durable, as the log thread does
                    try {
                        for (int i = 0; i < 2000; i++) {
                            ownership.own();
                            enter();
                            ownership.flushing(published.get());
                            leave();
                            ownership.release(durable, false);
                        }
                    } catch (Throwable e) {
                        failures.add(e);
                    }
                }));
        assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            all.forEach(Thread::start);
            for (Thread thread : all) {
                thread.join();
            }
        });
        assertEquals(List.of(), List.copyOf(failures));
        assertEquals((long) threads * each, published.get());
        assertTrue(flushes.get() < published.get(), "flushes were shared");
    }

    private void commit(long position) {
        if (ownership.ownOrAwait(position)) {
            enter();
            long end = published.get();
            ownership.flushing(end);
            Thread.yield();
            durable = end;
            flushes.incrementAndGet();
            leave();
            ownership.release(durable, false);
        }
        assertTrue(durable >= position, "went on before it was durable");
    }

    private void enter() {
        assertEquals(1, owners.incrementAndGet(), "owners");
    }

    private void leave() {
        owners.decrementAndGet();
    }

    @Test
    void failureReleasesEveryone() {
        assertTrue(ownership.tryOwn());
        Queue<Boolean> owned = new ConcurrentLinkedQueue<>();
        List<Thread> all = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
            long position = 100L + t;
            all.add(new Thread(() -> owned.add(ownership.ownOrAwait(position))));
        }
        all.forEach(Thread::start);
        assertTimeoutPreemptively(Duration.ofSeconds(30), () -> {
            Thread.sleep(50);
            ownership.release(0, true);
            for (Thread thread : all) {
                thread.join();
            }
        });
        assertEquals(8, owned.size());
        assertFalse(owned.contains(true), "nobody flushes after a failure");
    }
}
