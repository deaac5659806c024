package dev.catena.engine.version;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.table.BlockCache;
import dev.catena.engine.table.TableReader;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The current version, and the only way to change it: write a manifest that says so, then let readers have it.
 *
 * <p>Changes come from the flush thread and the compaction thread, one at a time (this object's monitor, held while the manifest is
 * written). A failed manifest write makes the store read-only; files that the old manifest names are not deleted then, since nobody
 * can say which of the two is on the device.
 *
 * <p>Numbers of new files come from {@link #nextNumber()}, which any thread may call.
 */
public final class VersionSet implements AutoCloseable {
    private final ChainRuntime runtime;
    private final StoreDirectory directory;
    private final StoreHealth health;
    private final BlockCache cache;
    private final AtomicLong nextNumber;
    private final Queue<TableFile> deletable = new ConcurrentLinkedQueue<>();

    private Version current;
    private long flushedSequence;
    private long firstLog;

    /** Logs of earlier openings that are still needed: number to exact end. */
    private final SortedMap<Long, Long> endedLogs = new TreeMap<>();

    /** The numbers of the logs of this opening that hold records; empty before there is a log. */
    private Supplier<List<Long>> growingLogs = List::of;

    /**
     * A change.
     *
     * @param removed tables that go
     * @param level where the added go
     * @param added tables that come, or move
     * @param flushedSequence every operation up to it is in tables now; -1 as before
     * @param firstLog logs with lower numbers are not needed now; -1 as before
     */
    public record Edit(List<TableFile> removed, int level, List<TableFile> added, long flushedSequence, long firstLog) {
        /** Of a flush. */
        public static Edit flushed(List<TableFile> added, long flushedSequence, long firstLog) {
            return new Edit(List.of(), 0, added, flushedSequence, firstLog);
        }

        /** Of a compaction. */
        public static Edit compacted(List<TableFile> removed, int level, List<TableFile> added) {
            return new Edit(removed, level, added, -1, -1);
        }
    }

    /**
     * Opens the tables that a manifest names.
     *
     * @param nextNumber a number that no file has
     */
    public VersionSet(
            ChainRuntime runtime,
            StoreDirectory directory,
            StoreHealth health,
            BlockCache cache,
            Manifest manifest,
            long nextNumber) {
        this.runtime = runtime;
        this.directory = directory;
        this.health = health;
        this.cache = cache;
        this.nextNumber = new AtomicLong(nextNumber);
        flushedSequence = manifest.flushedSequence();
        firstLog = manifest.firstLog();
        List<List<TableFile>> levels = new ArrayList<>();
        List<TableFile> opened = new ArrayList<>();
        try {
            for (List<TableMeta> level : manifest.levels()) {
                List<TableFile> tables = new ArrayList<>();
                for (TableMeta meta : level) {
                    Path path = directory.table(meta.number());
                    if (!Files.exists(path)) {
                        throw new CorruptionException(path, 0, "the table that the manifest names", "no file");
                    }
                    TableFile table = open(meta);
                    opened.add(table);
                    tables.add(table);
                }
                levels.add(tables);
            }
            current = new Version(levels);
        } finally {
            opened.forEach(TableFile::release); // the version has its own references
        }
    }

    /** Opens a table. The caller holds the first reference. */
    public TableFile open(TableMeta meta) {
        ChainFile file = runtime.open(directory.table(meta.number()), ChainFile.Mode.READ, ChainFile.Access.BUFFERED);
        TableReader reader = TableReader.open(file, meta.number(), cache, meta.checksum());
        return new TableFile(meta, reader, deletable::add);
    }

    /** A number that no file has or will have. */
    public long nextNumber() {
        return nextNumber.getAndIncrement();
    }

    /** Who knows the numbers of the logs in use. */
    public synchronized void setGrowingLogs(Supplier<List<Long>> logs) {
        growingLogs = logs;
    }

    /** Notes where a log of an earlier opening ends. */
    public synchronized void addEndedLog(long number, long end) {
        endedLogs.put(number, end);
    }

    /** The current version, retained for the caller. */
    public synchronized Version retainCurrent() {
        current.retain();
        return current;
    }

    /**
     * A version, and a manifest that names its tables and no logs.
     *
     * @param version retained for whoever asked
     * @param manifest of all that is in tables
     */
    public record Pinned(Version version, Manifest manifest) {}

    /** The current version with a manifest of its own. */
    public synchronized Pinned pin() {
        current.retain();
        long next = nextNumber.get();
        return new Pinned(current, new Manifest(next, flushedSequence, next, List.of(), metas(current)));
    }

    /** Every operation up to it is in tables. */
    public synchronized long flushedSequence() {
        return flushedSequence;
    }

    /** Logs with lower numbers are not needed. */
    public synchronized long firstLog() {
        return firstLog;
    }

    /** Logs of earlier openings that are still needed, by number, with their exact ends. */
    public synchronized SortedMap<Long, Long> endedLogs() {
        return Collections.unmodifiableSortedMap(new TreeMap<>(endedLogs));
    }

    /**
     * Makes a change durable and current.
     *
     * @param install gets the new version, not retained for it, before the old one is let go
     */
    public synchronized void apply(Edit edit, Consumer<Version> install) {
        health.check();
        Version next = current.with(edit.removed(), edit.level(), edit.added());
        if (edit.flushedSequence() >= 0) {
            flushedSequence = edit.flushedSequence();
            firstLog = edit.firstLog();
        }
        List<Long> unneeded = new ArrayList<>(endedLogs.headMap(firstLog).keySet());
        endedLogs.keySet().removeAll(unneeded);
        try {
            write(next, List.of());
        } catch (RuntimeException | Error e) {
            next.release();
            throw health.fail(e);
        }
        for (TableFile table : edit.removed()) {
            if (!edit.added().contains(table)) {
                table.markObsolete();
            }
        }
        install.accept(next);
        current.release();
        current = next;
        for (long number : unneeded) {
            directory.delete(directory.log(number));
        }
    }

    /** Writes the manifest as things are. */
    public synchronized void write() {
        writeOrFail(List.of());
    }

    /** Writes the manifest of a store that is closed cleanly, whose last logs end as given. */
    public synchronized void writeClosed(List<Manifest.LogEntry> ends) {
        writeOrFail(ends);
    }

    private void writeOrFail(List<Manifest.LogEntry> ends) {
        try {
            write(current, ends);
        } catch (RuntimeException | Error e) {
            throw health.fail(e);
        }
    }

    private void write(Version version, List<Manifest.LogEntry> ends) {
        SortedMap<Long, Long> logs = new TreeMap<>(endedLogs);
        for (long number : growingLogs.get()) {
            if (number >= firstLog) {
                logs.put(number, Manifest.LogEntry.GROWING);
            }
        }
        for (Manifest.LogEntry end : ends) {
            logs.put(end.number(), end.end());
        }
        List<Manifest.LogEntry> entries = new ArrayList<>();
        logs.forEach((number, end) -> entries.add(new Manifest.LogEntry(number, end)));
        new Manifest(nextNumber.get(), flushedSequence, firstLog, entries, metas(version)).write(directory);
    }

    private static List<List<TableMeta>> metas(Version version) {
        List<List<TableMeta>> levels = new ArrayList<>();
        for (int level = 0; level < version.levels(); level++) {
            levels.add(version.level(level).stream().map(TableFile::meta).toList());
        }
        return levels;
    }

    /** Deletes the files of tables that nobody uses any more. */
    public void deleteObsolete() {
        for (TableFile table = deletable.poll(); table != null; table = deletable.poll()) {
            directory.delete(directory.table(table.meta().number()));
        }
    }

    /** Lets go of the current version. Nobody uses it any more. */
    @Override
    public synchronized void close() {
        current.release();
        deleteObsolete();
    }
}
