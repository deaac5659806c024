package dev.catena.engine;

import dev.catena.engine.version.StoreDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;

/**
 * Keeps a store to one opener: a lock on the file {@code LOCK}, which the operating system takes back when the process ends, and within
 * the process a set of paths (to a process its own locks are no obstacle, and closing any descriptor of the file would lose the
 * lock). Who holds it stands in the file: see {@link StoreProcess}.
 */
final class DirectoryLock implements AutoCloseable {
    private static final Set<Path> OPEN = new HashSet<>();

    private final Path directory;
    private final FileChannel channel;

    private DirectoryLock(Path directory, FileChannel channel) {
        this.directory = directory;
        this.channel = channel;
    }

    /** Takes the lock of a directory that exists. */
    static DirectoryLock acquire(Path directory) {
        Path real;
        try {
            real = directory.toRealPath();
        } catch (IOException e) {
            throw new StoreIoException("cannot resolve " + directory + ": " + e, e);
        }
        synchronized (OPEN) {
            if (!OPEN.add(real)) {
                throw new StoreLockedException(
                        directory, "by this process (" + ProcessHandle.current().pid() + ")");
            }
        }
        boolean locked = false;
        try {
            DirectoryLock lock = new DirectoryLock(real, lock(directory));
            locked = true;
            return lock;
        } catch (IOException e) {
            throw new StoreIoException("cannot lock " + directory + ": " + e, e);
        } finally {
            if (!locked) {
                synchronized (OPEN) {
                    OPEN.remove(real);
                }
            }
        }
    }

    private static FileChannel lock(Path directory) throws IOException {
        Path file = directory.resolve(StoreDirectory.LOCK);
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        boolean locked = false;
        try {
            FileLock lock = channel.tryLock();
            if (lock == null) {
                String holder = Files.readString(file).lines().findFirst().orElse("");
                throw new StoreLockedException(directory, "by process " + (holder.isEmpty() ? "unknown" : holder));
            }
            write(channel, StoreProcess.text(ProcessHandle.current().pid()));
            locked = true;
            return channel;
        } finally {
            if (!locked) {
                channel.close();
            }
        }
    }

    private static void write(FileChannel channel, String text) throws IOException {
        channel.truncate(0);
        channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)), 0);
    }

    /** Tells where in this process the chain memory is, for who wants to watch it. */
    void tell(long chains) {
        try {
            write(channel, StoreProcess.text(ProcessHandle.current().pid(), chains));
        } catch (IOException e) {
            throw new StoreIoException("cannot write to the lock of " + directory + ": " + e, e);
        }
    }

    @Override
    public void close() {
        try {
            channel.truncate(0);
            channel.close();
        } catch (ClosedByInterruptException e) {
            return; // It is closed, so unlocked; the number of this process that stays in the file says nothing without
            // the lock.
        } catch (IOException e) {
            throw new StoreIoException("cannot unlock " + directory + ": " + e, e);
        } finally {
            synchronized (OPEN) {
                OPEN.remove(directory);
            }
        }
    }
}
