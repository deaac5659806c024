package dev.catena.engine;

import dev.catena.engine.compaction.Compactor;
import dev.catena.engine.compaction.TableEnds;
import dev.catena.engine.compaction.TableWriter;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.MergingIterator;
import dev.catena.engine.entry.MultiLookup;
import dev.catena.engine.entry.ValueSink;
import dev.catena.engine.event.Events;
import dev.catena.engine.log.Operations;
import dev.catena.engine.memtable.Memtable;
import dev.catena.engine.memtable.MemtableLoader;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import dev.catena.engine.version.VersionSet;
import dev.catena.io.chain.ChainIoException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A column family at work: its memtables, its tables by version, and what its readers see. Log, sequence numbers, locks and threads are
 * the {@link Store}'s, shared by all families.
 *
 * <p><b>A full memtable</b> is sealed: it gets a successor together with a new log file (all under the append lock). The flush thread
 * writes it as a table; then this family does not need the logs before any more. Writers wait when there are too many memtables, or too
 * many tables in level 0 ({@link Backpressure}).
 *
 * <p><b>A read</b> pins the {@link ReadState} and then takes the store's last sequence number as its snapshot; in this order, so that
 * whatever the state is lacking is newer than all it has.
 *
 * <p><b>Dropping</b> it refuses writes, has the manifest forget it, and then ends reading as closing the store does: lookups finish,
 * iterators are closed under their users. A flush or compaction that runs is cancelled, or its result deleted.
 */
final class Family implements DbIterator.Owner, AutoCloseable {
    private static final long POLL_NANOS = 100_000;

    /** A memtable and which logs hold its operations. */
    private static final class Sealable {
        final Memtable memtable;

        /** No lower log holds operations of it. */
        long firstLog;

        /** The store's newest operation when it was sealed. */
        long lastSequence;

        /** Why it was sealed. */
        String reason = "";

        /** Whether operations are in it that no log has. */
        boolean hasUnlogged;

        Sealable(Memtable memtable, long firstLog) {
            this.memtable = memtable;
            this.firstLog = firstLog;
        }
    }

    /** What logs of a family or a store without any operations in memory are needed. */
    static final long NO_LOG = Long.MAX_VALUE;

    final Store store;
    final int number;
    final String name;
    final Options options;
    final VersionSet versions;
    final KeyOrder order;
    final ColumnFamily handle = new ColumnFamily(this);
    final Backpressure backpressure;
    private final TableWriter writer;
    private final Compactor compactor;
    private final AtomicInteger liveStates = new AtomicInteger();
    private final Set<DbIterator> iterators = new HashSet<>(); // under its own monitor
    private final LongAdder flushes = new LongAdder();
    private final LongAdder flushedBytes = new LongAdder();

    /** What readers read; null before it is open and once it is closed. Changed under the append lock. */
    private volatile @Nullable ReadState current;

    /** Whether it is being dropped: no more is written to it. Changed under the append lock. */
    private volatile boolean dropped;

    // Under the append lock:
    private Sealable active;
    private final Deque<Sealable> immutables = new ArrayDeque<>(); // oldest first

    /** Fills the active memtable while logs are replayed. */
    private @Nullable MemtableLoader loader;

    /** Up to so many bytes in the active memtable a write need not look any further. */
    private long roomUntil;

    /** Whether memtables are written as tables because the store is being closed. */
    private boolean closing;

    /** Whether no other memtable may be begun before a flush ends. */
    private boolean crowded;

    /** What compactions owe, see {@link Throttle#owed}. */
    private double owed;

    /** Writers that wait for room. */
    private int waiting;

    /** Of the store's last sequence number, tables in a state that says so; not open yet. */
    Family(Store store, VersionSet versions, Options options) {
        this.store = store;
        this.versions = versions;
        order = versions.order();
        this.options = options;
        number = versions.number();
        name = versions.name();
        backpressure = new Backpressure(store.events);
        writer = new TableWriter(
                store.runtime,
                store.directory,
                versions,
                options,
                store::openSnapshots,
                this::isCancelled,
                store.account);
        compactor = new Compactor(
                store.runtime,
                versions,
                options,
                writer,
                this::install,
                store.damages::seen,
                store.events,
                store.limiter);
        active = new Sealable(newMemtable(), NO_LOG);
        roomUntil = checkStep();
    }

