package dev.catena.io.internal;

import java.nio.channels.ClosedChannelException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The files behind the file slots of the {@code portable} backend. Thread safe. */
final class PortableFiles {
    private static final int EBADF = 9;

    private final Map<Integer, PortableFile> files = new ConcurrentHashMap<>();

    void add(int slot, PortableFile file) {
        files.put(slot, file);
    }

    void remove(int slot) {
        files.remove(slot);
    }

    PortableFile file(int slot) throws ClosedChannelException {
        PortableFile file = files.get(slot);
        if (file == null) {
            throw new ClosedChannelException();
        }
        return file;
    }

    /** The error number that the same failure has on the other backends, told by the JDK's message. */
    static int errno(Exception e) {
        String message = String.valueOf(e.getMessage());
        if (message.contains("No space left")) {
            return Errno.ENOSPC;
        }
        if (message.contains("File too large")) {
            return Errno.EFBIG;
        }
        if (message.contains("Invalid argument")) {
            return Errno.EINVAL;
        }
        if (e instanceof ClosedChannelException || e instanceof IllegalStateException || message.contains("Bad file")) {
            return EBADF;
        }
        return Errno.EIO;
    }
}
