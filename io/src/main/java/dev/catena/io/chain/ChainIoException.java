package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.nio.file.Path;

/** A request failed. The message names the operation, the file, the offset and the system's reason. */
public class ChainIoException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int errno;

    /**
     * @param operation what was tried, such as "write" or "open"
     * @param path of the file
     * @param offset in the file, or -1 if none is meant
     * @param errno the system's error number, positive
     */
    public ChainIoException(String operation, Path path, long offset, int errno) {
        super(operation + " of " + path + (offset >= 0 ? " at offset " + offset : "") + ": " + Errno.text(errno));
        this.errno = errno;
    }

    ChainIoException(String message, int errno) {
        super(message + ": " + Errno.text(errno));
        this.errno = errno;
    }

    /** The system's error number, positive, such as 28 for a full disk. */
    public int errno() {
        return errno;
    }
}
