package dev.catena.engine;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.MultiLookup;
import dev.catena.engine.entry.ValueSink;
import dev.catena.engine.memtable.Memtable;
import dev.catena.engine.version.Version;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * What readers read: the memtables and the version at a moment. Immutable; every change makes a new one.
 *
 * <p><b>Pins.</b> A lookup pins the state for its short time by one of several counters (by thread, each in its own cache line), an
 * iterator holds a reference. Once the state is retired (is not the store's current one any more) and nothing pins it, it lets go of
 * memtables and version. Whoever pins looks again whether the state is still current, and gives the pin back if not; so counters that
 * were all seen at 0 after the retirement stay without meaning.
 */
final class ReadState {
    private static final int STRIPES = 16;
    private static final int STRIDE = 32; // ints: two cache lines, since they are fetched in pairs

    /** The memtable that takes writes. */
    final Memtable active;

    /** Full memtables, newest first. */
    final List<Memtable> immutables;

    final Version version;

    private final Memtable[] memtables;
    private final AtomicIntegerArray pins = new AtomicIntegerArray((STRIPES + 1) * STRIDE);
    private final AtomicInteger references = new AtomicInteger();
    private final AtomicBoolean freed = new AtomicBoolean();
    private final AtomicInteger live;
    private volatile boolean retired;

    /**
     * Retains what it is given.
     *
     * @param live counted up now, and down when this lets go
     */
    ReadState(Memtable active, List<Memtable> immutables, Version version, AtomicInteger live) {
        this.live = live;
        this.active = active;
        this.immutables = List.copyOf(immutables);
        this.version = version;
        memtables = new Memtable[1 + immutables.size()];
        memtables[0] = active;
        for (int i = 1; i < memtables.length; i++) {
            memtables[i] = immutables.get(i - 1);
        }
        for (Memtable memtable : memtables) {
            memtable.retain();
        }
        version.retain();
        live.getAndIncrement();
    }

    /** Looks a key (off-heap) up. The caller has pinned the state. */
    Lookup get(MemorySegment key, int length, long snapshot, ValueSink sink) {
        for (Memtable memtable : memtables) {
            Lookup found = memtable.find(key, 0, length, snapshot, sink);
            if (found != Lookup.ABSENT) {
                return found;
            }
        }
        return version.get(key, length, snapshot, sink);
    }

    /** Looks many keys up. The caller has pinned the state. */
    void get(MultiLookup keys) {
        for (Memtable memtable : memtables) {
            keys.ask(memtable::find);
        }
        version.get(keys);
    }

    /** Iterators over all entries of a range, and perhaps others; the caller closes them, and holds a reference until then. */
    List<InternalIterator> iterators(byte[] lower, byte @Nullable [] upper) {
        List<InternalIterator> iterators = new ArrayList<>();
        boolean complete = false;
        try {
            for (Memtable memtable : memtables) {
                iterators.add(memtable.iterator());
            }
            version.addIterators(iterators, lower, upper);
            complete = true;
            return iterators;
        } finally {
            if (!complete) {
                iterators.forEach(InternalIterator::close);
            }
        }
    }

    /** The counter that the calling thread uses. */
    static int stripe() {
        return (((int) Thread.currentThread().threadId() & (STRIPES - 1)) + 1) * STRIDE;
    }

    /** Pins it; it may be retired already. */
    void pin(int stripe) {
        pins.getAndIncrement(stripe);
    }

    /** Gives a pin back. */
    void unpin(int stripe) {
        pins.getAndDecrement(stripe);
        if (retired) {
            freeIfUnused();
        }
    }

    /** Adds a reference that outlives the pin that the caller has. */
    void retain() {
        references.getAndIncrement();
    }

    /** Gives a reference back. */
    void release() {
        references.getAndDecrement();
        if (retired) {
            freeIfUnused();
        }
    }

    /** Says that it is not the current state any more. */
    void retire() {
        retired = true;
        freeIfUnused();
    }

    private void freeIfUnused() {
        // References first, then pins: a reference is only added under a pin, which is given back after it.
        for (int i = 1; i <= STRIPES; i++) {
            if (pins.get(i * STRIDE) != 0) {
                return;
            }
        }
        if (references.get() == 0 && freed.compareAndSet(false, true)) {
            for (Memtable memtable : memtables) {
                memtable.release();
            }
            version.release();
            live.getAndDecrement();
        }
    }
}
