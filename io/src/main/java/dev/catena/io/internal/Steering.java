package dev.catena.io.internal;

import dev.catena.bpf.BpfObject;
import java.lang.foreign.MemorySegment;

/**
 * A steering program, loaded, with the arena it shares with us: {@link HookSteering} or {@link LoopSteering}. Thread safe.
 */
abstract class Steering implements AutoCloseable {
    private static final long ARENA_BYTES = 1L << 32;

    final BpfObject object;
    final SharedMemory memory;

    /** Over a loaded object, which is closed with this, or at once if this throws. */
    Steering(BpfObject object) {
        this.object = object;
        MemorySegment arena = object.map("arena").memory(ARENA_BYTES);
        if ((arena.address() & (ARENA_BYTES - 1)) != 0) {
            throw new UnsupportedOperationException("the arena is not where it must be: " + arena);
        }
        memory = new SharedMemory(arena, object);
    }

    final SharedMemory memory() {
        return memory;
    }

    /** Flags of io_uring_setup for a ring that is to be steered. */
    abstract int setupFlags(boolean resident);

    /**
     * Whether the program acts inside io_uring_enter and nowhere else, so that between two calls the ring's thread may
     * act on its chains; otherwise it may act at any time.
     */
    abstract boolean actsInEnter();

    /**
     * Makes the program steer {@code ring} as number {@code number}. The ring's entry is filled; nothing was submitted on
     * it. Called by the thread that made the ring.
     */
    abstract void bind(Ring ring, int number, boolean resident);

    /** The program no longer steers the ring. Again: nothing. */
    abstract void release(int number);

    /** Takes the program away: what is in flight is no longer steered. For tests of the hand-over. */
    abstract void detach();

    /** Unloads the program and frees the memory. */
    @Override
    public void close() {
        memory.close();
    }
}
