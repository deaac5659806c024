package dev.catena.io.chain;

import dev.catena.io.internal.Backend;
import dev.catena.io.internal.Errno;
import dev.catena.io.internal.PortableFile;
import dev.catena.io.internal.Posix;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An open file that steps can name, and that can be read and written directly where no chain is worth it. Thread safe,
 * but for {@link #close}, which the owner calls once, when no chain and no thread uses the file any more.
 *
 * <p>Every failure is a {@link ChainIoException} with path, offset and reason.
 */
public final class ChainFile implements FileBytes, AutoCloseable {
    /** How a file is opened. */
    public enum Mode {
        /** An existing file, to read. */
        READ,
        /** An existing file, to read and write. */
        READ_WRITE,
        /** A new file, or an existing one emptied, to read and write. */
        CREATE
    }

    /** How the kernel caches. */
    public enum Access {
        /** Through the page cache. */
        BUFFERED,
        /** Past the page cache: offsets, lengths and memory are multiples of 4096. Buffered where the file system cannot. */
        DIRECT
    }

    private final @Nullable Backend backend; // null when no step can name it
    private final Path path;
    private final int slot;
    private final int descriptor;
    private final @Nullable PortableFile portable;
    private boolean closed;

    private ChainFile(@Nullable Backend backend, Path path, int descriptor, @Nullable PortableFile portable) {
        this.backend = backend;
        this.path = path;
        this.descriptor = descriptor;
        this.portable = portable;
        this.slot = backend == null ? -1 : backend.memory().allocateFile(descriptor);
        if (backend != null && portable != null) {
            backend.addFile(slot, portable);
        }
    }

    /** Opens an existing file of which no step ever reads: it needs no runtime. */
    public static ChainFile openToRead(Path path) {
        return new ChainFile(null, path, -1, openPortable(path, Mode.READ));
    }

    private static PortableFile openPortable(Path path, Mode mode) {
        try {
            return PortableFile.open(path, options(mode));
        } catch (NoSuchFileException e) {
            throw new ChainIoException("open", path, -1, 2);
        } catch (IOException e) {
            throw failed("open", path, -1, e);
        }
    }

    static ChainFile open(Backend backend, Path path, Mode mode, Access access) {
        if (backend.isPortable()) {
            return new ChainFile(backend, path, -1, openPortable(path, mode));
        }
        int flags = switch (mode) {
            case READ -> Posix.O_RDONLY;
            case READ_WRITE -> Posix.O_RDWR;
            case CREATE -> Posix.O_RDWR | Posix.O_CREAT | Posix.O_TRUNC;
        };
        int descriptor = Posix.open(path, access == Access.DIRECT ? flags | Posix.O_DIRECT : flags);
        if (descriptor == -Errno.EINVAL && access == Access.DIRECT) {
            descriptor = Posix.open(path, flags);
        }
        check("open", path, -1, descriptor);
        return new ChainFile(backend, path, descriptor, null);
    }

    private static Set<StandardOpenOption> options(Mode mode) {
        return switch (mode) {
            case READ -> EnumSet.of(StandardOpenOption.READ);
            case READ_WRITE -> EnumSet.of(StandardOpenOption.READ, StandardOpenOption.WRITE);
            case CREATE ->
                EnumSet.of(
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING);
        };
    }

    int slot() {
        return slot;
    }

    /** As given when opened. */
    @Override
    public Path path() {
        return path;
    }

    @Override
    public long size() {
        if (portable != null) {
            try {
                return portable.size();
            } catch (IOException e) {
                throw failed("size", path, -1, e);
            }
        }
        return check("size", path, -1, Posix.length(descriptor));
    }

    @Override
    public long read(MemorySegment target, long offset, long length, long position) {
        checkRange(target, offset, length);
        long done = 0;
        while (done < length) {
            long result = portable != null
                    ? transfer(portable, target, offset + done, length - done, position + done, false)
                    : Posix.pread(descriptor, target.address() + offset + done, length - done, position + done);
            if (result == -Errno.EINTR) {
                continue;
            }
            check("read", path, position + done, result);
            if (result == 0) {
                break;
            }
            done += result;
        }
        return done;
    }

    /** Writes {@code length} bytes, all of them. */
    public void write(MemorySegment source, long offset, long length, long position) {
        checkRange(source, offset, length);
        long done = 0;
        while (done < length) {
            long result = portable != null
                    ? transfer(portable, source, offset + done, length - done, position + done, true)
                    : Posix.pwrite(descriptor, source.address() + offset + done, length - done, position + done);
            if (result == -Errno.EINTR) {
                continue;
            }
            check("write", path, position + done, result == 0 ? -Errno.ENOSPC : result);
            done += result;
        }
    }

    private static void checkRange(MemorySegment segment, long offset, long length) {
        if (!segment.isNative()) {
            throw new IllegalArgumentException("not native memory: " + segment);
        }
        java.util.Objects.checkFromIndexSize(offset, length, segment.byteSize());
    }

    private static long transfer(
            PortableFile file, MemorySegment memory, long offset, long length, long position, boolean write) {
        var bytes = memory.asSlice(offset, Math.min(length, 1 << 30)).asByteBuffer();
        try {
            return write ? file.write(bytes, position) : file.read(bytes, position);
        } catch (IOException e) {
            return -Backend.errno(e);
        }
    }

    /** Makes the file {@code bytes} long. */
    public void truncate(long bytes) {
        if (portable != null) {
            try {
                portable.truncate(bytes);
                return;
            } catch (IOException e) {
                throw failed("truncate", path, bytes, e);
            }
        }
        check("truncate", path, bytes, Posix.truncate(descriptor, bytes));
    }

    /** Makes data and size durable. A failure is final: what was written since the last success may be lost. */
    public void sync() {
        if (portable != null) {
            try {
                portable.sync(false);
                return;
            } catch (IOException e) {
                throw failed("fdatasync", path, -1, e);
            }
        }
        check("fdatasync", path, -1, Posix.dataSync(descriptor));
    }

    /** Tells the kernel that reads are at random places: no read-ahead. */
    public void adviseRandom() {
        if (portable == null) {
            Posix.adviseRandom(descriptor);
        }
    }

    @Override
    public void close() {
        if (closed) {
            throw new AssertionError("closed twice: " + path);
        }
        closed = true;
        if (backend != null) {
            backend.removeFile(slot);
            backend.memory().freeFile(slot);
        }
        if (portable != null) {
            try {
                portable.close();
            } catch (IOException e) {
                throw failed("close", path, -1, e);
            }
        } else {
            Posix.close(descriptor);
        }
    }

    /** Makes a durable record of a directory's entries: of files created, renamed or removed in it. */
    public static void syncDirectory(Path directory) {
        if (!Files.isDirectory(directory)) {
            throw new ChainIoException("fsync", directory, -1, 20);
        }
        try (PortableFile file = PortableFile.open(directory, EnumSet.of(StandardOpenOption.READ))) {
            file.sync(true);
        } catch (IOException e) {
            throw failed("fsync", directory, -1, e);
        }
    }

    private static ChainIoException failed(String operation, Path path, long offset, IOException e) {
        ChainIoException failure = new ChainIoException(operation, path, offset, Backend.errno(e));
        failure.initCause(e);
        return failure;
    }

    private static long check(String operation, Path path, long offset, long result) {
        if (result < 0) {
            throw new ChainIoException(operation, path, offset, (int) -result);
        }
        return result;
    }
}