    private boolean isCancelled() {
        return dropped || (store.isStopping() && !closing);
    }

    /** What to say where only one family would not need a name. */
    private String named(String reason) {
        return number == 0 ? reason : reason + ", in column family '" + name + "'";
    }

    // ---- Recovery: before anybody else knows the family.

    /** Takes the operation that a cursor over a log's bytes stands on. Sequence numbers ascend. */
    void replay(long sequence, Operations operation, MemorySegment bytes, long log) {
        MemtableLoader into = loader;
        if (into == null) {
            into = new MemtableLoader(active.memtable);
            loader = into;
        }
        active.firstLog = Math.min(active.firstLog, log);
        int kind = operation.kind();
        boolean checked = operation.isChecked();
        into.add(
                sequence,
                kind,
                bytes,
                operation.keyOffset(),
                operation.keyLength(),
                operation.valueLength(),
                checked,
                checked ? EntryChecksum.toEntry(operation.checksum(), kind, number, Keys.trailer(sequence, kind)) : 0);
    }

    /** Has replayed operations found. */
    void finishReplayed() {
        if (loader != null) {
            loader.finish();
            closeLoader();
        }
    }

    private void closeLoader() {
        if (loader != null) {
            loader.close();
            loader = null;
        }
    }

    /** Bytes in the memtable that operations go to. */
    long activeBytes() {
        return active.memtable.memoryBytes();
    }

    /**
     * Puts the memtable aside, to be read and written as tables later, and begins another one.
     *
     * @param lastSequence the newest operation that was replayed
     */
    void keepReplayed(long lastSequence) {
        finishReplayed();
        active.lastSequence = lastSequence;
        active.reason = named("logs are replayed");
        immutables.addLast(active);
        active = new Sealable(newMemtable(), NO_LOG);
    }

    /**
     * Writes memtables that were put aside as tables, oldest first.
     *
     * @param nextLog what is replayed next is from this log
     */
    void flushReplayed(long nextLog) {
        while (!immutables.isEmpty()) {
            Sealable full = immutables.removeFirst();
            flush(full, Math.min(nextLog, store.firstLogNeeded()), version -> {});
            full.memtable.release();
        }
    }

    /** Lets readers in, and writers, whose operations come to this log or a later one. */
    void open(long log, Version version) {
        active.firstLog = Math.min(active.firstLog, log);
        crowded = !canSeal();
        current = new ReadState(active.memtable, newestFirst(), version, options.mergeOperator(), liveStates);
    }

    // ---- Writing: under the append lock.

    /** The memtable that takes writes. */
    Memtable memtable() {
        return active.memtable;
    }

    /** Adds an operation with its checksum to the active memtable. */
    void insert(
            long sequence,
            int kind,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength,
            int checksum) {
        int operands = active.memtable.put(
                sequence,
                kind,
                key,
                keyOffset,
                keyLength,
                value,
                valueOffset,
                valueLength,
                EntryChecksum.toEntry(checksum, kind, number, Keys.trailer(sequence, kind)));
        state().boundOperands(operands, sequence, key, keyOffset, keyLength);
    }

    /** Adds an operation, which no log has, to the active memtable. */
    void insertUnlogged(
            long sequence, int kind, MemorySegment key, int keyLength, MemorySegment value, int valueLength) {
        noteUnlogged();
        int operands = active.memtable.put(sequence, kind, key, 0, keyLength, value, 0, valueLength);
        state().boundOperands(operands, sequence, key, 0, keyLength);
    }

    /** Hears that an operation comes to the active memtable that no log has. */
    void noteUnlogged() {
        active.hasUnlogged = true;
    }

    /** Refuses operands where nothing merges them. */
    void checkMerges() {
        if (options.mergeOperator() == null) {
            throw new IllegalStateException("column family '" + name + "' of store " + store.path
                    + " was opened without a merge operator: see Options.withMergeOperator");
        }
    }

    /** Refuses keys that the comparator does, before anything is written. */
    void checkKey(
            int kind,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength) {
        if (order != KeyOrder.BYTES) {
            order.check(key, keyOffset, keyLength);
            if (kind == Keys.DELETE_RANGE) {
                order.check(value, valueOffset, valueLength);
            }
        }
    }

