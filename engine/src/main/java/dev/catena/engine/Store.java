package dev.catena.engine;

import dev.catena.engine.compaction.RateLimiter;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MemoryAccount;
import dev.catena.engine.event.Events;
import dev.catena.engine.event.TextLog;
import dev.catena.engine.log.Log;
import dev.catena.engine.log.LogAhead;
import dev.catena.engine.log.Operations;
import dev.catena.engine.memtable.Memtable;
import dev.catena.engine.table.BlockCache;
import dev.catena.engine.table.TableBuilder;
import dev.catena.engine.table.TableReader;
import dev.catena.engine.version.Catalog;
import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.StoreDirectory.Numbered;
import dev.catena.engine.version.StoreHealth;
import dev.catena.engine.version.Version;
import dev.catena.engine.version.VersionSet;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.ChunkMismatchException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The machine behind {@link Db}.
 *
 * <p><b>A write</b> takes the append lock, gets its sequence number, is encoded into the log's ring and inserted into the active
 * memtable of its column family, and is visible when {@link #lastSequence} moves. A synced write then waits, without the lock, until the
 * log is durable up to its record. So log, memtables and sequence numbers have one order, and a batch is atomic across families.
 *
 * <p><b>Families</b> ({@link Family}) are made and dropped one at a time, with a manifest that says so; the list of them is replaced, and
 * never changed. Together their memtables take a bounded number of bytes: when half of it is in active ones the largest is sealed, when
 * all is taken writers wait. A log is needed as long as any family has operations of it in memory only; a family that holds up more logs
 * than memtables may take is sealed along with the next one that is.
 *
 * <p><b>Locks</b>, outer first: the lock for making and dropping families, the catalog's monitor (held while a manifest is written), the
 * append lock, the log's. Threads: callers, {@code catena-log}, and {@link Background}.
 *
 * <p><b>For reading only</b> there is no log, no background thread, and from the start a health that allows no writes; what the logs
 * hold is in as many memtables as it needs.
 */
final class Store {
    /** Threads that read for futures: most wait for the device. */
    private static final int READERS = 16;

    /** Held to make or drop a family, and to begin a checkpoint. */
    private final Object familyLock = new Object();

    final Path path;
    final boolean keyChecksums;
    final StoreDirectory directory;
    final ChainRuntime runtime;
    final Events events;
    final StoreHealth health;
    final RateLimiter limiter;
    private final Options options;
    private final DirectoryLock directoryLock;
    private final BlockCache cache;
    final MemoryAccount account;
    private final Catalog catalog;
    private final @Nullable Log log; // null when opened for reading
    private final long bufferBytes;

    /** The logs that were read and not cut, when opened for reading. */
    private final List<Log.End> uncutLogs;

    private final Gate gate;

    /** Held to append, and to change what writers and readers work on. */
    final ReentrantLock appendLock = new ReentrantLock();

    /** Signalled when memtables, versions, requests or health change. */
    final Condition changed = appendLock.newCondition();

    final Damages damages = new Damages(this);

    private final Background background = new Background(this);
    private final Scrubber scrubber;

    /** The newest visible operation. Moved under the append lock. */
    private volatile long lastSequence;

    /** All column families by number, the default one first. Replaced under the append lock. */
    private volatile List<Family> families = List.of();

    private final Family defaultFamily;

    /** Reads for those who do not wait. Its threads start when needed and end when idle. */
    private final ThreadPoolExecutor readers = new ThreadPoolExecutor(
            READERS, READERS, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Store::newReader);

    // Under the append lock:
    private long changes;
    private long flushLimit = Long.MAX_VALUE;

    private final Set<Snapshot> snapshots = new LinkedHashSet<>(); // under its own monitor, oldest first
    private boolean closed; // under this object's monitor

    private static Thread newReader(Runnable task) {
        return Thread.ofPlatform().daemon().name("catena-read").unstarted(task);
    }

    /** Opens or makes a store. */
    static Store open(Path path, Options options) {
        options.check();
        try (Undo undo = new Undo()) {
            DirectoryLock lock = OpeningDirectory.lock(path, options.createIfMissing(), undo);
            Store store = new Store(path, options, lock, undo, false);
            lock.tell(store.runtime.address());
            undo.clear();
            store.start();
            return store;
        } catch (ChainIoException | CorruptionException e) {
            throw notOpened(path, e);
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
            Store store = new Store(path, options.withCreateIfMissing(false), lock, undo, true);
            undo.clear();
            return store;
        } catch (ChainIoException | CorruptionException e) {
            throw notOpened(path, e);
        }
    }

    private static StoreException notOpened(Path path, RuntimeException e) {
        return e instanceof CorruptionException damage
                ? damage.notOpened(path)
                : new StoreIoException("cannot open store " + path + ": " + e.getMessage(), e);
    }

    private Store(Path path, Options options, DirectoryLock directoryLock, Undo undo, boolean reading) {
        this.path = path;
        keyChecksums = options.keyChecksums();
        this.options = options;
        this.directoryLock = directoryLock;
        long budget = options.memoryBudget();
        account = new MemoryAccount(budget > 0);
        bufferBytes = budget > 0 ? Math.min(budget / 2, options.writeBufferBytes()) : options.writeBufferBytes();
        gate = new Gate("store " + path);
        Path text = path.resolve(StoreDirectory.LOG);
        events = undo.add(new Events(
                options.listener(),
                reading ? new TextLog(null, null) : new TextLog(text, path.resolve(StoreDirectory.OLD_LOG))));
        health = new StoreHealth(path, reading, events::failed);
        directory = new StoreDirectory(path);
        List<Numbered> files = directory.numbered();
        boolean isNew = !Files.exists(directory.manifest());
        if (isNew) {
            if (!files.isEmpty()) {
                throw new CorruptionException(
                        directory.manifest(), 0, "the manifest of " + files.size() + " tables and logs", "no file");
            }
            if (!options.createIfMissing()) {
                throw new StoreIoException("there is no store in " + path + ": no manifest", null);
            }
        }
        OptionsFile.check(directory, options);
        Manifest manifest = isNew ? Manifest.empty(options.keyOrder().name()) : Manifest.read(directory.manifest());
        List<LogAhead.Source> logs = Recovery.logs(directory, files, manifest);
        LogAhead ahead = undo.add(new LogAhead(logs)); // while all the rest is opened
        Thread.ofPlatform().daemon().start(() -> TableBuilder.load(options.compression()));
        runtime = undo.add(ChainRuntime.acquire(options.backend()));
        if (isNew) {
            manifest.write(directory);
        }
        limiter = new RateLimiter(options.backgroundBytesPerSecond(), this::isStopping);
        cache = undo.add(new BlockCache(budget > 0 ? budget : options.cacheBytes(), account));
        long nextNumber = Math.max(manifest.nextNumber(), Recovery.highestNumber(files) + 1);
        catalog = undo.add(new Catalog(
                runtime,
                directory,
                health,
                cache,
                manifest,
                family -> OptionsFile.order(directory, options, family, reading),
                nextNumber));
        List<Family> opened = new ArrayList<>();
        for (VersionSet versions : catalog.families()) {
            Options own = options.ofFamily(versions.name());
            own.check();
            opened.add(undo.add(new Family(this, versions, own)));
        }
        families = List.copyOf(opened);
        defaultFamily = families.getFirst();
        families.forEach(damages::opened);

        Recovery recovery = new Recovery(runtime, directory, catalog, families, bufferBytes, reading);
        if (!reading) {
            recovery.deleteStrays(files, manifest);
        }
        recovery.replay(logs, ahead);
        ahead.close();
        lastSequence = recovery.lastSequence();
        uncutLogs = recovery.uncutLogs();
        log = reading ? null : startLog(recovery, undo);
        for (Family family : families) {
            Version version = family.versions.retainCurrent();
            family.open(log == null ? 0 : log.number(), version);
            version.release();
        }
        scrubber = new Scrubber(
                this, options.scrubBytesPerSecond(), options.scrubInterval().toNanos());
        readers.allowCoreThreadTimeOut(true);
    }

    /** Begins a log, in a manifest that says so and names what was found. */
    private Log startLog(Recovery recovery, Undo undo) {
        Log begun = new Log(
                runtime,
                directory,
                health,
                appendLock,
                catalog::nextNumber,
                Math.max(16L << 20, 2 * options.memtableBytes()),
                recovery.nextLogged(),
                keyChecksums);
        undo.add(begun::close);
        account.charge(MemoryAccount.Owner.LOG, Log.MEMORY_BYTES);
        catalog.setGrowingLogs(begun::fileNumbers);
        catalog.write();
        recovery.deleteEmptyLogs();
        writeOptions();
        return begun;
    }

    private void writeOptions() {
        OptionsFile.write(directory, options, families);
    }

    private void start() {
        events.note("opened with operations up to " + lastSequence + ", backend " + runtime.backend() + ", " + options);
        log().start();
        background.start();
        scrubber.start();
    }

    // ---- Column families.

    /** The family that is always there. */
    Family defaultFamily() {
        return defaultFamily;
    }

    /** All families by number. */
    List<Family> families() {
        return families;
    }

    Family createFamily(String name, Options given) {
        Options of = given.in(options);
        of.check();
        int entered = gate.enter();
        try {
            synchronized (familyLock) {
                if (families.stream().anyMatch(family -> family.name.equals(name))) {
                    throw new IllegalArgumentException("there is a column family '" + name + "' already");
                }
                health.check();
                Family made = new Family(this, catalog.create(name, of.keyOrder()), of);
                Version version = made.versions.retainCurrent(); // the catalog's monitor comes before the append lock
                appendLock.lock();
                try {
                    made.open(log().number(), version);
                    List<Family> more = new ArrayList<>(families);
                    more.add(made);
                    families = List.copyOf(more);
                    signalChange();
                } finally {
                    appendLock.unlock();
                    version.release();
                }
                writeOptions();
                events.note("made column family '" + name + "', " + of);
                return made;
            }
        } finally {
            gate.exit(entered);
        }
    }

    void dropFamily(Family family) {
        if (family.store != this) {
            throw new IllegalArgumentException("column family '" + family.name + "' is of another store");
        }
        if (family == defaultFamily) {
            throw new IllegalArgumentException("the default column family cannot be dropped");
        }
        int entered = gate.enter();
        try {
            synchronized (familyLock) {
                long needed;
                long newest;
                appendLock.lock();
                try {
                    health.check();
                    family.check();
                    family.drop();
                    families =
                            families.stream().filter(other -> other != family).toList();
                    needed = Math.min(firstLogNeeded(), log().number());
                    newest = lastSequence;
                } finally {
                    appendLock.unlock();
                }
                try {
                    catalog.drop(family.versions, newest, needed);
                } finally {
                    family.close();
                    catalog.deleteObsolete();
                }
                log().obsolete(needed);
                writeOptions();
                events.note("dropped column family '" + family.name + "'");
            }
        } finally {
            gate.exit(entered);
        }
    }

    /** The lowest log that holds operations that are in memory only. Under the append lock, or before anybody else knows the store. */
    long firstLogNeeded() {
        return families.stream()
                .mapToLong(family -> family.firstLogNeeded(false))
                .min()
                .orElse(Family.NO_LOG);
    }

    /** The lowest log that will be needed when this family's oldest sealed memtable has been flushed. Under the append lock. */
    long firstLogNeededWithoutOldest(Family flushed) {
        long needed = log().number();
        for (Family family : families) {
            needed = Math.min(needed, family.firstLogNeeded(family == flushed));
        }
        return needed;
    }

    /** Whether all memtables together take less than they may; seals the largest when half of that is in active ones. Under the append lock. */
    boolean hasBufferRoom() {
        long all = 0;
        long activeBytes = 0;
        Family largest = null;
        for (Family family : families) {
            all += family.allocatedBytes();
            activeBytes += family.memtable().allocatedBytes();
            if (family.canSeal() && (largest == null || family.activeBytes() > largest.activeBytes())) {
                largest = family;
            }
        }
        if (activeBytes >= bufferBytes / 2
                && largest != null
                && largest.memtable().entries() > 0) {
            seal(List.of(largest), "all memtables together have " + all + " bytes");
        }
        return all < bufferBytes;
    }

    /** Bytes that all memtables together may take. */
    long bufferBytes() {
        return bufferBytes;
    }

    /** How much of the log's memory holds what the operating system has not taken yet. */
    double logFull() {
        return log().full();
    }

    /** See {@link Log#finishSwitch}; nothing is to be done before there is a log. */
    void finishLogSwitch() {
        if (log != null) {
            log.finishSwitch();
        }
    }

    /** Begins a new log file, and new memtables of families that may be sealed. Under the append lock. */
    void seal(List<Family> which, String reason) {
        Map<Family, Memtable> next = new LinkedHashMap<>();
        boolean done = false;
        try {
            which.forEach(family -> next.put(family, family.newMemtable()));
            Family oldest = log().sealedBytes() < bufferBytes ? null : oldest();
            if (oldest != null && !next.containsKey(oldest)) {
                next.put(oldest, oldest.newMemtable());
            }
            long number = log().switchFile();
            done = true;
            next.forEach((family, memtable) -> family.seal(
                    memtable, number, lastSequence, which.contains(family) ? reason : "it holds up many logs"));
            families.forEach(family -> family.logSwitched(number));
        } catch (ChainIoException | StoreIoException e) {
            throw health.fail(e);
        } finally {
            if (!done) {
                next.values().forEach(Memtable::release);
            }
        }
    }

    /** The family that holds up most logs with its active memtable and may be sealed; null when there is none. */
    private @Nullable Family oldest() {
        return families.stream()
                .filter(family -> family.canSeal() && family.memtable().entries() > 0)
                .min(Comparator.comparingLong(family -> family.firstLogNeeded(false)))
                .orElse(null);
    }

    // ---- Writing.

    private Log log() {
        if (log == null) {
            throw new StoreReadOnlyException(path);
        }
        return log;
    }

    void write(
            Family family,
            int kind,
            MemorySegment key,
            int keyLength,
            MemorySegment value,
            int valueLength,
            Durability durability) {
        int entered = gate.enter();
        try {
            long end = 0;
            boolean logged = durability != Durability.UNLOGGED;
            appendLock.lock();
            try {
                family.checkKey(kind, key, 0, keyLength, value, 0, valueLength);
                family.makeRoom((long) keyLength + valueLength);
                long sequence = lastSequence + 1;
                Log log = log();
                if (logged) {
                    end = log.append(sequence, kind, family.number, key, 0, keyLength, value, 0, valueLength);
                }
                try {
                    long at = log.encodedOperations();
                    if (!logged) {
                        family.insertUnlogged(sequence, kind, key, keyLength, value, valueLength);
                    } else if (at == 0) {
                        family.insert(sequence, kind, key, 0, keyLength, value, 0, valueLength, log.encodedChecksum());
                    } else { // what the log has
                        at += Operations.headerBytes(family.number, keyLength, valueLength, keyChecksums);
                        family.insert(
                                sequence,
                                kind,
                                Memory.ALL,
                                at,
                                keyLength,
                                Memory.ALL,
                                at + keyLength,
                                valueLength,
                                log.encodedChecksum());
                    }
                } catch (RuntimeException | Error e) {
                    log.abandon(e);
                    throw e;
                }
                if (logged) {
                    log.publish();
                }
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

    void write(Batch batch, Durability durability) {
        int entered = gate.enter();
        try {
            long end = append(batch, durability != Durability.UNLOGGED);
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
                long end = append(batch, durability != Durability.UNLOGGED);
                return log().commitLater(durability == Durability.SYNCED ? end : 0);
            } finally {
                gate.exit(entered);
            }
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Appends a batch and makes it visible. Returns the position in the log by which it is durable. */
    private long append(Batch batch, boolean logged) {
        if (batch.mergesDefault()) {
            defaultFamily.checkMerges();
        }
        if (batch.count() == 0) {
            health.check();
            return log().published();
        }
        appendLock.lock();
        try {
            checkKeys(batch);
            makeRoom(batch);
            MemorySegment encoded = batch.encoded();
            long sequence = lastSequence + 1;
            Log log = log();
            long end = 0;
            long at = 0;
            if (logged) {
                end = log.appendBatch(sequence, batch.count(), encoded, batch.bytes());
                at = log.encodedOperations();
                encoded = at == 0 ? encoded : Memory.ALL;
            } else {
                log.check(encoded, 0, batch.bytes());
                batch.families().forEach(Family::noteUnlogged);
                if (batch.usesDefault()) {
                    defaultFamily.noteUnlogged();
                }
            }
            insert(sequence, batch, encoded, at);
            if (logged) {
                log.publish();
            }
            lastSequence = sequence + batch.count() - 1;
            return end;
        } finally {
            appendLock.unlock();
        }
    }

    private void checkKeys(Batch batch) {
        if ((batch.usesDefault() && defaultFamily.order != KeyOrder.BYTES)
                || batch.families().stream().anyMatch(family -> family.order != KeyOrder.BYTES)) {
            MemorySegment encoded = batch.encoded();
            Operations operations = new Operations(encoded, 0, batch.bytes());
            while (operations.next()) {
                family(batch, operations.family())
                        .checkKey(
                                operations.kind(),
                                encoded,
                                operations.keyOffset(),
                                operations.keyLength(),
                                encoded,
                                operations.valueOffset(),
                                operations.valueLength());
            }
        }
    }

    /** Waits until there is room for a batch in all its families, under the append lock. */
    private void makeRoom(Batch batch) {
        if (batch.usesDefault()) {
            defaultFamily.makeRoom(batch.bytes());
        }
        for (Family family : batch.families()) {
            if (family.store != this) {
                throw new IllegalArgumentException("column family '" + family.name + "' is of another store");
            }
            family.makeRoom(batch.bytes());
        }
        for (Family family : batch.families()) {
            family.check(); // it may have been dropped while another one had no room
        }
    }

    private void insert(long firstSequence, Batch batch, MemorySegment encoded, long at) {
        long sequence = firstSequence;
        try {
            Family family = defaultFamily;
            Operations operations = new Operations(encoded, at, batch.bytes());
            while (operations.next()) {
                if (operations.family() != family.number) {
                    family = family(batch, operations.family());
                }
                family.insert(
                        sequence++,
                        operations.kind(),
                        encoded,
                        operations.keyOffset(),
                        operations.keyLength(),
                        encoded,
                        operations.valueOffset(),
                        operations.valueLength(),
                        operations.checksum());
            }
        } catch (RuntimeException | Error e) {
            // Entries that are in already cannot be taken out, and their sequence numbers not be given out again.
            throw health.fail(e);
        }
    }

    private Family family(Batch batch, int number) {
        for (Family family : batch.families()) {
            if (family.number == number) {
                return family;
            }
        }
        return defaultFamily;
    }

    // ---- Reading.

    /** The newest visible operation. */
    long lastSequence() {
        return lastSequence;
    }

    /** The newest operation to see; the caller has pinned a state. */
    long sequence(@Nullable Snapshot snapshot) {
        return snapshot == null ? lastSequence : snapshot.sequenceFor(this);
    }

    static StoreIoException readFailed(ChainIoException e) {
        return new StoreIoException("cannot read: " + e.getMessage(), e);
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
        boolean oldest;
        synchronized (snapshots) {
            oldest = !snapshots.isEmpty() && snapshots.iterator().next() == snapshot;
            snapshots.remove(snapshot);
        }
        if (oldest) { // what was kept for it alone may go
            appendLock.lock();
            try {
                signalChange();
            } finally {
                appendLock.unlock();
            }
        }
    }

    /** The sequence numbers of open snapshots, ascending. Those opened after this call are not below what it is called after. */
    long[] openSnapshots() {
        synchronized (snapshots) {
            return snapshots.stream().mapToLong(Snapshot::sequence).toArray();
        }
    }

    // ---- Background work, and waiting for it.

    /** Does something that {@link #close} waits for. */
    void run(Runnable operation) {
        int entered = gate.enter();
        try {
            operation.run();
        } finally {
            gate.exit(entered);
        }
    }

    /** Throws when the store is being closed. */
    void checkOpen() {
        if (gate.isClosed()) {
            throw new StoreClosedException("store " + path);
        }
    }

    boolean isStopping() {
        return background.isStopping();
    }

    /** Wakes all who wait for something to change, under the append lock. */
    void signalChange() {
        changes++;
        changed.signalAll();
    }

    /** How often something has changed, under the append lock. */
    long changes() {
        return changes;
    }

    /** Waits, under the append lock, for something that background threads do. */
    void awaitWork(BooleanSupplier done) {
        while (!done.getAsBoolean()) {
            health.check();
            checkOpen();
            changed.awaitUninterruptibly();
        }
    }

    /** The family whose memtable was sealed first and waits to be flushed, under the append lock; null when there is none. */
    @Nullable
    Family nextToFlush() {
        Family first = defaultFamily;
        for (Family family : families) {
            if (family.oldestSealed() < first.oldestSealed()) {
                first = family;
            }
        }
        long sealed = first.oldestSealed();
        return sealed == Long.MAX_VALUE || sealed > flushLimit ? null : first;
    }

    /** Says that the log holds nothing that is not in tables in files before those that are still needed. */
    void releaseLogs() {
        log().obsolete(catalog.firstLog());
    }

    /**
     * Makes a checkpoint: as of a moment at which all families are sealed at once. What is sealed later is not flushed before the tables
     * are known that make up the checkpoint.
     */
    void checkpoint(Path to) {
        int entered = gate.enter();
        try {
            Catalog.Pinned pinned;
            synchronized (familyLock) {
                pinned = pinAll();
            }
            try {
                Checkpoint.make(directory, to, pinned.versions(), pinned.manifest());
            } finally {
                pinned.versions().forEach(Version::release);
            }
        } finally {
            gate.exit(entered);
        }
        events.note("made checkpoint " + to);
    }

    /** The families whose active memtables are not empty. */
    private List<Family> unwritten() {
        return families.stream()
                .filter(family -> family.memtable().entries() > 0)
                .toList();
    }

    private Catalog.Pinned pinAll() {
        appendLock.lock();
        try {
            health.check();
            awaitWork(() -> unwritten().stream().allMatch(Family::canSeal));
            List<Family> unwritten = unwritten();
            if (!unwritten.isEmpty()) {
                seal(unwritten, "a checkpoint is made");
            }
            long target = lastSequence;
            flushLimit = target;
            awaitWork(() -> families.stream().allMatch(family -> family.oldestSealed() > target));
        } catch (RuntimeException | Error e) {
            flushLimit = Long.MAX_VALUE;
            throw e;
        } finally {
            appendLock.unlock();
        }
        try {
            return catalog.pin();
        } finally {
            appendLock.lock();
            try {
                flushLimit = Long.MAX_VALUE;
                signalChange();
            } finally {
                appendLock.unlock();
            }
        }
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

    void backgroundFailed(Throwable e) {
        if (!(isStopping() && e instanceof StoreClosedException)) {
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
        return e instanceof ChunkMismatchException mismatch ? TableReader.corruption(mismatch) : e;
    }

    // ---- Looking.

    private Map<String, Long> bytesByOwner() {
        Map<String, Long> byOwner = new TreeMap<>();
        account.byOwner().forEach((owner, bytes) -> byOwner.put(owner.name().toLowerCase(Locale.ROOT), bytes));
        byOwner.put("blocks", cache.blockBytes());
        return byOwner;
    }

    Stats stats() {
        int entered = gate.enter();
        try {
            return figures();
        } finally {
            gate.exit(entered);
        }
    }

    private Stats figures() {
        int logFiles = (log == null ? uncutLogs : log.fileNumbers()).size()
                + catalog.endedLogs().size();
        Log.Counters logged = log == null ? new Log.Counters(0, 0, 0, 0, 0) : log.counters();
        appendLock.lock();
        try {
            List<Family> all = families;
            List<Stats.Family> figures = all.stream().map(Family::stats).toList();
            return new Stats(
                    runtime.backend(),
                    lastSequence,
                    figures,
                    new Stats.Memory(
                            sum(figures, Stats.Family::memtableBytes),
                            (int) sum(figures, Stats.Family::immutableMemtables),
                            sum(figures, Stats.Family::immutableBytes),
                            cache.bytes(),
                            cache.hits(),
                            cache.misses(),
                            options.memoryBudget(),
                            bytesByOwner()),
                    new Stats.Log(
                            logged.records(),
                            logged.bytes(),
                            logged.durableFlushes(),
                            logged.bufferedFlushes(),
                            logged.flushedBytes(),
                            logFiles),
                    new Stats.Compaction(
                            sum(all, Family::flushes),
                            sum(all, Family::flushedBytes),
                            sum(all, family -> family.compactions().compactions()),
                            sum(all, family -> family.compactions().moves()),
                            sum(all, family -> family.compactions().readBytes()),
                            sum(all, family -> family.compactions().writtenBytes()),
                            sum(all, family -> family.compactions().copiedBytes())),
                    sum(all, family -> family.backpressure.stallNanos()),
                    sum(all, family -> family.backpressure.stalls()),
                    openSnapshots().length,
                    (int) sum(all, Family::iterators),
                    runtime.counters());
        } finally {
            appendLock.unlock();
        }
    }

    private static <T> long sum(List<T> all, ToLongFunction<T> figure) {
        return all.stream().mapToLong(figure).sum();
    }

    VerifyReport verify(VerifyListener listener) {
        int entered = gate.enter();
        try {
            if (health.isWell()) {
                log().sync();
            }
            Catalog.Pinned pinned = catalog.pin();
            try {
                return new Verifier(
                                runtime,
                                directory,
                                pinned.versions(),
                                catalog,
                                log == null ? uncutLogs : log.ends(),
                                damages::seen,
                                listener)
                        .run();
            } finally {
                pinned.versions().forEach(Version::release);
            }
        } finally {
            gate.exit(entered);
        }
    }

    // ---- Closing.

    void close() {
        if (!(isStopping()
                && events.isTelling())) { // A listener that closes the store does not wait for who waits for it.
            closeOnce();
        }
    }

    private void flushUnlogged() {
        if (health.isWell()) {
            try {
                families.forEach(Family::flushUnlogged);
                if (log != null) {
                    releaseLogs(); // the manifest of the closed store names those that are left
                }
            } catch (RuntimeException e) {
                throw health.fail(translate(e));
            }
        }
    }

    private synchronized void closeOnce() {
        if (closed) {
            return;
        }
        closed = true;
        gate.close();
        background.stop();
        gate.awaitEmpty();
        readers.shutdown(); // what waits there finds the store closed
        background.join();
        scrubber.stop();
        try (Undo undo = new Undo()) {
            undo.add(directoryLock);
            undo.add(events);
            undo.add(runtime);
            undo.add(cache);
            undo.add(catalog);
            families.forEach(undo::add);
            List<Log.End> ends;
            try {
                flushUnlogged();
            } finally {
                ends = log == null ? List.of() : log.close();
            }
            if (health.isWell() && !ends.isEmpty()) {
                catalog.writeClosed(ends.stream()
                        .map(end -> new Manifest.LogEntry(end.number(), end.end()))
                        .toList());
            }
            events.note("closed with operations up to " + lastSequence);
        } catch (ChainIoException e) {
            throw new StoreIoException("cannot close store " + path + ": " + e.getMessage(), e);
        }
    }
}
