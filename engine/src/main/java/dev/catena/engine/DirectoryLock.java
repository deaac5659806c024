package dev.catena.engine;

import dev.catena.engine.version.StoreDirectory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a store to one writer or to any number of readers: a lock on the file {@code LOCK}, exclusive or shared, which the operating
 * system takes back when the process ends, and within the process a table of paths (to a process its own locks are no obstacle, and
 * closing any descriptor of the file would lose the lock; so the readers of one process share one). Which process writes stands in the
 * file: see {@link StoreProcess}. A random-access file, since an interrupt closes a channel that is being written, and the lock would
 * be lost.
 *
 * <p>A reader writes nothing. A store without a file {@code LOCK}, copied without it, is read without a lock.
 */
final class DirectoryLock implements AutoCloseable {
    private static final Map<Path, DirectoryLock> OPEN = new HashMap<>();

    private final Path directory;
    private final @Nullable RandomAccessFile file;
    private final boolean shared;
    private int holders = 1; // under the table's monitor

    private DirectoryLock(Path directory, @Nullable RandomAccessFile file, boolean shared) {
        this.directory = directory;
        this.file = file;
        this.shared = shared;
    }

    /** Takes the lock of a directory that exists, to write. */
    static DirectoryLock acquire(Path directory) {
        return acquire(directory, false);
    }

    /** Takes the lock of a directory that exists, to read; others may have it for reading too. */
    static DirectoryLock acquireShared(Path directory) {
        return acquire(directory, true);
    }

    private static DirectoryLock acquire(Path directory, boolean shared) {
        try {
            Path real = directory.toRealPath();
            synchronized (OPEN) {
                DirectoryLock held = OPEN.get(real);
                if (held == null) {
                    held = new DirectoryLock(real, lock(directory, shared), shared);
                    OPEN.put(real, held);
                } else if (shared && held.shared) {
                    held.holders++;
                } else {
                    throw new StoreLockedException(
                            directory,
                            "by this process (" + ProcessHandle.current().pid() + ")"
                                    + (held.shared ? ", for reading" : ""));
                }
                return held;
            }
        } catch (IOException e) {
            throw new StoreIoException("cannot lock " + directory + ": " + e, e);
        }
    }

    private static @Nullable RandomAccessFile lock(Path directory, boolean shared) throws IOException {
        Path file = directory.resolve(StoreDirectory.LOCK);
        if (shared && !Files.exists(file)) {
            return null;
        }
        RandomAccessFile opened = new RandomAccessFile(file.toFile(), shared ? "r" : "rw");
        boolean locked = false;
        try {
            FileLock lock = opened.getChannel().tryLock(0, Long.MAX_VALUE, shared);
            if (lock == null) {
                throw new StoreLockedException(directory, holder(file));
            }
            if (!Files.exists(file)) {
                throw new NoSuchFileException(file.toString(), null, "the store was just destroyed");
            }
            if (!shared) {
                write(opened, StoreProcess.text(ProcessHandle.current().pid()));
            }
            locked = true;
            return opened;
        } finally {
            if (!locked) {
                opened.close();
            }
        }
    }

    /** Who has the lock, in words. What a killed writer left in the file names nobody. */
    private static String holder(Path file) throws IOException {
        Optional<String> writer = Files.readString(file)
                .lines()
                .findFirst()
                .filter(pid -> pid.matches("\\d{1,18}")
                        && ProcessHandle.of(Long.parseLong(pid)).isPresent());
        return writer.map(pid -> "by process " + pid).orElse("by another process, for reading");
    }

    private static void write(RandomAccessFile file, String text) throws IOException {
        file.setLength(0);
        file.seek(0);
        file.write(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** Tells where in this process the chain memory is, for who wants to watch it. Only who writes does. */
    void tell(long chains) {
        try {
            if (file != null && !shared) {
                write(file, StoreProcess.text(ProcessHandle.current().pid(), chains));
            }
        } catch (IOException e) {
            throw new StoreIoException("cannot write to the lock of " + directory + ": " + e, e);
        }
    }

    /** What stands in it means nothing once it is not locked: so it does no harm if a file system that has become read-only keeps it. */
    private static void empty(RandomAccessFile file) {
        try {
            file.setLength(0);
        } catch (IOException e) {
            // as said
        }
    }

    @Override
    public void close() {
        synchronized (OPEN) {
            if (--holders > 0) {
                return;
            }
            OPEN.remove(directory);
            try (RandomAccessFile closed = file) {
                if (closed != null && !shared) {
                    empty(closed);
                }
            } catch (IOException e) {
                throw new StoreIoException("cannot unlock " + directory + ": " + e, e);
            }
        }
    }
}
