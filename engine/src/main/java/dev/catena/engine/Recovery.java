package dev.catena.engine;

import dev.catena.engine.log.Log;
import dev.catena.engine.log.LogAhead;
import dev.catena.engine.log.LogReader;
import dev.catena.engine.log.Operations;
import dev.catena.engine.version.Catalog;
import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.StoreDirectory.Kind;
import dev.catena.engine.version.StoreDirectory.Numbered;
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
 *   <li>Logs are replayed in order into the families' memtables. Full ones wait, as they did before the crash, to be written as tables
 *       when the store is open; only where they are too many they are written at once. Operations that tables have already are skipped,
 *       and so are those of families that were dropped.
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
final class Recovery {
    private static final int BLOCK_BYTES = 4096;

    /** With more logs than this the memtables are to be written as tables, so that openings without many writes do not pile up logs. */
    private static final int REPLAYED_MAX = 4;

    /** Bytes of keys and values after which all memtables are looked at. */
    private static final int LOOK_BYTES = 64 << 10;

    private final ChainRuntime runtime;
    private final StoreDirectory directory;
    private final Catalog catalog;
    private final Map<Integer, Family> families = new HashMap<>();
    private final long bufferBytes;
    private final boolean reading;
    private final boolean checked;

    private int replayed;
    /** Bytes of keys and values since all memtables were looked at. */
    private long unlooked;

    private final List<Log.End> uncut = new ArrayList<>();
    private final List<Path> empty = new ArrayList<>();
    private long lastSequence;
    private long nextLogged;

    /** The operation that was replayed last. Tables of other families, or of dropped ones, may have newer ones. */
    private long replayedSequence;

    /**
     * @param bufferBytes what all memtables together may take
     * @param reading whether nothing may be written
     */
    Recovery(
            ChainRuntime runtime,
            StoreDirectory directory,
            Catalog catalog,
            List<Family> families,
            long bufferBytes,
            boolean reading) {
        this.runtime = runtime;
        this.directory = directory;
        this.catalog = catalog;
        this.bufferBytes = bufferBytes;
        this.reading = reading;
        checked = families.getFirst().store.keyChecksums;
        families.forEach(family -> this.families.put(family.number, family));
        lastSequence = catalog.sequence();
    }

    /** The logs whose end was found and not fixed, as nothing may be written. */
    List<Log.End> uncutLogs() {
        return uncut;
    }

    /** The newest operation's sequence number. */
    long lastSequence() {
        return lastSequence;
    }

    /** The sequence number with which the next log goes on after those that were replayed: tables may have newer operations, which no log had. */
    long nextLogged() {
        return nextLogged;
    }

    /** The highest number of a file, 0 when there are none. */
    static long highestNumber(List<Numbered> files) {
        return files.stream().mapToLong(Numbered::number).max().orElse(0);
    }

    /** Deletes tables that the manifest does not name and logs that are not needed. */
    void deleteStrays(List<Numbered> files, Manifest manifest) {
        Set<Long> tables = new HashSet<>();
        manifest.tables().forEach(table -> tables.add(table.number()));
        for (Numbered file : files) {
            boolean needed =
                    file.kind() == Kind.TABLE ? tables.contains(file.number()) : file.number() >= manifest.firstLog();
            if (!needed) {
                directory.delete(file.path());
            }
        }
        directory.delete(directory.path().resolve(StoreDirectory.MANIFEST + StoreDirectory.TEMPORARY));
    }

    /** The logs to replay: those that the manifest names, and those with higher numbers. */
    static List<LogAhead.Source> logs(StoreDirectory directory, List<Numbered> files, Manifest manifest) {
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
        return logs.entrySet().stream()
                .map(log -> new LogAhead.Source(
                        log.getKey(), log.getValue(), ends.getOrDefault(log.getKey(), LogReader.UNKNOWN_END)))
                .toList();
    }

