package dev.catena.engine;

import dev.catena.engine.compaction.TableWriter;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.event.Events;
import dev.catena.engine.log.Log;
import dev.catena.engine.log.LogReader;
import dev.catena.engine.log.Operations;
import dev.catena.engine.memtable.Memtable;
import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.StoreDirectory.Kind;
import dev.catena.engine.version.StoreDirectory.Numbered;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.VersionSet;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Brings a store back to the state of its last opening.
 *
 * <ol>
 *   <li>The manifest names tables and logs. Logs with higher numbers than it names may have come since.
 *   <li>Logs are replayed in order into a memtable, which is written as a table whenever it is full. Operations that tables have
 *       already are skipped.
 *   <li>Each log must go on where the one before it ended: a log gets its first record only when its predecessor is wholly durable. So
 *       what does not go on is damage, reported where the predecessor ended.
 *   <li>Where a log without a known end ends is fixed then: it is cut there, made durable, and the end goes into the manifest.
 *   <li>Files that nothing names are deleted.
 * </ol>
 *
 * <p>For reading only, nothing of that is written: full memtables are kept, logs stay as long as they are, files stay where they are.
 *
 * <p>Runs in the opening thread, before any other thread knows the store.
 */
final class Recovery implements AutoCloseable {
    private static final int BLOCK_BYTES = 4096;

    /** With more logs than this the memtable is written as a table, so that openings without many writes do not pile up logs. */
    private static final int REPLAYED_MAX = 4;

    private final ChainRuntime runtime;
    private final StoreDirectory directory;
    private final VersionSet versions;
    private final TableWriter writer;
    private final Options options;
    private final Events events;
    private final boolean reading;

    private Memtable memtable;
    private boolean taken;
    private int replayed;
    private final List<Memtable> full = new ArrayList<>();
    private final List<Log.End> uncut = new ArrayList<>();
    private final List<Path> empty = new ArrayList<>();
    private long lastSequence;

    /** The log that the oldest operation in the memtable came from. */
    private long firstLogOfMemtable = -1;

    /** @param reading whether nothing may be written */
    Recovery(
            ChainRuntime runtime,
            StoreDirectory directory,
            VersionSet versions,
            TableWriter writer,
            Options options,
            Events events,
            boolean reading) {
        this.runtime = runtime;
        this.directory = directory;
        this.versions = versions;
        this.writer = writer;
        this.options = options;
        this.events = events;
        this.reading = reading;
        memtable = new Memtable(options.memtableBytes());
        lastSequence = versions.flushedSequence();
    }

    /** The memtable with what was in logs only; the caller's from here on. */
    Memtable takeMemtable() {
        taken = true;
        return memtable;
    }

    /** The full memtables, oldest first, when nothing may be written; the caller's like the last one. */
    List<Memtable> fullMemtables() {
        return full;
    }

    /** The logs whose end was found and not fixed, as nothing may be written. */
    List<Log.End> uncutLogs() {
        return uncut;
    }

    @Override
    public void close() {
        if (!taken) {
            memtable.release();
            full.forEach(Memtable::release);
        }
    }

    /** The newest operation's sequence number. */
    long lastSequence() {
        return lastSequence;
    }

    /** The lowest log that the memtable's operations came from; -1 when it is empty. */
    long firstLogOfMemtable() {
        return firstLogOfMemtable;
    }

    /** The highest number of a file, 0 when there are none. */
    static long highestNumber(List<Numbered> files) {
        return files.stream().mapToLong(Numbered::number).max().orElse(0);
    }

    /** Deletes tables that the manifest does not name and logs that are not needed. */
    void deleteStrays(List<Numbered> files, Manifest manifest) {
        Set<Long> tables = new HashSet<>();
        manifest.levels().forEach(level -> level.forEach(table -> tables.add(table.number())));
        for (Numbered file : files) {
            boolean needed =
                    file.kind() == Kind.TABLE ? tables.contains(file.number()) : file.number() >= manifest.firstLog();
            if (!needed) {
                directory.delete(file.path());
            }
        }
        directory.delete(directory.path().resolve(StoreDirectory.MANIFEST + StoreDirectory.TEMPORARY));
    }