    /** Refuses a key that bounds a range as if it were to be written. */
    private void checkBound(byte @Nullable [] key) {
        if (key != null) {
            checkKey(Keys.PUT, MemorySegment.ofArray(key), 0, Limits.checkKey(key.length), MemorySegment.NULL, 0, 0);
        }
    }

    /** Throws when it was dropped. */
    void check() {
        if (dropped) {
            throw new ColumnFamilyDroppedException(name);
        }
    }

    /** Waits until the active memtable may take more. */
    void makeRoom(long bytes) {
        store.health.check();
        check();
        int levelZero = state().version.levelZeroTables();
        double logFull = store.logFull();
        if (!crowded
                && active.memtable.memoryBytes() < roomUntil
                && logFull <= Throttle.CROWDED
                && !Throttle.isSlow(levelZero, owed)) {
            backpressure.end();
            return;
        }
        double memtableFull = crowded ? (double) active.memtable.memoryBytes() / fullBytes() : 0;
        double full = Math.max(memtableFull, logFull);
        long delay = backpressure.delayNanos(levelZero, owed, full, bytes);
        if (delay > 0) {
            backpressure.begin(named(
                    levelZero >= Throttle.SLOW_TABLES
                            ? "level 0 has " + levelZero + " tables"
                            : owed > 0
                                    ? "compactions are far behind"
                                    : logFull > memtableFull
                                            ? "the log waits for the device"
                                            : immutables.size() + " full memtables wait to be written"));
            backpressure.held(delay);
            store.appendLock.unlock();
            try {
                LockSupport.parkNanos(this, delay);
            } finally {
                store.appendLock.lock();
            }
        }
        while (true) {
            store.health.check();
            check();
            int tables = state().version.levelZeroTables();
            long used = active.memtable.memoryBytes();
            String why;
            if (tables >= Throttle.STOP_TABLES) {
                if (compactor.isStuck(state().version)) {
                    store.damages.check(name);
                }
                StoreIoException noRoom = compactor.noRoom();
                if (noRoom != null) {
                    throw new StoreIoException(String.valueOf(noRoom.getMessage()), noRoom);
                }
                why = "level 0 has " + tables + " tables: writes stop";
            } else if (used >= fullBytes()) {
                if (canSeal()) {
                    store.seal(List.of(this), "the memtable is full");
                    return;
                }
                why = immutables.size() + " full memtables wait to be written: writes stop";
            } else if (used < roomUntil) {
                return;
            } else if (store.hasBufferRoom()) {
                roomUntil = Math.min(fullBytes(), active.memtable.memoryBytes() + checkStep());
                return;
            } else {
                why = "all memtables together take too much memory: writes stop";
            }
            store.checkOpen(); // closing wakes once
            backpressure.begin(named(why));
            long began = System.nanoTime();
            waiting++;
            store.changed.awaitUninterruptibly();
            waiting--;
            backpressure.held(System.nanoTime() - began);
        }
    }

    /** After so many bytes more a write looks at the memtables of all families. */
    private long checkStep() {
        return fullBytes() / 16;
    }

    /**
     * With so many bytes the active memtable is full. What all memtables may take is not reached by as many as there may be of this family: so
     * writers are slowed down before it, and not stopped by it.
     */
    private long fullBytes() {
        return Math.min(options.memtableBytes(), memtableShare() / 8 * 7);
    }

    /** What each memtable may take if there are as many as there may be. */
    private long memtableShare() {
        return store.bufferBytes() / options.memtables();
    }

    /** Whether the active memtable may be sealed. */
    boolean canSeal() {
        return !dropped && immutables.size() + 1 < options.memtables();
    }

    /** A successor for the memtable. */
    Memtable newMemtable() {
        return new Memtable(
                Math.min(options.memtableBytes(), memtableShare()),
                store.account,
                order,
                store.keyChecksums ? store.path : null,
                "a memtable of column family '" + name + "'");
    }

    /** Goes on in another memtable, whose operations come to this log or a later one. */
    void seal(Memtable next, long log, long lastSequence, String reason) {
        active.lastSequence = lastSequence;
        active.reason = named(reason);
        immutables.addLast(active);
        active = new Sealable(next, log);
        roomUntil = checkStep();
        crowded = !canSeal();
        replaceState(state().version);
    }

