package dev.catena.io.chain;

import dev.catena.io.internal.ChainLayout;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;

/**
 * Reads the accounts of a running process, live and without its help: the chain memory, through {@code /proc/PID/mem}. Linux, and the
 * right to trace the process (the same user, or root). The process is not stopped; figures of one reading may be a moment apart.
 * Not thread safe.
 */
public final class ChainMonitor implements AutoCloseable {
    private final long pid;
    private final FileChannel memory;
    private final long base;
    private final Arena arena = Arena.ofShared();
    private final ByteBuffer header;
    private final ByteBuffer rings;
    private final ByteBuffer accounts;

    /**
     * Looks into the process {@code pid}, whose chain memory is at {@code address} ({@link ChainRuntime#address}).
     *
     * @throws IOException if the process is gone, may not be looked into, or has no chain memory of this version there
     */
    public ChainMonitor(long pid, long address) throws IOException {
        this.pid = pid;
        this.base = address;
        memory = FileChannel.open(Path.of("/proc/" + pid + "/mem"));
        header = buffer(ChainLayout.Header.BYTES);
        rings = buffer(ChainLayout.MAX_RINGS * ChainLayout.Ring.BYTES);
        accounts = buffer(ChainLayout.MAX_ACCOUNTS * ChainLayout.Account.BYTES);
        try {
            read(header, ChainLayout.HEADER_OFFSET);
            int magic = headerInt(ChainLayout.Header.MAGIC);
            int version = headerInt(ChainLayout.Header.ABI_VERSION);
            if (magic != ChainLayout.MAGIC || version != ChainLayout.ABI_VERSION) {
                throw new IOException("process " + pid + " has no chain memory of version " + ChainLayout.ABI_VERSION
                        + " at 0x" + Long.toHexString(address) + ": found magic 0x" + Integer.toHexString(magic)
                        + ", version " + version);
            }
        } catch (IOException e) {
            close();
            throw e;
        }
    }

    private ByteBuffer buffer(int bytes) {
        return arena.allocate(bytes, 8).asByteBuffer();
    }

    private int headerInt(int offset) {
        return MemorySegment.ofBuffer(header.clear()).get(ValueLayout.JAVA_INT, offset);
    }

    private void read(ByteBuffer into, long offset) throws IOException {
        into.clear();
        while (into.hasRemaining()) {
            if (memory.read(into, base + offset + into.position()) <= 0) {
                throw new IOException("process " + pid + " is gone");
            }
        }
        into.clear();
    }

    /** The accounts in use. IOException if the process has gone. */
    public List<ChainAccount> accounts() throws IOException {
        read(accounts, Integer.toUnsignedLong(headerInt(ChainLayout.Header.ACCOUNTS)));
        return ChainAccount.readAll(MemorySegment.ofBuffer(accounts));
    }

    /** The rings in use. IOException if the process has gone. */
    public List<RingAccount> rings() throws IOException {
        read(rings, Integer.toUnsignedLong(headerInt(ChainLayout.Header.RINGS)));
        return RingAccount.readAll(MemorySegment.ofBuffer(rings));
    }

    @Override
    public void close() throws IOException {
        arena.close();
        memory.close();
    }
}
