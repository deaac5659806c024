package dev.catena.engine;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.MultiLookup;
import dev.catena.engine.entry.Operands;
import dev.catena.engine.entry.RangeDeletion;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.entry.Undeleted;
import dev.catena.engine.entry.ValueSink;
import dev.catena.engine.memtable.Memtable;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import dev.catena.io.chain.ChainIoException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
    /** Operands of a key that follow one another in the active memtable, at most. */
    private static final int OPERANDS_BOUND = 64;

    /** Deletions of ranges in the active memtable that lookups go through one by one, at most. */
    private static final int NOT_LAID_OUT = 64;

    private static final int STRIDE = 32; // ints: two cache lines, since they are fetched in pairs

    /** The memtable that takes writes. */
    final Memtable active;

    /** Full memtables, newest first. */
    final List<Memtable> immutables;

    final Version version;

    /** Merges operands; null where there are none. */
    final @Nullable MergeOperator operator;

    private final Memtable[] memtables;

    /** Whether others than the active memtable have deletions of ranges. */
    private final boolean haveSealedRanges;

    /** Made when first needed, and again when the active memtable has many more. */
    private volatile @Nullable Ranges ranges;

    private final AtomicIntegerArray pins = new AtomicIntegerArray((STRIPES + 1) * STRIDE);
    private final AtomicInteger references = new AtomicInteger();
    private final AtomicBoolean freed = new AtomicBoolean();
    private final AtomicInteger live;
    private volatile boolean retired;

    /** Deletions of ranges from all sources, the first so many of the active memtable among them. */
    private record Ranges(RangeDeletions all, int ofActive) {}

    /**
     * Retains what it is given.
     *
     * @param operator merges operands; null where there are none
     * @param live counted up now, and down when this lets go
     */
    ReadState(
            Memtable active,
            List<Memtable> immutables,
            Version version,
            @Nullable MergeOperator operator,
            AtomicInteger live) {
        this.live = live;
        this.operator = operator;
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
        haveSealedRanges = version.hasRangeDeletions()
                || immutables.stream().anyMatch(memtable -> memtable.rangeDeletionCount() > 0);
        live.getAndIncrement();
    }

    /** Looks a key (off-heap) up. The caller has pinned the state. */
    Lookup get(MemorySegment key, int length, long snapshot, ValueSink sink) {
        long floor = floor(key.address(), length, snapshot);
        Lookup found = find(key, length, snapshot, floor, sink);
        return found == Lookup.MERGE ? merge(key, length, snapshot, floor, sink) : found;
    }

    private Lookup find(MemorySegment key, int length, long snapshot, long floor, ValueSink sink) {
        for (Memtable memtable : memtables) {
            Lookup found = memtable.find(key, 0, length, snapshot, floor, sink);
            if (found != Lookup.ABSENT) {
                return found;
            }
        }
        return version.get(key, length, snapshot, floor, sink);
    }

    /** Looks a key up whose newest version is an operand: gathers operands and base from all sources, and gives the sink what they make. */
    private Lookup merge(MemorySegment key, int length, long snapshot, long floor, ValueSink sink) {
        Operands operands = new Operands();
        Lookup unused = find(key, length, snapshot, floor, operands);
        byte[] value = operands.fold(operator, key.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
        sink.accept(MemorySegment.ofArray(value), 0, value.length);
        return Lookup.FOUND;
    }

    /**
     * After so many operands that follow one another in the active memtable, puts under the newest one the value that the others make,
     * so that no lookup has to go through more. It has the same sequence number; in the order of trailers a value comes after an
     * operand. The caller may write to the memtable.
     */
    void boundOperands(int operands, long sequence, MemorySegment key, long keyOffset, int keyLength) {
        if (operands == 0 || operands % OPERANDS_BOUND != 0) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(Math.max(1, keyLength));
            MemorySegment.copy(key, keyOffset, copy, 0, keyLength);
            Lookup unused = get(
                    copy,
                    keyLength,
                    sequence - 1,
                    (value, offset, length) ->
                            active.put(sequence, Keys.PUT, copy, 0, keyLength, value, offset, length));
        } catch (StoreException | ChainIoException e) {
            // Whoever reads the key is told. Tried again after as many operands.
        }
    }

    /** Looks many keys up. The caller has pinned the state. */
    void get(MultiLookup keys) {
        if (hasRangeDeletions()) {
            keys.askFloors(this::floor);
        }
        for (Memtable memtable : memtables) {
            keys.ask(memtable::find);
        }
        version.get(keys);
        keys.merge(operator);
    }

    /**
     * Iterators over all entries of a range that a snapshot sees, and perhaps others; the caller closes them, and holds a reference until
     * then.
     *
     * @param readahead as {@link dev.catena.engine.table.TableReader#iterator} takes it
     */
    List<InternalIterator> iterators(byte @Nullable [] lower, byte @Nullable [] upper, long snapshot, long readahead) {
        RangeDeletions ranges = hasRangeDeletions() ? rangesWith(active.rangeDeletionCount()).all : RangeDeletions.NONE;
        List<InternalIterator> iterators = new ArrayList<>();
        boolean complete = false;
        try {
            for (Memtable memtable : memtables) {
                iterators.add(
                        ranges.isEmpty()
                                ? memtable.iterator()
                                : new Undeleted(memtable.iterator(), ranges, snapshot, Long.MAX_VALUE));
            }
            version.addIterators(iterators, lower, upper, ranges, snapshot, readahead);
            complete = true;
            return iterators;
        } finally {
            if (!complete) {
                iterators.forEach(InternalIterator::close);
            }
        }
    }

    private boolean hasRangeDeletions() {
        return haveSealedRanges || active.rangeDeletionCount() > 0;
    }

    /** The newest deletion of a range that a key is in, as of a snapshot: a sequence number, 0 for none. */
    private long floor(long key, int length, long snapshot) {
        int count = active.rangeDeletionCount();
        if (count == 0 && !haveSealedRanges) {
            return 0;
        }
        Ranges laidOut = rangesWith(count - NOT_LAID_OUT);
        long floor = laidOut.all.newest(key, length, snapshot);
        for (int i = laidOut.ofActive; i < count; i++) {
            RangeDeletion deletion = active.rangeDeletions(count).get(i);
            if (deletion.sequence() <= snapshot
                    && version.order().compare(deletion.begin(), key, length) <= 0
                    && version.order().compare(deletion.end(), key, length) > 0) {
                floor = Math.max(floor, deletion.sequence());
            }
        }
        return floor;
    }

    /** All deletions of ranges, with at least so many of the active memtable, which gets more. */
    private Ranges rangesWith(int ofActive) {
        Ranges laidOut = ranges;
        if (laidOut == null || laidOut.ofActive < ofActive) {
            synchronized (this) {
                laidOut = ranges;
                if (laidOut == null || laidOut.ofActive < ofActive) {
                    int count = active.rangeDeletionCount();
                    List<RangeDeletion> deletions = new ArrayList<>(active.rangeDeletions(count));
                    for (Memtable memtable : immutables) {
                        deletions.addAll(memtable.rangeDeletions(memtable.rangeDeletionCount()));
                    }
                    for (TableFile table : version.tables()) {
                        table.rangeDeletions().addTo(deletions);
                    }
                    laidOut = new Ranges(RangeDeletions.of(version.order(), deletions), count);
                    ranges = laidOut;
                }
            }
        }
        return laidOut;
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
