package dev.catena.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Says where long puts of one thread spend their time: a thread of its own looks every few milliseconds whether a put has begun long ago, and if so
 * at the writer's stack. A put that went by unseen, though long, passed while this thread stood still too: the JVM paused, or the
 * machine did.
 *
 * <p>{@link #begin} and {@link #end} belong to the writer, and cost it a store each.
 */
public final class PutWatch implements Runnable, AutoCloseable {
    /** A put that takes so long is looked at, in nanoseconds. */
    private static final long LONG_NANOS = 20_000_000;

    private static final long LOOK_NANOS = 5_000_000;
    private static final int FRAMES = 4;
    private static final String PAUSED = "unseen: the JVM or the machine paused";

    /**
     * Where long puts were.
     *
     * @param where the store's innermost calls, and what the kernel was doing
     * @param puts how many
     * @param nanos their time together
     * @param longestNanos the longest
     */
    public record Place(String where, long puts, long nanos, long longestNanos) {}

    private final Thread writer = Thread.currentThread();
    private final Path kernel = kernelFile();
    private final Thread watcher =
            Thread.ofPlatform().daemon().name("put-watch").start(this);
    private final Map<String, Place> places = new TreeMap<>();
    private volatile long begun;
    private volatile @Nullable Seen seen;
    private volatile boolean closed;

    private record Seen(long begun, String where) {}

    /** Watches the calling thread. */
    PutWatch() {}

    private static Path kernelFile() {
        try {
            return Path.of("/proc")
                    .resolve(Files.readSymbolicLink(Path.of("/proc/thread-self")))
                    .resolve("wchan");
        } catch (IOException | UnsupportedOperationException e) {
            return Path.of("/proc/thread-self/wchan"); // says nothing of use, then
        }
    }

    /** The writer begins a put at a time. */
    void begin(long now) {
        begun = now;
    }

    /** The put that began then is over. */
    void end(long began, long now) {
        begun = 0;
        if (now - began >= LONG_NANOS) {
            Seen last = seen;
            String where = last != null && last.begun == began ? last.where : PAUSED;
            places.merge(
                    where,
                    new Place(where, 1, now - began, now - began),
                    (a, b) -> new Place(
                            where, a.puts + b.puts, a.nanos + b.nanos, Math.max(a.longestNanos, b.longestNanos)));
        }
    }

    /** Where long puts were so far, the one of the longest first; what follows is counted anew. */
    List<Place> take() {
        List<Place> taken = new ArrayList<>(places.values());
        taken.sort(Comparator.comparingLong(Place::longestNanos).reversed());
        places.clear();
        return taken;
    }

    @Override
    public void run() {
        while (!closed) {
            LockSupport.parkNanos(LOOK_NANOS);
            long put = begun;
            Seen last = seen;
            if (put != 0 && System.nanoTime() - put > LONG_NANOS / 2 && (last == null || last.begun != put)) {
                String where = where(writer.getStackTrace(), waitChannel());
                if (begun == put) {
                    seen = new Seen(put, where);
                }
            }
        }
    }

    private String waitChannel() {
        try {
            String channel = Files.readString(kernel).strip();
            return channel.equals("0") || channel.isEmpty() ? "" : " [" + channel + "]";
        } catch (IOException e) {
            return "";
        }
    }

    /** Not what runs the store's I/O: who waits there is told by who called it. */
    private static boolean isOfAStore(String name) {
        return (name.startsWith("dev.catena.") && !name.startsWith("dev.catena.io."))
                || name.startsWith("org.rocksdb.");
    }

    private static String where(StackTraceElement[] stack, String channel) {
        return Arrays.stream(stack)
                        .filter(frame -> isOfAStore(frame.getClassName()))
                        .limit(FRAMES)
                        .map(frame -> frame.getClassName()
                                        .substring(frame.getClassName().lastIndexOf('.') + 1) + "."
                                + frame.getMethodName())
                        .collect(Collectors.joining(" < "))
                + channel;
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(watcher);
    }
}