    /** Replays the logs. */
    void replay(List<LogAhead.Source> logs, LogAhead ahead) {
        Previous previous = null;
        for (LogAhead.Source log : logs) {
            long number = log.number();
            Path path = log.path();
            boolean growing = log.exactEnd() == LogReader.UNKNOWN_END;
            if (!path.toFile().exists()) {
                throw new CorruptionException(path, 0, "the log that the manifest names", "no file");
            }
            LogReader.Result result = replay(log, ahead, previous);
            if (!result.isStarted()) { // Made ahead of use.
                if (!reading) {
                    directory.delete(path);
                }
                continue;
            }
            if (growing && !reading) {
                fix(path, result.end());
            }
            if (growing && reading) {
                uncut.add(new Log.End(number, result.end()));
            } else if (!result.isEmpty()) {
                catalog.addEndedLog(number, result.end());
                replayed++;
            } else {
                empty.add(path);
            }
            previous = new Previous(path, result);
        }
        families.values().forEach(Family::finishReplayed);
        nextLogged = previous == null ? lastSequence + 1 : previous.result.nextSequence();
        if (!reading && replayed > REPLAYED_MAX) {
            long next = logs.getLast().number() + 1;
            families.values().stream()
                    .filter(family -> family.memtable().entries() > 0)
                    .forEach(family -> putAside(family, replayedSequence, next));
        }
    }

    /** The log that was read before. */
    private record Previous(Path path, LogReader.Result result) {}

    /** Deletes logs without operations, once a manifest that does not name them is durable. */
    void deleteEmptyLogs() {
        empty.forEach(directory::delete);
    }

    private LogReader.Result replay(LogAhead.Source log, LogAhead ahead, @Nullable Previous previous) {
        Path path = log.path();
        LogReader.Result result = ahead.read(log, new LogReader.Visitor() {
            @Override
            public void started(long sequence) {
                if (previous == null && sequence > lastSequence + 1) {
                    throw new CorruptionException(
                            path, 16, "operations from " + (lastSequence + 1) + " on", "from " + sequence + " on");
                }
                if (previous != null && sequence != previous.result.nextSequence()) {
                    throw new CorruptionException(
                            previous.path,
                            previous.result.end(),
                            "operations up to " + (sequence - 1) + ", with which " + path.getFileName() + " goes on",
                            "the end after operation " + (previous.result.nextSequence() - 1));
                }
            }

            @Override
            public void record(long sequence, int count, MemorySegment bytes, long offset, long length) {
                String problem = insert(log.number(), sequence, count, bytes, offset, length);
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

    private @Nullable String insert(long log, long sequence, int count, MemorySegment bytes, long offset, long length) {
        Operations operations = new Operations(bytes, offset, length);
        long next = sequence;
        while (operations.next()) {
            if (checked && !operations.isWhole()) {
                throw operations.damage(
                        directory.path(),
                        "log " + log + " (without Options.keyChecksums it is taken as it is), operation " + next);
            }
            Family family = families.get(operations.family());
            if (family == null && operations.family() >= catalog.nextFamily()) {
                return "an operation of column family number " + operations.family() + ", which never was";
            }
            if (family != null
                    && family.order.isKnown() // else nobody can read it
                    && next > family.versions.flushedSequence()) { // else it was dropped, or has it in tables
                makeRoom(family, operations.keyLength() + operations.valueLength(), replayedSequence, log);
                family.replay(next, operations, bytes, log);
            }
            replayedSequence = next++;
        }
        lastSequence = Math.max(lastSequence, replayedSequence);
        if (operations.problem() != null) {
            return operations.problem();
        }
        return next - sequence == count ? null : (next - sequence) + " operations instead of " + count;
    }

    /** Puts the memtable of a family aside when it is full, and the largest of all when they take too much together. */
    private void makeRoom(Family family, int bytes, long sequence, long log) {
        unlooked += bytes;
        if (family.activeBytes() >= family.options.memtableBytes()) {
            putAside(family, sequence, log);
        } else if (unlooked >= LOOK_BYTES && families.size() > 1 && !reading) {
            unlooked = 0;
            keepTogether(family, sequence, log);
        }
    }

    private void keepTogether(Family family, long sequence, long log) {
        if (memtableBytes() >= bufferBytes) {
            Family largest = family;
            for (Family each : families.values()) {
                largest = each.activeBytes() > largest.activeBytes() ? each : largest;
            }
            putAside(largest, sequence, log);
        }
    }

    /**
     * Begins another memtable of a family. The one before waits with others to be written, or all are written now.
     *
     * @param sequence the newest operation that was inserted
     * @param log what comes next is from this log
     */
    private void putAside(Family family, long sequence, long log) {
        family.keepReplayed(sequence);
        if (!reading && (!family.canSeal() || memtableBytes() >= bufferBytes)) {
            family.flushReplayed(log);
        }
    }

    private long memtableBytes() {
        return families.values().stream().mapToLong(Family::memoryBytes).sum();
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
