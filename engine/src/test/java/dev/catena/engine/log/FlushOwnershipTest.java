package dev.catena.engine.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Ownership of flushes under many threads, platform and virtual: one owner at a time, nobody returns too early, nobody is forgotten. */
class FlushOwnershipTest {
    private static final int THREADS = 12;
    private static final int COMMITS = 15_000;
    /** Commits between two moments at which all threads wait for each other. */
    private static final int TOGETHER = 3;

    private final FlushOwnership ownership = new FlushOwnership();
    private final AtomicLong published = new AtomicLong();
    private final AtomicInteger owners = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final CyclicBarrier meeting = new CyclicBarrier(THREADS);
    private volatile long durable;

    @Test
    void everyCommitEndsDurableAndOneFlushesAtATime() throws InterruptedException {
        run((thread, random) -> {
            if (random.nextInt(50) == 0) {
                ownership.own(); // as a switch of files does
                flush(random, false);
            } else {
                commit(random);
            }
        });
        assertEquals(0, owners.get());
        assertTrue(ownership.tryOwn(), "somebody still owns");
    }

    @Test
    void aFailureEndsAllWaits() throws InterruptedException {
        AtomicInteger commits = new AtomicInteger();
        run((thread, random) -> {
            boolean fails = commits.incrementAndGet() > THREADS * COMMITS / 2;
            long position = published.incrementAndGet();
            if (ownership.ownOrAwait(position)) {
                flush(random, fails);
            } else {
                assertTrue(durable >= position || commits.get() > THREADS * COMMITS / 2);
            }
        });
    }

    /** A failed flush wakes one of those that wait to own: it wakes the others. */
    @Test
    void aFailureEndsTheWaitsOfAllWhoWouldOwn() throws InterruptedException {
        assertTrue(ownership.tryOwn());
        ownership.flushing(10);
        AtomicInteger returned = new AtomicInteger();
        Thread[] threads = new Thread[4];
        for (int t = 0; t < threads.length; t++) {
            threads[t] = Thread.ofPlatform().daemon().start(() -> {
                if (!ownership.ownOrAwait(20)) {
                    returned.incrementAndGet();
                }
            });
        }
        while (ownership.odd.waiting() < threads.length) { // they sleep until the next flush
            Thread.onSpinWait();
        }
        ownership.release(10, true);
        for (Thread thread : threads) {
            thread.join(20_000);
            assertFalse(thread.isAlive(), "a thread was forgotten");
        }
        assertEquals(threads.length, returned.get());
    }

    private void commit(SplittableRandom random) {
        long position = published.incrementAndGet();
        if (durable < position && ownership.ownOrAwait(position)) {
            flush(random, false);
        }
        assertTrue(durable >= position, "returned before it was durable");
    }

    /** What an owner does: says how far, takes its time, releases. */
    private void flush(SplittableRandom random, boolean fails) {
        assertEquals(1, owners.incrementAndGet());
        long end = published.get();
        ownership.flushing(end);
        for (int i = random.nextInt(200); i > 0; i--) {
            Thread.onSpinWait();
        }
        if (random.nextInt(16) == 0) {
            Thread.yield();
        }
        if (!fails) {
            durable = end;
        }
        owners.decrementAndGet();
        ownership.release(durable, fails);
    }

    private interface Body {
        void run(int thread, SplittableRandom random);
    }

    private void run(Body body) throws InterruptedException {
        Thread[] threads = new Thread[THREADS];
        for (int t = 0; t < THREADS; t++) {
            int number = t;
            SplittableRandom random = new SplittableRandom(t);
            Thread.Builder kind = t % 2 == 0 ? Thread.ofPlatform().daemon() : Thread.ofVirtual();
            threads[t] = kind.start(() -> {
                try {
                    for (int i = 0; i < COMMITS && failure.get() == null; i++) {
                        body.run(number, random);
                        if (i % TOGETHER == 0) {
                            meeting.await(20, TimeUnit.SECONDS); // nobody left to wake who was forgotten before
                        }
                    }
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                }
            });
        }
        for (Thread thread : threads) {
            thread.join(60_000);
            assertFalse(thread.isAlive(), "a thread was forgotten");
        }
        assertNull(failure.get());
    }
}
