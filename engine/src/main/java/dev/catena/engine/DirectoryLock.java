package dev.catena.engine;

import dev.catena.engine.version.StoreDirectory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/**
 * Keeps a store to one opener: a lock on the file {@code LOCK}, which the operating system takes back when the process ends, and within
 * the process a set of paths (to a process its own locks are no obstacle, and closing any descriptor of the file would lose the
 * lock). Who holds it stands in the file: see {@link StoreProcess}. A random-access file, since an interrupt closes a channel that is
 * being written, and the lock would be lost.
 */
final class DirectoryLock implements AutoCloseable {
    private static final Set<Path> OPEN = new HashSet<>();

    private final Path directory;
    private final RandomAccessFile file;

    private DirectoryLock(Path directory, RandomAccessFile file) {
        this.directory = directory;
        this.file = file;
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

    private static RandomAccessFile lock(Path directory) throws IOException {
        Path file = directory.resolve(StoreDirectory.LOCK);
        RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw");
        boolean locked = false;
        try {
            FileLock lock = opened.getChannel().tryLock();
            if (lock == null) {
                String holder = Files.readString(file).lines().findFirst().orElse("");
                throw new StoreLockedException(directory, "by process " + (holder.isEmpty() ? "unknown" : holder));
            }
            write(opened, StoreProcess.text(ProcessHandle.current().pid()));
            locked = true;
            return opened;
        } finally {
            if (!locked) {
                opened.close();
            }
        }
    }

    private static void write(RandomAccessFile file, String text) throws IOException {
        file.setLength(0);
        file.seek(0);
        file.write(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** Tells where in this process the chain memory is, for who wants to watch it. */
    void tell(long chains) {
        try {
            write(file, StoreProcess.text(ProcessHandle.current().pid(), chains));
        } catch (IOException e) {
            throw new StoreIoException("cannot write to the lock of " + directory + ": " + e, e);
        }
    }

    @Override
    public void close() {
        try {
            file.setLength(0);
            file.close();
        } catch (IOException e) {
            throw new StoreIoException("cannot unlock " + directory + ": " + e, e);
        } finally {
            synchronized (OPEN) {
                OPEN.remove(directory);
            }
        }
    }
}
