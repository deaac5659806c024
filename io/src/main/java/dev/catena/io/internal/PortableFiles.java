package dev.catena.io.internal;

import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The channels behind the file slots of the {@code portable} backend. Thread safe. */
final class PortableFiles {
    private static final int EBADF = 9;

    private final Map<Integer, FileChannel> channels = new ConcurrentHashMap<>();

    void add(int slot, FileChannel channel) {
        channels.put(slot, channel);
    }

    void remove(int slot) {
        channels.remove(slot);
    }

    FileChannel channel(int slot) throws ClosedChannelException {
        FileChannel channel = channels.get(slot);
        if (channel == null) {
            throw new ClosedChannelException();
        }
        return channel;
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
