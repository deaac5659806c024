package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A request failed. The message names the operation, the file, the offset and the system's reason. */
public class ChainIoException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** EIO, ENODATA, EBADMSG, EILSEQ, EUCLEAN and EREMOTEIO: what devices and file systems say of bytes that are lost. */
    private static final Set<Integer> LOST = Set.of(Errno.EIO, Errno.ENODATA, Errno.EBADMSG, 84, 117, 121);

    private static final int EDQUOT = 122;

    private final int errno;
    private final transient @Nullable Path path;
    private final long offset;

    /**
     * @param operation what was tried, such as "write" or "open"
     * @param path of the file
     * @param offset in the file, or -1 if none is meant
     * @param errno the system's error number, positive
     */
    public ChainIoException(String operation, Path path, long offset, int errno) {
        super(operation + " of " + path + (offset >= 0 ? " at offset " + offset : "") + ": " + Errno.text(errno));
        this.errno = errno;
        this.path = path;
        this.offset = offset;
    }

    ChainIoException(String message, int errno) {
        super(message + ": " + Errno.text(errno));
        this.errno = errno;
        path = null;
        offset = -1;
    }

    /** The system's error number, positive, such as 28 for a full disk. */
    public int errno() {
        return errno;
    }

    /** The file, if one is known. */
    public @Nullable Path path() {
        return path;
    }

    /** Where in the file, in bytes; -1 if that is not known. */
    public long offset() {
        return offset;
    }

    /** Whether there was no room: on the device, or of what the user may take. */
    public boolean isOfRoom() {
        return errno == Errno.ENOSPC || errno == EDQUOT;
    }

    /** Whether it says of something that was to be read that it is lost, and not that something is lacking: rights, memory, room. */
    public boolean isOfLostBytes() {
        return LOST.contains(errno);
    }
}
