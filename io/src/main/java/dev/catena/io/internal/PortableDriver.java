package dev.catena.io.internal;

import static dev.catena.io.internal.ChainLayout.*;

import dev.catena.io.internal.ChainLayout.Chain;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.NonReadableChannelException;
import java.nio.channels.NonWritableChannelException;
import java.util.ArrayDeque;

/**
 * A lane of the {@code portable} backend: the interpreter over {@link PortableFile}, for any JVM. A request is carried
 * out when it is issued, in the caller's thread, and its completion is queued, so that interpretation never nests.
 */
final class PortableDriver implements Driver, Interpreter.Requests {
    private static final int RWF_DSYNC = 2;

    private record Completion(long userData, int result) {}

    private final SharedMemory memory;
    private final PortableFiles files;
    private final Interpreter interpreter;
    private final ArrayDeque<Completion> completions = new ArrayDeque<>();

    PortableDriver(SharedMemory memory, PortableFiles files) {
        this.memory = memory;
        this.files = files;
        this.interpreter = new Interpreter(memory, this);
    }

    @Override
    public void start(int chain) {
        long at = memory.chain(chain);
        memory.setIntRelease(at + Chain.STATE, CHAIN_RUNNING);
        publish(chain);
    }

    @Override
    public void publish(int chain) {
        memory.setInt(memory.chain(chain) + Chain.DRY, 0);
        interpreter.advance(chain);
        for (Completion next = completions.poll(); next != null; next = completions.poll()) {
            interpreter.completed(next.userData, next.result);
        }
    }

    @Override
    public void await(int chain) {
        if (memory.getInt(memory.chain(chain) + Chain.STATE) != CHAIN_FINISHED) {
            throw new IllegalStateException("waiting for a chain that is not sealed");
        }
    }

    @Override
    public void awaitStep(int chain, int index) {
        // Done when it was published.
    }

    @Override
    public boolean hasRoom(int inFlight) {
        return true;
    }

    @Override
    public void issueFault(int result, long userData) {
        completions.add(new Completion(userData, result));
    }

    @Override
    public void issue(int opcode, int slot, long buffer, int length, long position, int rwFlags, long userData) {
        completions.add(new Completion(userData, carryOut(opcode, slot, buffer, length, position, rwFlags)));
    }

    private int carryOut(int opcode, int slot, long buffer, int length, long position, int rwFlags) {
        if (opcode == NOP) {
            return 0;
        }
        try {
            PortableFile file = files.file(slot);
            if (opcode == SYNC) {
                file.sync(false);
                return 0;
            }
            if (opcode == RESERVE) {
                if (length == 0) {
                    return -Errno.EINVAL; // which is fallocate's answer, too
                }
                file.grow(position + Integer.toUnsignedLong(length));
                return 0;
            }
            if (opcode == TRUNCATE) {
                file.truncate(position);
                file.grow(position);
                return 0;
            }
            ByteBuffer bytes = memory.segment().asSlice(buffer, length).asByteBuffer();
            if (opcode == READ) {
                return file.read(bytes, position);
            }
            int written = file.write(bytes, position);
            if ((rwFlags & RWF_DSYNC) != 0) {
                file.sync(false);
            }
            return written;
        } catch (IOException | NonReadableChannelException | NonWritableChannelException e) {
            return -PortableFiles.errno(e);
        } catch (IllegalArgumentException e) {
            return -Errno.EINVAL; // an offset below 0, found in memory
        }
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}