    /** Replays the logs. */
    void replay(List<Numbered> files, Manifest manifest) {
        Map<Long, Long> ends = new HashMap<>();
        TreeMap<Long, Path> logs = new TreeMap<>();
        for (Manifest.LogEntry log : manifest.logs()) {
            ends.put(log.number(), log.end());
            logs.put(log.number(), directory.log(log.number()));
        }
        files.stream()
                .filter(file -> file.kind() == Kind.LOG && file.number() >= manifest.firstLog())
                .sorted(Comparator.comparingLong(Numbered::number))
                .forEach(file -> logs.put(file.number(), file.path()));
        Path previous = null;
        long previousEnd = 0;
        for (Map.Entry<Long, Path> log : logs.entrySet()) {
            long number = log.getKey();
            Path path = log.getValue();
            if (!path.toFile().exists()) {
                throw new CorruptionException(path, 0, "the log that the manifest names", "no file");
            }
            long knownEnd = ends.getOrDefault(number, Manifest.LogEntry.GROWING);
            LogReader.Result result = replay(number, path, knownEnd, previous, previousEnd);
            if (!result.isStarted()) { // Made ahead of use.
                if (!reading) {
                    directory.delete(path);
                }
                continue;
            }
            if (knownEnd == Manifest.LogEntry.GROWING && !reading) {
                fix(path, result.end());
            }
            if (knownEnd == Manifest.LogEntry.GROWING && reading) {
                uncut.add(new Log.End(number, result.end()));
            } else if (result.operations() > 0) {
                versions.addEndedLog(number, result.end());
                replayed++;
            } else {
                empty.add(path);
            }
            previous = path;
            previousEnd = result.end();
        }
        if (!reading && replayed > REPLAYED_MAX && firstLogOfMemtable >= 0) {
            flush(logs.lastKey() + 1);
        }
    }

    /** Deletes logs without operations, once a manifest that does not name them is durable. */
    void deleteEmptyLogs() {
        empty.forEach(directory::delete);
    }

    private LogReader.Result replay(long number, Path path, long knownEnd, @Nullable Path previous, long previousEnd) {
        try (LogReader reader = new LogReader(runtime, path, number)) {
            long end = knownEnd == Manifest.LogEntry.GROWING ? LogReader.UNKNOWN_END : knownEnd;
            LogReader.Result result = reader.read(end, false, new LogReader.Visitor() {
                @Override
                public void started(long sequence) {
                    if (sequence <= lastSequence + 1 && (previous == null || sequence == lastSequence + 1)) {
                        return;
                    }
                    if (previous == null) {
                        throw new CorruptionException(
                                path, 16, "operations from " + (lastSequence + 1) + " on", "from " + sequence + " on");
                    }
                    throw new CorruptionException(
                            previous,
                            previousEnd,
                            "operations up to " + (sequence - 1) + ", with which " + path.getFileName() + " goes on",
                            "the end after operation " + lastSequence);
                }

                @Override
                public void record(long sequence, int count, MemorySegment bytes, long offset, long length) {
                    String problem = insert(number, sequence, count, bytes, offset, length);
                    if (problem != null) {
                        throw new CorruptionException(path, 0, "operations from number " + sequence + " on", problem);
                    }
                }
            });
            if (result.isStarted()) {
                lastSequence = Math.max(lastSequence, result.nextSequence() - 1);
            }
            return result;
        }
    }

    private @Nullable String insert(long log, long sequence, int count, MemorySegment bytes, long offset, long length) {
        if (memtable.memoryBytes() >= options.memtableBytes()) {
            flush(log);
        }
        Operations operations = new Operations(bytes, offset, length);
        long next = sequence;
        while (operations.next()) {
            if (next > versions.flushedSequence()) {
                if (firstLogOfMemtable < 0) {
                    firstLogOfMemtable = log;
                }
                memtable.put(
                        next,
                        operations.kind(),
                        bytes,
                        operations.keyOffset(),
                        operations.keyLength(),
                        bytes,
                        operations.valueOffset(),
                        operations.valueLength());
            }
            next++;
        }
        lastSequence = Math.max(lastSequence, next - 1);
        if (operations.problem() != null) {
            return operations.problem();
        }
        return next - sequence == count ? null : (next - sequence) + " operations instead of " + count;
    }

    /** Writes the full memtable as a table; what comes next is from the given log. */
    private void flush(long log) {
        if (reading) {
            Memtable next = new Memtable(options.memtableBytes());
            full.add(memtable);
            memtable = next;
            return;
        }
        Events.Span span = events.begin(Store.flushed("logs are replayed", memtable, List.of(), 0));
        List<TableFile> tables;
        try (InternalIterator entries = memtable.iterator()) {
            tables = writer.write(entries, (key, length) -> true, Long.MAX_VALUE, options.compression());
        }
        try {
            versions.apply(VersionSet.Edit.flushed(tables, lastSequence, log), version -> {});
            span.end(Store.flushed("logs are replayed", memtable, tables, span.nanos()));
        } finally {
            tables.forEach(TableFile::release);
        }
        Memtable written = memtable;
        memtable = new Memtable(options.memtableBytes());
        written.release();
        firstLogOfMemtable = -1;
    }

    /** Cuts a log off where it was found to end, so that it is found to end there ever after. */
    private void fix(Path path, long end) {
        long padded = (end + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
        try (ChainFile file = runtime.open(path, ChainFile.Mode.READ_WRITE, ChainFile.Access.BUFFERED)) {
            file.truncate(padded);
            if (padded > end) {
                MemorySegment zeros = NativeMemory.allocateZeroed(padded - end, "recovery");
                try {
                    file.write(zeros, 0, padded - end, end);
                } finally {
                    NativeMemory.free(zeros);
                }
            }
            file.sync();
        }
    }
}
