package dev.catena.engine;

import dev.catena.engine.compaction.Compactor;
import dev.catena.engine.compaction.TableWriter;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.MergingIterator;
import dev.catena.engine.entry.MultiLookup;
import dev.catena.engine.entry.ValueSink;
import dev.catena.engine.event.Events;
import dev.catena.engine.event.TextLog;
import dev.catena.engine.log.Log;
import dev.catena.engine.log.Operations;
import dev.catena.engine.memtable.Memtable;
import dev.catena.engine.table.BlockCache;
import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.StoreDirectory.Numbered;
import dev.catena.engine.version.StoreHealth;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import dev.catena.engine.version.VersionSet;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.ChunkMismatchException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The machine behind {@link Db}.
 *
 * <p><b>A write</b> takes the append lock, gets its sequence number, is encoded into the log's ring and inserted into the active
 * memtable, and is visible when {@link #lastSequence} moves. A synced write then waits, without the lock, until the log is durable up
 * to its record. So log, memtable and sequence numbers have one order.
 *
 * <p><b>A full memtable</b> becomes immutable and gets a successor together with a new log file (all under the append lock). The flush
 * thread writes it as a table; then its log is not needed any more. Writers wait when there are too many memtables, or too many
 * tables in level 0 ({@link Throttle}).
 *
 * <p><b>A read</b> pins the {@link ReadState} and then takes {@link #lastSequence} as its snapshot; in this order, so that whatever the
 * state is lacking is newer than all it has.
 *
 * <p><b>Locks</b>, outer first: the version set's monitor (held while a manifest is written), the append lock, the log's. Threads:
 * callers, {@code catena-log}, {@code catena-flush}, {@code catena-compact}.
 *
 * <p><b>For reading only</b> there is no log, no background thread, and from the start a health that allows no writes; what the logs
 * hold is in as many memtables as it needs.
 */
final class Store {
    private static final long POLL_NANOS = 100_000;

    /** A store that was not flushed for so long is at rest: what nobody needs is given back then. */
    private static final long REST_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** Threads that read for futures: most wait for the device. */
    private static final int READERS = 16;

    private final Path path;
    private final Options options;
    private final DirectoryLock directoryLock;
    private final ChainRuntime runtime;
    private final Events events;
    private final StoreHealth health;
    private final BlockCache cache;
    private final VersionSet versions;
    private final TableWriter writer;
    private final Compactor compactor;
    private final @Nullable Log log; // null when opened for reading

    /** The logs that were read and not cut, when opened for reading. */
    private final List<Log.End> uncutLogs;

    private final Gate gate;

    /** Held to append, and to change what writers and readers work on. */
    private final ReentrantLock appendLock = new ReentrantLock();

    /** Signalled when memtables, versions, requests or health change. */
    private final Condition changed = appendLock.newCondition();

    private final Thread flushThread = new Thread(this::runFlushes, "catena-flush");
    private final Thread compactionThread = new Thread(this::runCompactions, "catena-compact");

    /** The newest visible operation. Moved under the append lock. */
    private volatile long lastSequence;

    /** What readers read; null once closed. Changed under the append lock. */
    private volatile @Nullable ReadState current;

    /** Reads for those who do not wait. Its threads start when needed and end when idle. */
    private final ThreadPoolExecutor readers = new ThreadPoolExecutor(
            READERS, READERS, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Store::newReader);

    private final AtomicInteger liveStates = new AtomicInteger();

    // Under the append lock:
    private Sealable active;
    private final Deque<Sealable> immutables = new ArrayDeque<>(); // oldest first
    private final Throttle throttle = new Throttle();
    private @Nullable SlowDown slowDown;
    private long stalls;
    private long stallNanos;
    private long compactionsRequested;
    private long compactionsDone;

    private final Set<DbIterator> iterators = new HashSet<>(); // under its own monitor
    private final Set<Snapshot> snapshots = new LinkedHashSet<>(); // under its own monitor, oldest first
    private final LongAdder flushes = new LongAdder();
    private final LongAdder flushedBytes = new LongAdder();
    private volatile boolean stopping;
    private boolean closed; // under this object's monitor

    /** A memtable and what is needed to drop its logs once it is in tables. */
    private static final class Sealable {
        final Memtable memtable;

        /** The lowest log that holds its operations. */
        final long firstLog;

        /** Its newest operation, once sealed. */
        long lastSequence;

        /** Why it was sealed. */
        String reason = "";

        Sealable(Memtable memtable, long firstLog) {
            this.memtable = memtable;
            this.firstLog = firstLog;
        }
    }

    private static Thread newReader(Runnable task) {
        return Thread.ofPlatform().daemon().name("catena-read").unstarted(task);
    }

    /** Opens or makes a store. */
    static Store open(Path path, Options options) {
        options.check();
        try {
            if (options.createIfMissing()) {
                Files.createDirectories(path);
            } else if (!Files.isDirectory(path)) {
                throw new StoreIoException("there is no store in " + path + ": no such directory", null);
            }
        } catch (IOException e) {
            throw new StoreIoException("cannot create " + path + ": " + e, e);
        }
        try (Undo undo = new Undo()) {
            DirectoryLock lock = undo.add(DirectoryLock.acquire(path));
            ChainRuntime runtime = undo.add(ChainRuntime.acquire(options.backend()));
            Store store = new Store(path, options, lock, runtime, undo, false);
            lock.tell(runtime.address());
            undo.clear();
            store.start();
            return store;
        } catch (ChainIoException e) {
            throw new StoreIoException("cannot open store " + path + ": " + e.getMessage(), e);
        }
    }

    /** Opens a store for reading: nothing is written, and no thread started. */
    static Store openReadOnly(Path path, Options options) {
        options.check();
        if (!Files.isDirectory(path)) {
            throw new StoreIoException("there is no store in " + path + ": no such directory", null);
        }
        try (Undo undo = new Undo()) {
            DirectoryLock lock = undo.add(DirectoryLock.acquireShared(path));
            ChainRuntime runtime = undo.add(ChainRuntime.acquire(options.backend()));
            Store store = new Store(path, options.withCreateIfMissing(false), lock, runtime, undo, true);
            undo.clear();
            return store;
        } catch (ChainIoException e) {
            throw new StoreIoException("cannot open store " + path + ": " + e.getMessage(), e);
        }
    }

    private Store(
            Path path, Options options, DirectoryLock directoryLock, ChainRuntime runtime, Undo undo, boolean reading) {
        this.path = path;
        this.options = options;
        this.directoryLock = directoryLock;
        this.runtime = runtime;
        gate = new Gate("store " + path);
        Path text = path.resolve(StoreDirectory.LOG);
        events = undo.add(new Events(
                options.listener(),
                reading ? new TextLog(null, null) : new TextLog(text, path.resolve(StoreDirectory.OLD_LOG))));
        health = new StoreHealth(path, reading, events::failed);
        StoreDirectory directory = new StoreDirectory(path);
        List<Numbered> files = directory.numbered();
        if (!Files.exists(directory.manifest())) {
            if (!files.isEmpty()) {
                throw new CorruptionException(
                        directory.manifest(), 0, "the manifest of " + files.size() + " tables and logs", "no file");
            }
            if (!options.createIfMissing()) {
                throw new StoreIoException("there is no store in " + path + ": no manifest", null);
            }
            Manifest.empty().write(directory);
        }
        OptionsFile.check(directory, options);
        Manifest manifest = Manifest.read(directory.manifest());
        cache = undo.add(new BlockCache(options.cacheBytes()));
        long nextNumber = Math.max(manifest.nextNumber(), Recovery.highestNumber(files) + 1);
        versions = undo.add(new VersionSet(runtime, directory, health, cache, manifest, nextNumber));
        writer = new TableWriter(runtime, directory, versions, options, this::openSnapshots, () -> stopping);
        compactor = new Compactor(runtime, versions, options, writer, this::install, events);

        Recovery recovery = undo.add(new Recovery(runtime, directory, versions, writer, options, events, reading));
        if (!reading) {
            recovery.deleteStrays(files, manifest);
        }
        recovery.replay(files, manifest);
        lastSequence = recovery.lastSequence();
        uncutLogs = recovery.uncutLogs();
        log = reading ? null : startLog(directory, recovery, undo);
        long firstLog = recovery.firstLogOfMemtable();
        for (Memtable full : recovery.fullMemtables()) {
            immutables.add(new Sealable(full, firstLog));
        }
        active = new Sealable(recovery.takeMemtable(), firstLog < 0 && log != null ? log.number() : firstLog);
        Version version = versions.retainCurrent();
        current = new ReadState(active.memtable, newestFirst(), version, options.mergeOperator(), liveStates);
        version.release();
        readers.allowCoreThreadTimeOut(true);
        flushThread.setDaemon(true);
        compactionThread.setDaemon(true);
    }

    /** Begins a log, in a manifest that says so and names what was found. */
    private Log startLog(StoreDirectory directory, Recovery recovery, Undo undo) {
        Log begun = new Log(
                runtime,
                directory,
                health,
                appendLock,
                versions::nextNumber,
                Math.max(16L << 20, 2 * options.memtableBytes()),
                lastSequence + 1);
        undo.add(begun::close);
        versions.setGrowingLogs(begun::fileNumbers);
        versions.write();
        recovery.deleteEmptyLogs();
        OptionsFile.write(directory, options);
        return begun;
    }

    private void start() {
        events.note("opened with operations up to " + lastSequence + ", backend " + runtime.backend() + ", " + options);
        log().start();
        flushThread.start();
        compactionThread.start();
    }

    // ---- Writing.

    private Log log() {
        if (log == null) {
            throw new StoreReadOnlyException(path);
        }
        return log;
    }

    void write(
            int kind, MemorySegment key, int keyLength, MemorySegment value, int valueLength, Durability durability) {
        int entered = gate.enter();
        try {
            long end;
            appendLock.lock();
            try {
                makeRoom((long) keyLength + valueLength);
                long sequence = lastSequence + 1;
                Log log = log();
                end = log.append(sequence, kind, key, 0, keyLength, value, 0, valueLength);
                try {
                    int operands = active.memtable.put(sequence, kind, key, 0, keyLength, value, 0, valueLength);
                    state().boundOperands(operands, sequence, key, 0, keyLength);
                } catch (RuntimeException | Error e) {
                    log.abandon(e);
                    throw e;
                }
                log.publish();
                lastSequence = sequence;
            } finally {
                appendLock.unlock();
            }
            if (durability == Durability.SYNCED) {
                log().commit(end);
            }
        } finally {
            gate.exit(entered);
        }
    }

    /** Refuses operands where nothing merges them. */
    void checkMerges() {
        if (options.mergeOperator() == null) {
            throw new IllegalStateException(
                    "store " + path + " was opened without a merge operator: see Options.withMergeOperator");
        }
    }

    void write(Batch batch, Durability durability) {
        int entered = gate.enter();
        try {
            long end = append(batch);
            if (durability == Durability.SYNCED) {
                log().commit(end);
            }
        } finally {
            gate.exit(entered);
        }
    }

    /** Writes a batch, and leaves the waiting to the log's committer. */
    CompletableFuture<@Nullable Void> writeAsync(Batch batch, Durability durability) {
        try {
            int entered = gate.enter();
            try {
                long end = append(batch);
                return log().commitLater(durability == Durability.SYNCED ? end : 0);
            } finally {
                gate.exit(entered);
            }
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Appends a batch and makes it visible. Returns the position in the log by which it is durable. */
    private long append(Batch batch) {
        if (batch.hasMerges()) {
            checkMerges();
        }
        if (batch.count() == 0) {
            health.check();
            return log().published();
        }
        appendLock.lock();
        try {
            makeRoom(batch.bytes());
            MemorySegment encoded = batch.encoded();
            long sequence = lastSequence + 1;
            Log log = log();
            long end = log.appendBatch(sequence, batch.count(), encoded, batch.bytes());
            insert(sequence, encoded, batch.bytes());
            log.publish();
            lastSequence = sequence + batch.count() - 1;
            return end;
        } finally {
            appendLock.unlock();
        }
    }

    private void insert(long firstSequence, MemorySegment encoded, long bytes) {
        long sequence = firstSequence;
        try {
            Operations operations = new Operations(encoded, 0, bytes);
            while (operations.next()) {
                int operands = active.memtable.put(
                        sequence,
                        operations.kind(),
                        encoded,
                        operations.keyOffset(),
                        operations.keyLength(),
                        encoded,
                        operations.valueOffset(),
                        operations.valueLength());
                state().boundOperands(operands, sequence, encoded, operations.keyOffset(), operations.keyLength());
                sequence++;
            }
        } catch (RuntimeException | Error e) {
            // Entries that are in already cannot be taken out, and their sequence numbers not be given out again.
            throw health.fail(e);
        }
    }

    /** Waits until the active memtable may take more, under the append lock. */
    private void makeRoom(long bytes) {
        health.check();
        ReadState state = state();
        int levelZero = state.version.levelZeroTables();
        boolean full = active.memtable.memoryBytes() >= options.memtableBytes();
        if (!full && levelZero < Throttle.SLOW_TABLES) {
            endSlowDown();
            return;
        }
        long delay = throttle.delayNanos(levelZero, bytes);
        if (delay > 0) {
            beginSlowDown("level 0 has " + levelZero + " tables");
            held(delay);
            appendLock.unlock();
            try {
                LockSupport.parkNanos(this, delay);
            } finally {
                appendLock.lock();
            }
        }
        while (true) {
            health.check();
            boolean stop = state().version.levelZeroTables() >= Throttle.STOP_TABLES;
            if (!stop && active.memtable.memoryBytes() < options.memtableBytes()) {
                return;
            }
            if (!stop && immutables.size() + 1 < options.memtables()) {
                switchMemtable("the memtable is full");
                return;
            }
            beginSlowDown(
                    stop
                            ? "level 0 has " + state().version.levelZeroTables() + " tables: writes stop"
                            : immutables.size() + " full memtables wait to be written: writes stop");
            long began = System.nanoTime();
            changed.awaitUninterruptibly();
            held(System.nanoTime() - began);
            if (gate.isClosed()) {
                throw new StoreClosedException("store " + path);
            }
        }
    }

    /** Writers being held back. Under the append lock. */
    private static final class SlowDown {
        final String reason;
        final Events.Span span;
        long writes;
        long nanos;

        SlowDown(String reason, Events events) {
            this.reason = reason;
            span = events.begin(new StoreEvent.SlowDown(reason, 0, 0, 0));
        }
    }

    private void beginSlowDown(String reason) {
        if (slowDown == null) {
            slowDown = new SlowDown(reason, events);
        }
    }

    private void held(long nanos) {
        stalls++;
        stallNanos += nanos;
        if (slowDown != null) {
            slowDown.writes++;
            slowDown.nanos += nanos;
        }
    }

    private void endSlowDown() {
        SlowDown ended = slowDown;
        if (ended != null) {
            slowDown = null;
            ended.span.end(new StoreEvent.SlowDown(ended.reason, ended.writes, ended.nanos, ended.span.nanos()));
        }
    }

    /** Begins a new memtable and log file, under the append lock. */
    private void switchMemtable(String reason) {
        Memtable next = new Memtable(options.memtableBytes());
        boolean done = false;
        try {
            long number = log().switchFile();
            done = true;
            active.lastSequence = lastSequence;
            active.reason = reason;
            immutables.addLast(active);
            active = new Sealable(next, number);
            replaceState(state().version);
        } catch (ChainIoException | StoreIoException e) {
            throw health.fail(e);
        } finally {
            if (!done) {
                next.release();
            }
        }
    }

    /** Lets readers have the memtables as they are and a version, under the append lock. */
    private void replaceState(Version version) {
        ReadState before = state();
        current = new ReadState(active.memtable, newestFirst(), version, options.mergeOperator(), liveStates);
        before.retire();
        changed.signalAll();
    }

    private List<Memtable> newestFirst() {
        List<Memtable> memtables = new ArrayList<>();
        for (Iterator<Sealable> each = immutables.descendingIterator(); each.hasNext(); ) {
            memtables.add(each.next().memtable);
        }
        return memtables;
    }

    private void install(Version version) {
        appendLock.lock();
        try {
            replaceState(version);
        } finally {
            appendLock.unlock();
        }
    }

    // ---- Reading.

    private ReadState state() {
        ReadState state = current;
        if (state == null) {
            throw new StoreClosedException("store " + path);
        }
        return state;
    }

    private ReadState pin(int stripe) {
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
            return state.get(key, length, sequence(snapshot), sink) == Lookup.FOUND;
        } catch (ChainIoException e) {
            throw readFailed(e);
        } finally {
            state.unpin(stripe);
        }
    }

    /** Looks keys up, as they are now or in a snapshot; null for each that is absent. */
    List<byte @Nullable []> get(List<byte[]> keys, @Nullable Snapshot snapshot) {
        int stripe = ReadState.stripe();
        ReadState state = pin(stripe);
        try (MultiLookup lookup = new MultiLookup(keys, sequence(snapshot))) {
            state.get(lookup);
            return lookup.values();
        } catch (ChainIoException e) {
            throw readFailed(e);
        } finally {
            state.unpin(stripe);
        }
    }

    /** The newest operation to see; the caller has pinned a state. */
    private long sequence(@Nullable Snapshot snapshot) {
        return snapshot == null ? lastSequence : snapshot.sequenceFor(this);
    }

    static StoreIoException readFailed(ChainIoException e) {
        return new StoreIoException("cannot read: " + e.getMessage(), e);
    }

    DbIterator iterator(IteratorOptions options) {
        int stripe = ReadState.stripe();
        ReadState state = pin(stripe);
        try {
            long sequence = sequence(options.snapshot());
            byte[] lower = options.lower();
            byte[] upper = options.upper();
            InternalIterator entries = MergingIterator.of(state.iterators(lower, upper));
            state.retain();
            DbIterator iterator =
                    new DbIterator(state, entries, sequence, lower, upper, state.operator, this::iteratorClosed);
            synchronized (iterators) {
                iterators.add(iterator);
            }
            if (current == null) {
                iterator.close(); // The store's close may have missed it.
                throw new StoreClosedException("store " + path);
            }
            return iterator;
        } finally {
            state.unpin(stripe);
        }
    }

    /** Has a thread for reading call something. */
    <T extends @Nullable Object> CompletableFuture<T> readAsync(Supplier<T> read) {
        CompletableFuture<T> future = new CompletableFuture<>();
        try {
            readers.execute(() -> {
                try {
                    future.complete(read.get());
                } catch (RuntimeException | Error e) {
                    future.completeExceptionally(e);
                }
            });
        } catch (RejectedExecutionException e) {
            future.completeExceptionally(new StoreClosedException("store " + path));
        }
        return future;
    }

    private void iteratorClosed(DbIterator iterator) {
        synchronized (iterators) {
            iterators.remove(iterator);
        }
        iterator.state().release();
    }

    Snapshot snapshot() {
        int entered = gate.enter();
        try {
            synchronized (snapshots) {
                Snapshot snapshot = new Snapshot(this, lastSequence);
                snapshots.add(snapshot);
                return snapshot;
            }
        } finally {
            gate.exit(entered);
        }
    }

    void snapshotClosed(Snapshot snapshot) {
        synchronized (snapshots) {
            snapshots.remove(snapshot);
        }
    }

    /** The sequence numbers of open snapshots, ascending. Those opened after this call are not below what it is called after. */
    private long[] openSnapshots() {
        synchronized (snapshots) {
            return snapshots.stream().mapToLong(Snapshot::sequence).toArray();
        }
    }

    // ---- Flushing and compacting.

    void flush(String reason) {
        int entered = gate.enter();
        try {
            appendLock.lock();
            try {
                health.check();
                long target = lastSequence;
                if (active.memtable.entries() > 0) {
                    awaitWork(() -> immutables.size() + 1 < options.memtables());
                    if (active.memtable.entries() > 0) {
                        switchMemtable(reason);
                    }
                }
                awaitWork(() -> immutables.isEmpty() || immutables.getFirst().lastSequence > target);
            } finally {
                appendLock.unlock();
            }
        } finally {
            gate.exit(entered);
        }
    }

    void compact() {
        flush("compact asked for");
        int entered = gate.enter();
        try {
            appendLock.lock();
            try {
                long mine = ++compactionsRequested;
                changed.signalAll();
                awaitWork(() -> compactionsDone >= mine);
            } finally {
                appendLock.unlock();
            }
        } finally {
            gate.exit(entered);
        }
    }

    void checkpoint(Path to) {
        flush("a checkpoint is made");
        int entered = gate.enter();
        try {
            VersionSet.Pinned pinned = versions.pin();
            try {
                Checkpoint.make(new StoreDirectory(path), to, pinned.version(), pinned.manifest());
            } finally {
                pinned.version().release();
            }
        } finally {
            gate.exit(entered);
        }
        events.note("made checkpoint " + to);
    }

    /** Deletes the files of a store that nobody has open. */
    static void destroy(Path path) {
        StoreDirectory directory = new StoreDirectory(path);
        if (!Files.isDirectory(path) || !directory.hasFiles()) {
            return;
        }
        try (DirectoryLock _ = DirectoryLock.acquire(path)) {
            directory.deleteFiles();
            directory.deleteLockAndDirectory();
        }
    }

    /** Waits, under the append lock, for something that background threads do. */
    private void awaitWork(java.util.function.BooleanSupplier done) {
        while (!done.getAsBoolean()) {
            health.check();
            if (gate.isClosed()) {
                throw new StoreClosedException("store " + path);
            }
            changed.awaitUninterruptibly();
        }
    }

    private void runFlushes() {
        try {
            while (true) {
                Sealable oldest;
                Sealable after;
                appendLock.lock();
                try {
                    while (immutables.isEmpty() && !stopping) {
                        changed.awaitUninterruptibly();
                    }
                    if (stopping) {
                        return;
                    }
                    Iterator<Sealable> each = immutables.iterator();
                    oldest = each.next();
                    after = each.hasNext() ? each.next() : active;
                } finally {
                    appendLock.unlock();
                }
                flush(oldest, after.firstLog);
            }
        } catch (RuntimeException | Error e) {
            backgroundFailed(e);
        }
    }

    /** The event of a flush that wrote so much. */
    static StoreEvent flushed(String reason, Memtable memtable, List<TableFile> tables, long nanos) {
        long bytes = tables.stream().mapToLong(table -> table.meta().bytes()).sum();
        return new StoreEvent.Flush(reason, memtable.entries(), memtable.memoryBytes(), tables.size(), bytes, nanos);
    }

    private void flush(Sealable oldest, long nextLog) {
        Events.Span span = events.begin(flushed(oldest.reason, oldest.memtable, List.of(), 0));
        List<TableFile> tables;
        try (InternalIterator entries = oldest.memtable.iterator()) {
            tables = writer.write(entries, (key, length) -> true, Long.MAX_VALUE, options.compression());
        }
        try {
            versions.apply(VersionSet.Edit.flushed(tables, oldest.lastSequence, nextLog), version -> {
                appendLock.lock();
                try {
                    immutables.removeFirst();
                    replaceState(version);
                } finally {
                    appendLock.unlock();
                }
            });
            span.end(flushed(oldest.reason, oldest.memtable, tables, span.nanos()));
            flushes.increment();
            tables.forEach(table -> flushedBytes.add(table.meta().bytes()));
        } finally {
            tables.forEach(TableFile::release);
        }
        oldest.memtable.release();
        log().obsolete(nextLog);
    }

    private void runCompactions() {
        try {
            while (!stopping) {
                long requested;
                long done;
                ReadState seen;
                appendLock.lock();
                try {
                    requested = compactionsRequested;
                    done = compactionsDone;
                    seen = current;
                } finally {
                    appendLock.unlock();
                }
                if (requested > done) {
                    compactor.runEverything();
                    appendLock.lock();
                    try {
                        compactionsDone = requested;
                        changed.signalAll();
                    } finally {
                        appendLock.unlock();
                    }
                } else if (!compactor.runOne() && !awaitCompactionWork(requested, seen, REST_NANOS)) {
                    long flushed = flushes.sum();
                    do {
                        seen = current;
                    } while (!stopping && flushes.sum() == flushed && compactor.runForSpace());
                    boolean unused = flushes.sum() != flushed || awaitCompactionWork(requested, seen, Long.MAX_VALUE);
                }
            }
        } catch (RuntimeException | Error e) {
            backgroundFailed(e);
        }
    }

    /** Waits until there is another version than the one seen before the last look, or a request; false when the time is over. */
    private boolean awaitCompactionWork(long requestsSeen, @Nullable ReadState seen, long nanos) {
        long left = nanos;
        appendLock.lock();
        try {
            while (!stopping && compactionsRequested == requestsSeen && hasVersionOf(seen)) {
                if (left <= 0) {
                    return false;
                }
                left = changed.awaitNanos(left);
            }
            return true;
        } catch (InterruptedException e) {
            return true; // nobody interrupts this thread; looking once more does no harm
        } finally {
            appendLock.unlock();
        }
    }

    private boolean hasVersionOf(@Nullable ReadState seen) {
        ReadState now = current;
        return now == null ? seen == null : seen != null && now.version == seen.version;
    }

    private void backgroundFailed(Throwable e) {
        if (!(stopping && e instanceof StoreClosedException)) {
            Throwable unused = health.fail(translate(e));
        }
        appendLock.lock();
        try {
            changed.signalAll();
        } finally {
            appendLock.unlock();
        }
    }

    /** Chunk mismatches as the corruption that they are. */
    static Throwable translate(Throwable e) {
        return e instanceof ChunkMismatchException mismatch
                ? new CorruptionException(
                        mismatch.path(),
                        mismatch.offset(),
                        "a chunk with XXH64 %016x".formatted(mismatch.expected()),
                        "%016x".formatted(mismatch.found()))
                : e;
    }

    // ---- Looking.

    Stats stats() {
        int entered = gate.enter();
        try {
            Version version = versions.retainCurrent();
            try {
                return stats(version);
            } finally {
                version.release();
            }
        } finally {
            gate.exit(entered);
        }
    }

    private Stats stats(Version version) {
        List<Stats.Level> levels = new ArrayList<>();
        long[] limits = Compactor.limits(version, options);
        for (int level = 0; level < version.levels(); level++) {
            long entries = version.level(level).stream()
                    .mapToLong(table -> table.meta().entries())
                    .sum();
            long limit = level == 0 ? options.levelZeroTrigger() : limits[level];
            levels.add(new Stats.Level(level, version.level(level).size(), version.bytes(level), entries, limit));
        }
        int logFiles = (log == null ? uncutLogs : log.fileNumbers()).size()
                + versions.endedLogs().size();
        Log.Counters logged = log == null ? new Log.Counters(0, 0, 0, 0, 0) : log.counters();
        Compactor.Counters merged = compactor.counters();
        int openIterators;
        synchronized (iterators) {
            openIterators = iterators.size();
        }
        appendLock.lock();
        try {
            long immutableBytes = immutables.stream()
                    .mapToLong(each -> each.memtable.memoryBytes())
                    .sum();
            return new Stats(
                    runtime.backend(),
                    lastSequence,
                    levels,
                    new Stats.Memory(
                            active.memtable.memoryBytes(),
                            immutables.size(),
                            immutableBytes,
                            cache.bytes(),
                            cache.hits(),
                            cache.misses()),
                    new Stats.Log(
                            logged.records(),
                            logged.bytes(),
                            logged.durableFlushes(),
                            logged.bufferedFlushes(),
                            logged.flushedBytes(),
                            logFiles),
                    new Stats.Compaction(
                            flushes.sum(),
                            flushedBytes.sum(),
                            merged.compactions(),
                            merged.moves(),
                            merged.readBytes(),
                            merged.writtenBytes()),
                    stallNanos,
                    stalls,
                    openSnapshots().length,
                    openIterators,
                    runtime.counters());
        } finally {
            appendLock.unlock();
        }
    }

    VerifyReport verify(VerifyListener listener) {
        int entered = gate.enter();
        try {
            if (health.isWell()) {
                log().sync();
            }
            Version version = versions.retainCurrent();
            try {
                return new Verifier(
                                runtime,
                                new StoreDirectory(path),
                                version,
                                versions,
                                log == null ? uncutLogs : log.ends(),
                                listener)
                        .run();
            } finally {
                version.release();
            }
        } finally {
            gate.exit(entered);
        }
    }

    // ---- Closing.

    void close() {
        if (!(stopping && events.isTelling())) { // A listener that closes the store does not wait for who waits for it.
            closeOnce();
        }
    }

    private synchronized void closeOnce() {
        if (closed) {
            return;
        }
        closed = true;
        gate.close();
        stopping = true;
        appendLock.lock();
        try {
            changed.signalAll();
        } finally {
            appendLock.unlock();
        }
        gate.awaitEmpty();
        readers.shutdown(); // what waits there finds the store closed
        join(flushThread);
        join(compactionThread);
        closeReaders();
        active.memtable.release();
        immutables.forEach(each -> each.memtable.release());
        try (Undo undo = new Undo()) {
            undo.add(directoryLock);
            undo.add(events);
            undo.add(runtime);
            undo.add(cache);
            undo.add(versions);
            List<Log.End> ends = log == null ? List.of() : log.close();
            if (health.isWell() && !ends.isEmpty()) {
                versions.writeClosed(ends.stream()
                        .map(end -> new Manifest.LogEntry(end.number(), end.end()))
                        .toList());
            }
            events.note("closed with operations up to " + lastSequence);
        } catch (ChainIoException e) {
            throw new StoreIoException("cannot close store " + path + ": " + e.getMessage(), e);
        }
    }

    /** Ends reading: lookups finish, iterators are closed. */
    private void closeReaders() {
        ReadState last = state();
        current = null;
        last.retire();
        List<DbIterator> open;
        synchronized (iterators) {
            open = List.copyOf(iterators);
        }
        open.forEach(DbIterator::close);
        boolean interrupted = false;
        while (liveStates.get() != 0) {
            synchronized (iterators) {
                open = List.copyOf(iterators);
            }
            open.forEach(DbIterator::close);
            interrupted |= Thread.interrupted(); // parking would return at once
            LockSupport.parkNanos(this, POLL_NANOS);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void join(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
