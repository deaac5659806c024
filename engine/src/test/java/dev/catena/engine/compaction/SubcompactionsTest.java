package dev.catena.engine.compaction;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** Parts of a work: all or nothing. */
class SubcompactionsTest {
    @Test
    void resultsComeInOrder() {
        List<String> undone = new ArrayList<>();
        List<String> results =
                new Subcompactions<>(List.of("a", "b", "c")).run(part -> List.of(part + 1, part + 2), undone::add);
        assertEquals(List.of("a1", "a2", "b1", "b2", "c1", "c2"), results);
        assertEquals(List.of(), undone);
    }

    /** One part has its result, one fails, one hears of that and gives up: the failure is told, and the result undone. */
    @Test
    void aFailureUndoesWhatOthersDid() {
        List<String> undone = new ArrayList<>();
        CountDownLatch done = new CountDownLatch(1);
        Subcompactions<String> work = new Subcompactions<>(List.of("gives up", "fails", "succeeds"));
        IllegalStateException told = assertThrows(
                IllegalStateException.class,
                () -> work.run(
                        part -> switch (part) {
                            case "succeeds" -> {
                                done.countDown();
                                yield List.of("result");
                            }
                            case "fails" -> {
                                await(done);
                                throw new IllegalStateException("as it should");
                            }
                            default -> {
                                while (!work.hasFailed()) {
                                    Thread.onSpinWait();
                                }
                                throw new CancellationException();
                            }
                        },
                        undone::add));
        assertEquals("as it should", told.getMessage());
        assertTrue(work.hasFailed());
        assertEquals(List.of("result"), undone);
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
