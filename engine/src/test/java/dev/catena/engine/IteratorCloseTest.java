package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Exchanger;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An iterator that is closed by another thread while it is in use: no operation runs when its memory is freed, and none begins after. */
final class IteratorCloseTest {
    private static final int ROUNDS = 5_000;
    private static final int STEPS = 200;
    private static final MemorySegment KEY = Arena.global().allocate(8);

    /** Endless entries, that see whether they are used after they were closed. */
    private static final class Entries implements InternalIterator {
        private final AtomicInteger misuses;
        private volatile boolean closed;
        private long at;

        Entries(AtomicInteger misuses) {
            this.misuses = misuses;
        }

        private void move() {
            boolean before = closed;
            at++;
            if (before || closed) {
                misuses.incrementAndGet();
            }
        }

        @Override
        public void seekToFirst() {
            move();
        }

        @Override
        public void seek(long key, int length, long trailer) {
            move();
        }

        @Override
        public void seekToLast() {
            move();
        }

        @Override
        public void next() {
            move();
        }

        @Override
        public void prev() {
            move();
        }

        @Override
        public boolean isValid() {
            return true;
        }

        @Override
        public long keyAddress() {
            return KEY.address();
        }

        @Override
        public int keyLength() {
            return (int) (at & 1); // neighbours differ
        }

        @Override
        public long trailer() {
            return Keys.trailer(0, Keys.PUT);
        }

        @Override
        public long valueAddress() {
            return 0;
        }

        @Override
        public int valueLength() {
            return 0;
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    @Test
    @Timeout(60)
    @SuppressWarnings("NullAway") // no state is needed
    void closedByAnotherThreadWhileItMoves() throws Exception {
        AtomicInteger misuses = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        Exchanger<DbIterator> hand = new Exchanger<>();
        CountDownLatch done = new CountDownLatch(1);
        Thread user = new Thread(
                () -> {
                    try {
                        for (int round = 0; round < ROUNDS; round++) {
                            DbIterator iterator = hand.exchange(null);
                            try {
                                iterator.seekToFirst();
                                while (true) {
                                    iterator.next();
                                }
                            } catch (StoreClosedException e) {
                                refused.incrementAndGet();
                            }
                        }
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    } finally {
                        done.countDown();
                    }
                },
                "user");
        user.start();
        for (int round = 0; round < ROUNDS; round++) {
            DbIterator iterator =
                    new DbIterator(null, new Entries(misuses), KeyOrder.BYTES, 0, null, null, null, closed -> {});
            hand.exchange(iterator);
            for (int step = 0; step < round % STEPS; step++) {
                Thread.onSpinWait();
            }
            iterator.close();
            assertThrows(StoreClosedException.class, iterator::isValid);
        }
        done.await();
        assertEquals(0, misuses.get(), "moves of entries that were closed");
        assertEquals(ROUNDS, refused.get());
    }
}