    /** Hears that operations come to this log from now on. */
    void logSwitched(long log) {
        if (active.memtable.entries() == 0) {
            active.firstLog = log;
        }
    }

    /** The lowest log that holds operations of it that are in memory only, but for those of its oldest sealed memtable if that is left out. */
    long firstLogNeeded(boolean withoutOldest) {
        Iterator<Sealable> sealed = immutables.iterator();
        if (withoutOldest && sealed.hasNext()) {
            sealed.next();
        }
        return sealed.hasNext() ? sealed.next().firstLog : active.memtable.entries() > 0 ? active.firstLog : NO_LOG;
    }

    /** Bytes in all its memtables. */
    long memoryBytes() {
        return activeBytes() + immutableBytes();
    }

    /** Bytes that all its memtables have taken, filled or not. */
    long allocatedBytes() {
        return active.memtable.allocatedBytes()
                + immutables.stream()
                        .mapToLong(each -> each.memtable.allocatedBytes())
                        .sum();
    }

    private long immutableBytes() {
        return immutables.stream()
                .mapToLong(each -> each.memtable.memoryBytes())
                .sum();
    }

    /** The store's newest operation when the oldest sealed memtable was sealed; {@link Long#MAX_VALUE} when none waits to be flushed. */
    long oldestSealed() {
        return immutables.isEmpty() ? Long.MAX_VALUE : immutables.getFirst().lastSequence;
    }

    /** Lets readers have the memtables as they are and a version. */
    private void replaceState(Version version) {
        ReadState before = state();
        if (version != before.version) {
            owed = Throttle.owed(Compactor.debt(version, options), options);
        }
        current = new ReadState(active.memtable, newestFirst(), version, options.mergeOperator(), liveStates);
        before.retire();
        store.signalChange();
    }

    private List<Memtable> newestFirst() {
        List<Memtable> memtables = new ArrayList<>();
        for (Iterator<Sealable> each = immutables.descendingIterator(); each.hasNext(); ) {
            memtables.add(each.next().memtable);
        }
        return memtables;
    }

    private void install(Version version) {
        store.appendLock.lock();
        try {
            replaceState(version);
        } finally {
            store.appendLock.unlock();
        }
    }

    // ---- Reading.

    private ReadState state() {
        ReadState state = current;
        if (state == null) {
            check();
            throw new StoreClosedException("store " + store.path);
        }
        return state;
    }

    private ReadState pin(int stripe) {
        if (order != KeyOrder.BYTES) {
            order.checkKnown();
        }
        while (true) {
            ReadState state = state();
            state.pin(stripe);
            if (state == current) {
                return state;
            }
            state.unpin(stripe);
        }
    }

    /** Looks a key (off-heap) up, as it is now or in a snapshot; whether it was found. */
    boolean get(MemorySegment key, int length, @Nullable Snapshot snapshot, ValueSink sink) {
        int stripe = ReadState.stripe();
        ReadState state = pin(stripe);
        try {
            return state.get(key, length, store.sequence(snapshot), sink) == Lookup.FOUND;
        } catch (ChainIoException | CorruptionException e) {
            throw readFailed(e);
        } finally {
            state.unpin(stripe);
        }
    }

    /** Looks keys up, as they are now or in a snapshot; null for each that is absent. */
    List<byte @Nullable []> get(List<byte[]> keys, @Nullable Snapshot snapshot) {
        int stripe = ReadState.stripe();
        ReadState state = pin(stripe);
        try (MultiLookup lookup = new MultiLookup(order, keys, store.sequence(snapshot))) {
            state.get(lookup);
            return lookup.values();
        } catch (ChainIoException | CorruptionException e) {
            throw readFailed(e);
        } finally {
            state.unpin(stripe);
        }
    }

