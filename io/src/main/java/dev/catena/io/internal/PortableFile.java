package dev.catena.io.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousFileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A file of the {@code portable} backend. An {@link java.nio.channels.FileChannel} would be closed under everybody when a thread that uses
 * it is interrupted; an asynchronous channel is not. Its reads and writes are carried out by an executor that runs them where they
 * are, so that no other thread is in between (on Windows, where completions arrive at threads of the JDK, by those).
 *
 * <p>Thread safe, but for {@link #close}.
 */
public final class PortableFile implements AutoCloseable {
    private static final @Nullable ExecutorService EXECUTOR =
            System.getProperty("os.name").startsWith("Windows") ? null : new CallerRuns();

    private final AsynchronousFileChannel channel;

    private PortableFile(AsynchronousFileChannel channel) {
        this.channel = channel;
    }

    public static PortableFile open(Path path, Set<? extends OpenOption> options) throws IOException {
        return new PortableFile(AsynchronousFileChannel.open(path, options, EXECUTOR));
    }

    /** Reads at {@code position}; how many bytes, 0 at the end of the file. */
    public int read(ByteBuffer bytes, long position) throws IOException {
        return Math.max(0, await(channel.read(bytes, position)));
    }

    /** Writes at {@code position}; how many bytes. */
    public int write(ByteBuffer bytes, long position) throws IOException {
        return await(channel.write(bytes, position));
    }

    /** Makes data and size durable; with {@code metaData} all else too. */
    public void sync(boolean metaData) throws IOException {
        channel.force(metaData);
    }

    public long size() throws IOException {
        return channel.size();
    }

    /** Makes the file {@code bytes} long, if it is longer. */
    public void truncate(long bytes) throws IOException {
        channel.truncate(bytes);
    }

    /** Makes the file {@code bytes} long, with zeros, if it is shorter. Nobody writes meanwhile. */
    void grow(long bytes) throws IOException {
        if (channel.size() < bytes) {
            await(channel.write(ByteBuffer.allocate(1), bytes - 1));
        }
    }

    private static int await(Future<Integer> transfer) throws IOException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return transfer.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof IOException cause) {
                        throw cause;
                    }
                    throw new IOException(e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** Runs what it is given in the thread that gives it. Never shut down. */
    private static final class CallerRuns extends AbstractExecutorService {
        @Override
        public void execute(Runnable task) {
            task.run();
        }

        @Override
        public void shutdown() {
            throw new UnsupportedOperationException("shared by all files");
        }

        @Override
        public List<Runnable> shutdownNow() {
            throw new UnsupportedOperationException("shared by all files");
        }

        @Override
        public boolean isShutdown() {
            return false;
        }

        @Override
        public boolean isTerminated() {
            return false;
        }

        @Override
        public boolean awaitTermination(long timeout, TimeUnit unit) {
            return false;
        }
    }
}
