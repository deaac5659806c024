package dev.catena.io.chain;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The rows of the conformance suite on one backend and placement. All rows share one {@link Fixture}, used by one
 * thread; a row that takes the steering program away, or fails, gets it closed, and the next one opens another. A row
 * that does not end in time fails, and with it all rows after it: its chain still runs.
 */
final class ConformanceRun implements AutoCloseable {
    /** For one row. */
    private static final long SECONDS = Long.getLong("catena.row.seconds", 60);

    private final String backend;
    private final Placement placement;
    private final Path directory;
    private final boolean required;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(task -> {
        Thread made = new Thread(task, "rows");
        made.setDaemon(true);
        return made;
    });
    private @Nullable Fixture fixture;
    private @Nullable String unavailable;
    private @Nullable String hanging;
    private int rows;

    /**
     * {@code directory} exists, on the file system to be used.
     *
     * @param required whether rows fail, and are not skipped, where the backend does not work
     */
    ConformanceRun(String backend, Placement placement, Path directory, boolean required) {
        this.backend = backend;
        this.placement = placement;
        this.directory = directory;
        this.required = required;
    }

    /** Runs a row; returns if it passed. {@link Skipped}, or whatever it failed with, is thrown. */
    void run(Conformance.Row row) throws Throwable {
        if (hanging != null) {
            throw new AssertionError("not run: " + hanging + " did not end");
        }
        Future<?> done = thread.submit(() -> {
            runHere(row);
            return null;
        });
        try {
            done.get(SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw e.getCause();
        } catch (TimeoutException e) {
            hanging = row.name();
            StringBuilder where = new StringBuilder(row.name() + " did not end within " + SECONDS + " s:");
            Thread.getAllStackTraces().forEach((thread, stack) -> {
                if (thread.getName().equals("rows")) {
                    for (StackTraceElement element : stack) {
                        where.append(" < ").append(element);
                    }
                }
            });
            throw new AssertionError(where.toString(), e);
        }
    }

    private void runHere(Conformance.Row row) throws Exception {
        if (fixture == null && unavailable == null) {
            try {
                fixture = new Fixture(backend, placement);
            } catch (UnsupportedOperationException e) {
                unavailable = String.valueOf(e.getMessage());
            }
        }
        if (unavailable != null) {
            Check.that(!required, "the backend does not work here: " + unavailable);
            throw new Skipped(unavailable);
        }
        fixture.directory = Files.createDirectory(directory.resolve(backend + "-" + placement + "-" + rows++));
        boolean passed = false;
        try {
            row.body().run(fixture);
            fixture.checkLeftovers();
            passed = !row.detaches();
        } catch (Skipped e) {
            passed = true;
            throw e;
        } finally {
            delete(fixture.directory);
            if (!passed) {
                closeFixture();
            }
        }
    }

    private void closeFixture() {
        Fixture closing = fixture;
        fixture = null;
        if (closing != null) {
            closing.close();
        }
    }

    private static void delete(Path directory) {
        try (Stream<Path> paths = Files.walk(directory)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        if (hanging == null) {
            try {
                thread.submit(this::closeFixture).get(SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException | ExecutionException | TimeoutException e) {
                throw new AssertionError("closing " + backend + " " + placement, e);
            }
        }
        thread.shutdownNow();
    }
}
