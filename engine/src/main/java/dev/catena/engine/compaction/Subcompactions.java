package dev.catena.engine.compaction;

import dev.catena.io.memory.Threads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Parts of a work, each done by a thread of its own, the first by the caller's. When one fails, all fail: {@link #hasFailed} tells the others, whose
 * results are undone. One use.
 *
 * @param <P> what a part is
 */
final class Subcompactions<P> {
    private final List<P> parts;
    private final List<Thread> threads = new ArrayList<>();
    private volatile @Nullable Throwable failure;

    Subcompactions(List<P> parts) {
        this.parts = parts;
    }

    /** Whether a part has failed. */
    boolean hasFailed() {
        return failure != null;
    }

    /**
     * Does all parts and returns their results, in the order of the parts.
     *
     * @param undo of each result when a part failed
     */
    <R> List<R> run(Function<P, List<R>> work, Consumer<R> undo) {
        List<List<R>> results = new ArrayList<>();
        for (int i = 0; i < parts.size(); i++) {
            results.add(new ArrayList<>());
        }
        try {
            for (int i = 1; i < parts.size(); i++) {
                int number = i;
                threads.add(Thread.ofPlatform()
                        .daemon()
                        .name("catena-compact-" + (i + 1))
                        .start(() -> attempt(work, parts.get(number), results.get(number))));
            }
        } catch (OutOfMemoryError e) {
            fail(e); // no thread to be had: those that run are waited for
        }
        attempt(work, parts.getFirst(), results.getFirst());
        threads.forEach(Threads::end);
        List<R> all = results.stream().flatMap(List::stream).toList();
        Throwable failed = failure;
        if (failed == null) {
            return all;
        }
        all.forEach(undo);
        if (failed instanceof Error error) {
            throw error;
        }
        throw (RuntimeException) failed;
    }

    private <R> void attempt(Function<P, List<R>> work, P part, List<R> result) {
        try {
            result.addAll(work.apply(part));
        } catch (RuntimeException | Error e) {
            fail(e);
        }
    }

    /** The first failure counts, but one that only follows another's does not come before it. */
    private synchronized void fail(Throwable e) {
        if (failure == null || (failure instanceof CancellationException && !(e instanceof CancellationException))) {
            failure = e;
        }
    }
}