    DbIterator iterator(IteratorOptions bounds) {
        int stripe = ReadState.stripe();
        ReadState state = pin(stripe);
        try {
            long sequence = store.sequence(bounds.snapshot());
            byte[] lower = bounds.lower(order);
            byte[] upper = bounds.upper(order);
            InternalIterator entries =
                    MergingIterator.of(order, state.iterators(lower, upper, sequence, bounds.readaheadBytes()));
            state.retain();
            DbIterator iterator = new DbIterator(state, entries, order, sequence, lower, upper, state.operator, this);
            synchronized (iterators) {
                iterators.add(iterator);
            }
            if (current == null) {
                iterator.close(); // Who closes the family may have missed it.
                throw closedIterator();
            }
            return iterator;
        } finally {
            state.unpin(stripe);
        }
    }

    @Override
    public void iteratorClosed(DbIterator iterator) {
        synchronized (iterators) {
            iterators.remove(iterator);
        }
        iterator.state().release();
    }

    @Override
    public RuntimeException readFailed(RuntimeException e) {
        return e instanceof CorruptionException damage
                ? store.damages.seen(damage)
                : DbIterator.Owner.super.readFailed(e);
    }

    @Override
    public StoreException closedIterator() {
        return dropped ? new ColumnFamilyDroppedException(name) : DbIterator.Owner.super.closedIterator();
    }

    // ---- Flushing and compacting.

    /** Writes what is in memtables to tables, and waits for it. */
    void flush(String reason) {
        store.appendLock.lock();
        try {
            store.health.check();
            check();
            long target = store.lastSequence();
            if (active.memtable.entries() > 0) {
                store.awaitWork(this::canSealOrDropped);
                check();
                if (active.memtable.entries() > 0) {
                    store.seal(List.of(this), reason);
                }
            }
            store.awaitWork(() -> dropped || oldestSealed() > target);
            check();
        } finally {
            store.appendLock.unlock();
        }
    }

    private boolean canSealOrDropped() {
        return dropped || canSeal();
    }

    /** Has tables with keys of a range merged into the last level. */
    CompletableFuture<@Nullable Void> compact(byte @Nullable [] begin, byte @Nullable [] end) {
        checkBound(begin);
        checkBound(end);
        flush("compact asked for");
        CompletableFuture<@Nullable Void> done = compactor.request(begin, end);
        store.appendLock.lock();
        try {
            store.signalChange();
        } finally {
            store.appendLock.unlock();
        }
        return done;
    }

    /**
     * Merges everything into one level, and waits for it.
     *
     * @throws CorruptionException when a table is damaged: it stays, with all that shares keys with it
     */
    void compact() {
        try {
            compact(null, null).join(); // an interrupt does not end it, and stays
        } catch (CompletionException e) {
            throw e.getCause() instanceof StoreException failure ? failure : e;
        }
    }

    /** Writes the oldest sealed memtable as tables; in the flush thread. */
    void flushOldest() {
        Sealable oldest;
        long nextLog;
        store.appendLock.lock();
        try {
            if (immutables.isEmpty()) {
                return; // dropped just now
            }
            oldest = immutables.getFirst();
            oldest.memtable.retain();
            nextLog = store.firstLogNeededWithoutOldest(this);
        } finally {
            store.appendLock.unlock();
        }
        long began = System.nanoTime();
        try {
            flush(oldest, nextLog, version -> {
                store.appendLock.lock();
                try {
                    immutables.removeFirst();
                    crowded = !canSeal();
                    backpressure.flushed(oldest.memtable.memoryBytes(), System.nanoTime() - began);
                    if (!crowded && waiting == 0 && !Throttle.isSlow(version.levelZeroTables(), owed)) {
                        backpressure.end();
                    }
                    replaceState(version);
                } finally {
                    store.appendLock.unlock();
                }
                oldest.memtable.release();
            });
        } finally {
            oldest.memtable.release();
        }
    }

    /** Writes all memtables as tables if there are operations in them that no log has: when the store is closed and nobody else writes or flushes. */
    void flushUnlogged() {
        if (!active.hasUnlogged && immutables.stream().noneMatch(each -> each.hasUnlogged)) {
            return;
        }
        closing = true;
        store.appendLock.lock();
        try {
            if (active.memtable.entries() > 0) {
                seal(newMemtable(), NO_LOG, store.lastSequence(), "the store is closed");
            }
        } finally {
            store.appendLock.unlock();
        }
        while (!immutables.isEmpty()) {
            flushOldest();
        }
    }

