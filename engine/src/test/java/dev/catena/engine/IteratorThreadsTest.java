package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An iterator that is used while another thread is in the middle of using it. */
class IteratorThreadsTest {
    /** Gives the newest operand, when it is let. */
    private static final class Waiting implements MergeOperator {
        final CountDownLatch called = new CountDownLatch(1);
        final CountDownLatch let = new CountDownLatch(1);

        @Override
        public String name() {
            return "waiting";
        }

        @Override
        public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
            called.countDown();
            try {
                assertTrue(let.await(60, TimeUnit.SECONDS));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return operands.getLast();
        }
    }

    @Test
    @Timeout(120)
    void theSecondThreadIsRefusedAndTheFirstGoesOn(@TempDir Path directory) throws Exception {
        Waiting operator = new Waiting();
        try (Db db = Db.open(directory, Options.defaults().withMergeOperator(operator))) {
            db.put(new byte[] {1}, new byte[] {10});
            db.merge(new byte[] {2}, new byte[] {20});
            db.put(new byte[] {3}, new byte[] {30});
            try (DbIterator iterator = db.iterator()) {
                iterator.seekToFirst();
                CompletableFuture<byte[]> first = CompletableFuture.supplyAsync(() -> {
                    iterator.next();
                    return iterator.value();
                });
                assertTrue(operator.called.await(60, TimeUnit.SECONDS));
                assertThrows(IllegalStateException.class, iterator::next);
                assertThrows(IllegalStateException.class, iterator::key);
                assertThrows(IllegalStateException.class, () -> iterator.seek(new byte[] {1}));
                operator.let.countDown();
                assertArrayEquals(new byte[] {20}, first.get(60, TimeUnit.SECONDS));
                iterator.next(); // one after the other they may
                assertArrayEquals(new byte[] {30}, iterator.value());
            }
        }
    }
}
