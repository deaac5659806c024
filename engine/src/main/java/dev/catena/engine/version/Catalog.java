package dev.catena.engine.version;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.table.BlockCache;
import dev.catena.engine.table.ChainReads;
import dev.catena.engine.table.TableReader;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.FileBytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the store consists of: the column families, each with its current version ({@link VersionSet}), and the logs. Whatever changes
 * any of that writes the manifest.
 *
 * <p>One change at a time (this object's monitor, held while the manifest is written). A failed manifest write makes the store
 * read-only; files that the old manifest names are not deleted then, since nobody can say which of the two is on the device.
 *
 * <p>Numbers of new files come from {@link #nextNumber()}, which any thread may call. Numbers of families are never used twice, as logs
 * may still hold operations of one that was dropped.
 */
public final class Catalog implements AutoCloseable {
    private final ChainRuntime runtime;
    private final StoreDirectory directory;
    private final StoreHealth health;
    private final BlockCache cache;
    private final ChainReads reads;
    private final AtomicLong nextNumber;
    private final Queue<TableFile> deletable = new ConcurrentLinkedQueue<>();

    // Under this object's monitor:
    private final SortedMap<Integer, VersionSet> families = new TreeMap<>();
    private int nextFamily;
    private long sequence;
    private long firstLog;

    /** Logs of earlier openings that are still needed: number to exact end. */
    private final SortedMap<Long, Long> endedLogs = new TreeMap<>();

    /** The numbers of the logs of this opening that hold records; empty before there is a log. */
    private Supplier<List<Long>> growingLogs = List::of;

    /**
     * Opens the tables that a manifest names.
     *
     * @param orders the order of each family's keys; what it throws comes out
     * @param nextNumber a number that no file has
     */
    public Catalog(
            ChainRuntime runtime,
            StoreDirectory directory,
            StoreHealth health,
            BlockCache cache,
            Manifest manifest,
            Function<Manifest.FamilyEntry, KeyOrder> orders,
            long nextNumber) {
        this.runtime = runtime;
        this.directory = directory;
        this.health = health;
        this.cache = cache;
        reads = new ChainReads(runtime, cache.account());
        this.nextNumber = new AtomicLong(nextNumber);
        sequence = manifest.sequence();
        firstLog = manifest.firstLog();
        nextFamily = manifest.nextFamily();
        boolean complete = false;
        try {
            for (Manifest.FamilyEntry family : manifest.families()) {
                families.put(family.number(), new VersionSet(this, family, openAll(family, orders.apply(family))));
            }
            complete = true;
        } finally {
            if (!complete) {
                close();
            }
        }
    }

    private static void checkIsThere(Path path, long bytes) {
        String expected = "the table of " + bytes + " bytes that the manifest names";
        try {
            BasicFileAttributes found = Files.readAttributes(path, BasicFileAttributes.class);
            if (!found.isRegularFile()) {
                throw new CorruptionException(path, 0, expected, "something else than a file");
            }
            if (found.size() != bytes) {
                throw new CorruptionException(path, Math.min(found.size(), bytes), expected, found.size() + " bytes");
            }
        } catch (NoSuchFileException e) {
            throw new CorruptionException(path, 0, expected, "no file");
        } catch (IOException e) {
            throw new CorruptionException(path, 0, expected, String.valueOf(e));
        }
    }

    private Version openAll(Manifest.FamilyEntry family, KeyOrder order) {
        List<List<TableFile>> levels = new ArrayList<>();
        List<TableFile> opened = new ArrayList<>();
        try {
            for (List<TableMeta> level : family.levels()) {
                List<TableFile> tables = new ArrayList<>();
                for (TableMeta meta : level) {
                    TableFile table = openNamed(meta, order);
                    opened.add(table);
                    tables.add(table);
                }
                levels.add(tables);
            }
            return new Version(order, levels);
        } finally {
            opened.forEach(TableFile::release); // the version has its own references
        }
    }

    /** Opens a table that the manifest names. Where its file is not what was written the table is there all the same, without a reader. */
    private TableFile openNamed(TableMeta meta, KeyOrder order) {
        try {
            checkIsThere(directory.table(meta.number()), meta.bytes());
            return open(meta, order, null);
        } catch (CorruptionException e) {
            return new TableFile(meta, e, order, deletable::add);
        }
    }

    /** Opens a table, from its end if that is in memory. The caller holds the first reference. */
    TableFile open(TableMeta meta, KeyOrder order, @Nullable FileBytes end) {
        Path path = directory.table(meta.number());
        try {
            ChainFile file = runtime.open(path, ChainFile.Mode.READ, ChainFile.Access.BUFFERED);
            TableReader reader = TableReader.open(file, meta.number(), cache, reads, meta.checksum(), order, end);
            return new TableFile(meta, reader, deletable::add);
        } catch (ChainIoException e) {
            throw TableReader.failure(e);
        }
    }

    /** A number that no file has or will have. */
    public long nextNumber() {
        return nextNumber.getAndIncrement();
    }

    /** The families there are, by number; the default one first. */
    public synchronized List<VersionSet> families() {
        return List.copyOf(families.values());
    }

    /** The number of the next family: none has had it or a higher one. */
    public synchronized int nextFamily() {
        return nextFamily;
    }

    /** Makes a family, durably. Its name is new. */
    public synchronized VersionSet create(String name, KeyOrder order) {
        health.check();
        Manifest.FamilyEntry entry = Manifest.FamilyEntry.empty(nextFamily++, name, order.name());
        VersionSet made = new VersionSet(this, entry, openAll(entry, order));
        families.put(made.number(), made);
        writeOrFail(List.of());
        return made;
    }

    /**
     * Drops a family, durably. Its tables go when nobody uses them any more.
     *
     * @param newest the sequence number of its newest operation, or a higher one
     * @param needed logs with lower numbers are needed by no other family
     */
    public synchronized void drop(VersionSet family, long newest, long needed) {
        health.check();
        VersionSet unused = families.remove(family.number());
        List<Long> unneeded = change(newest, needed);
        family.drop();
        deleteLogs(unneeded);
    }

    /** Who knows the numbers of the logs in use. */
    public synchronized void setGrowingLogs(Supplier<List<Long>> logs) {
        growingLogs = logs;
    }

    /** Notes where a log of an earlier opening ends. */
    public synchronized void addEndedLog(long number, long end) {
        endedLogs.put(number, end);
    }

    /**
     * Versions, and a manifest that names their tables and no logs.
     *
     * @param versions retained for whoever asked
     * @param manifest of all that is in tables
     */
    public record Pinned(List<Version> versions, Manifest manifest) {}

    /** The current versions with a manifest of their own. */
    public synchronized Pinned pin() {
        List<Version> versions =
                families.values().stream().map(VersionSet::retainCurrent).toList();
        long next = nextNumber.get();
        return new Pinned(versions, manifest(next, next, List.of()));
    }

    /** The newest operation that was in tables when the manifest was written last. */
    public synchronized long sequence() {
        return sequence;
    }

    /** Logs with lower numbers are not needed. */
    public synchronized long firstLog() {
        return firstLog;
    }

    /** Logs of earlier openings that are still needed, by number, with their exact ends. */
    public synchronized SortedMap<Long, Long> endedLogs() {
        return Collections.unmodifiableSortedMap(new TreeMap<>(endedLogs));
    }

    /** Writes the manifest as things are. */
    public synchronized void write() {
        writeOrFail(List.of());
    }

    /** Writes the manifest of a store that is closed cleanly, whose last logs end as given. */
    public synchronized void writeClosed(List<Manifest.LogEntry> ends) {
        writeOrFail(ends);
    }

    StoreHealth health() {
        return health;
    }

    /**
     * Writes the manifest after a change, under the monitor.
     *
     * @param flushed an operation that is in tables now, or in none for good
     * @param needed logs with lower numbers are not needed any more; may be less than what was said before
     * @return the logs of earlier openings that are not needed any more: to be deleted
     */
    List<Long> change(long flushed, long needed) {
        sequence = Math.max(sequence, flushed);
        firstLog = Math.max(firstLog, needed);
        List<Long> unneeded = new ArrayList<>(endedLogs.headMap(firstLog).keySet());
        endedLogs.keySet().removeAll(unneeded);
        writeOrFail(List.of());
        return unneeded;
    }

    void deleteLogs(List<Long> numbers) {
        for (long number : numbers) {
            directory.delete(directory.log(number));
        }
    }

    private void writeOrFail(List<Manifest.LogEntry> ends) {
        try {
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
            manifest(nextNumber.get(), firstLog, entries).write(directory);
        } catch (RuntimeException | Error e) {
            throw health.fail(e);
        }
    }

    private Manifest manifest(long next, long first, List<Manifest.LogEntry> logs) {
        List<Manifest.FamilyEntry> entries =
                families.values().stream().map(VersionSet::entry).toList();
        return new Manifest(next, sequence, first, logs, nextFamily, entries);
    }

    /** Deletes the files of tables that nobody uses any more. */
    public void deleteObsolete() {
        for (TableFile table = deletable.poll(); table != null; table = deletable.poll()) {
            directory.delete(directory.table(table.meta().number()));
        }
    }

    /** Lets go of the current versions. Nobody uses them any more. */
    @Override
    public synchronized void close() {
        families.values().forEach(VersionSet::release);
        deleteObsolete();
        reads.close();
    }
}
