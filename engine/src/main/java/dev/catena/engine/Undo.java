package dev.catena.engine;

import java.util.ArrayDeque;
import java.util.Deque;

/** Closes what has been opened so far, newest first, when an opening fails halfway; the first failure counts. Not thread safe. */
final class Undo implements AutoCloseable {
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();

    /** Has something closed unless {@link #clear} comes first; returns it. */
    <T extends AutoCloseable> T add(T resource) {
        opened.push(resource);
        return resource;
    }

    /** Keeps everything open after all. */
    void clear() {
        opened.clear();
    }

    @Override
    public void close() {
        RuntimeException first = null;
        while (!opened.isEmpty()) {
            try {
                opened.pop().close();
            } catch (Exception e) {
                RuntimeException failure =
                        e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
                if (first == null) {
                    first = failure;
                } else {
                    first.addSuppressed(failure);
                }
            }
        }
        if (first != null) {
            throw first;
        }
    }
}