    private void flush(Sealable full, long nextLog, java.util.function.Consumer<Version> install) {
        Events.Span span = store.events.begin(flushed(full, List.of(), 0));
        List<TableFile> tables;
        try (InternalIterator entries = full.memtable.flushIterator()) {
            tables = writer.write(
                    entries,
                    full.memtable.allRangeDeletions(),
                    (key, length) -> true,
                    TableEnds.never(),
                    full.memtable.memoryBytes(),
                    false,
                    TableWriter.Copier.NONE,
                    store.limiter::flushed);
        }
        try {
            store.finishLogSwitch(); // the manifest may say now that what is before it is not needed
            versions.apply(VersionSet.Edit.flushed(tables, full.lastSequence, nextLog), install);
            span.end(flushed(full, tables, span.nanos()));
            flushes.increment();
            tables.forEach(table -> flushedBytes.add(table.meta().bytes()));
        } finally {
            tables.forEach(TableFile::release);
            versions.deleteObsolete(); // if it was dropped meanwhile
        }
    }

    private static StoreEvent flushed(Sealable full, List<TableFile> tables, long nanos) {
        long bytes = tables.stream().mapToLong(table -> table.meta().bytes()).sum();
        return new StoreEvent.Flush(
                full.reason, full.memtable.entries(), full.memtable.memoryBytes(), tables.size(), bytes, nanos);
    }

    /** Does a compaction if one is asked for or due, in the compaction thread; whether it did. */
    boolean compactOnce() {
        if (dropped) {
            return false;
        }
        StoreIoException before = compactor.noRoom();
        boolean worked = compactor.work();
        if (compactor.noRoom() != before) {
            store.appendLock.lock();
            try {
                store.signalChange(); // writers that wait for it are told
            } finally {
                store.appendLock.unlock();
            }
        }
        return worked;
    }

    /** See {@link Compactor#restNanos}. */
    long restNanos() {
        return dropped ? Long.MAX_VALUE : compactor.restNanos();
    }

    /** Says that there will be no compactions any more. */
    void endCompactions(RuntimeException why) {
        compactor.end(why);
    }

    // ---- Looking.

    Compactor.Counters compactions() {
        return compactor.counters();
    }

    long flushes() {
        return flushes.sum();
    }

    long flushedBytes() {
        return flushedBytes.sum();
    }

    int iterators() {
        synchronized (iterators) {
            return iterators.size();
        }
    }

    /** Figures, under the append lock. */
    Stats.Family stats() {
        Version version = state().version;
        List<Stats.Level> levels = new ArrayList<>();
        long[] limits = Compactor.limits(version, options);
        for (int level = 0; level < version.levels(); level++) {
            long entries = version.level(level).stream()
                    .mapToLong(table -> table.meta().entries())
                    .sum();
            long limit = level == 0 ? options.levelZeroTrigger() : limits[level];
            levels.add(new Stats.Level(level, version.level(level).size(), version.bytes(level), entries, limit));
        }
        return new Stats.Family(name, levels, activeBytes(), immutables.size(), immutableBytes());
    }

    // ---- Closing.

    boolean isDropped() {
        return dropped;
    }

    /** Says that it is being dropped: writers and who waits find out. Under the append lock. */
    void drop() {
        dropped = true;
        compactor.end(new ColumnFamilyDroppedException(name));
        store.signalChange();
    }

    /** Ends reading, when nobody writes any more: lookups finish, iterators are closed, memtables go. */
    @Override
    public void close() {
        ReadState last;
        store.appendLock.lock();
        try {
            last = current;
            current = null;
            active.memtable.release();
            closeLoader(); // it was not opened
            immutables.forEach(each -> each.memtable.release());
            immutables.clear();
        } finally {
            store.appendLock.unlock();
        }
        if (last != null) {
            last.retire();
        }
        closeIterators();
        boolean interrupted = false;
        while (liveStates.get() != 0) {
            closeIterators();
            interrupted |= Thread.interrupted(); // parking would return at once
            LockSupport.parkNanos(this, POLL_NANOS);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void closeIterators() {
        List<DbIterator> open;
        synchronized (iterators) {
            open = List.copyOf(iterators);
        }
        open.forEach(DbIterator::close);
    }
}
