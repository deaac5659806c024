package dev.catena.io.chain;

import dev.catena.io.internal.Backend;
import dev.catena.io.internal.SharedMemory;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A backend at work: memory, files and lanes for chains. Everybody in a process who asks for the same backend shares
 * one; it ends when the last of them has closed it.
 *
 * <p>The backend is the best that works, or the one that is asked for by name, or by the environment variable
 * {@code CATENA_BACKEND}. Thread safe.
 */
public final class ChainRuntime implements AutoCloseable {
    /** Name of the environment variable that chooses the backend. */
    public static final String VARIABLE = "CATENA_BACKEND";

    private static final Map<String, ChainRuntime> OPEN = new TreeMap<>();

    private final Backend backend;
    private final EnumMap<Placement, ArrayDeque<Track>> idle = new EnumMap<>(Placement.class);
    private final Runnable endEvents;
    private int tracks;
    private int users = 1;

    private ChainRuntime(Backend backend) {
        this.backend = backend;
        for (Placement placement : Placement.values()) {
            idle.put(placement, new ArrayDeque<>());
        }
        endEvents = AccountEvent.register(this);
    }

    /** Tries every backend, best first. */
    public static List<Availability> probe() {
        List<Availability> found = new ArrayList<>();
        for (String name : Backend.NAMES) {
            try {
                acquire(name).close();
                found.add(new Availability(name, true, "works"));
            } catch (UnsupportedOperationException e) {
                found.add(new Availability(name, false, String.valueOf(e.getMessage())));
            }
        }
        return found;
    }

    /**
     * Opens a backend, or shares the one that is open.
     *
     * @param name of the backend; null: what {@code CATENA_BACKEND} says, else the best that works
     * @throws UnsupportedOperationException if the one asked for does not work here, with the reason
     * @throws IllegalArgumentException if there is no backend of that name
     */
    public static ChainRuntime acquire(@Nullable String name) {
        String wanted = name != null ? name : System.getenv(VARIABLE);
        if (wanted != null && !wanted.isEmpty()) {
            return share(wanted);
        }
        for (String candidate : Backend.NAMES) {
            try {
                return share(candidate);
            } catch (UnsupportedOperationException e) {
                // the next one
            }
        }
        throw new UnsupportedOperationException("no backend works here");
    }

    private static ChainRuntime share(String name) {
        synchronized (OPEN) {
            ChainRuntime open = OPEN.get(name);
            if (open != null) {
                open.users++;
                return open;
            }
            ChainRuntime opened = new ChainRuntime(Backend.open(name));
            OPEN.put(name, opened);
            return opened;
        }
    }

    /** Name of the backend. */
    public String backend() {
        return backend.name();
    }

    SharedMemory memory() {
        return backend.memory();
    }

    /**
     * Zeroed, page-aligned chain memory.
     *
     * @param owner who closes it, a name for people
     * @throws OutOfMemoryError if there is no room
     */
    public Region allocate(long bytes, String owner) {
        long offset = memory().allocate(bytes, owner);
        return new Region(memory(), memory().segment(offset, bytes), offset);
    }

    /** Opens a file. */
    public ChainFile open(Path path, ChainFile.Mode mode, ChainFile.Access access) {
        return ChainFile.open(backend, path, mode, access);
    }

    /** A lane. What it runs on is kept when it is closed, and given out again. */
    public Lane lane(Placement placement) {
        synchronized (idle) {
            Track track = queue(placement).poll();
            if (track == null) {
                track = new Track(tracks, placement, backend.driver(placement == Placement.RESIDENT));
                tracks++;
            }
            return new Lane(this, track);
        }
    }

    void giveBack(Track track) {
        synchronized (idle) {
            queue(track.placement()).push(track);
        }
    }

    private ArrayDeque<Track> queue(Placement placement) {
        ArrayDeque<Track> queue = idle.get(placement);
        if (queue == null) {
            throw new AssertionError(placement);
        }
        return queue;
    }

    /** Whether a chain in context must be waited for by the thread that started it; elsewhere any thread may, one at a time. */
    public boolean bindsThreads() {
        return backend.bindsThreads();
    }

    /** What every lane did so far, by kind of chain. */
    public List<ChainAccount> accounts() {
        return ChainAccount.readAll(memory().accounts());
    }

    /** What the steering program did on every ring so far. */
    public List<RingAccount> rings() {
        return RingAccount.readAll(memory().rings());
    }

    /** Where the chain memory begins in this process: what a {@link ChainMonitor} needs to know. */
    public long address() {
        return memory().segment().address();
    }

    /** Chain memory in use, in bytes by owner. */
    public Map<String, Long> memoryInUse() {
        return memory().inUse();
    }

    /** Counters of the steering program, of all rings now open. */
    public Map<String, Long> counters() {
        return backend.counters();
    }

    /** Takes the steering program away while chains run; they are carried on from Java. For tests. */
    void detachProgram() {
        backend.detachProgram();
    }

    /** No longer used by the caller. The last one to close ends it; its lanes, files and regions are closed before. */
    @Override
    public void close() {
        synchronized (OPEN) {
            if (users == 0) {
                throw new AssertionError("chain runtime closed too often");
            }
            if (--users > 0) {
                return;
            }
            OPEN.remove(backend.name(), this);
        }
        endEvents.run();
        synchronized (idle) {
            idle.values().forEach(queue -> queue.forEach(track -> track.driver().close()));
            idle.clear();
        }
        backend.close();
    }
}
