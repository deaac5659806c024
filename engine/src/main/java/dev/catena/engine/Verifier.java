package dev.catena.engine;

import dev.catena.engine.log.Log;
import dev.catena.engine.log.LogReader;
import dev.catena.engine.log.Operations;
import dev.catena.engine.version.Catalog;
import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/**
 * Reads every file of a store that is in use and checks all that can be checked: the manifest, each table's chunks, blocks, filters
 * and order, each log's records. Of each file the first damage is reported. One use, one thread.
 */
final class Verifier {
    private final ChainRuntime runtime;
    private final StoreDirectory directory;
    private final List<Version> versions;
    private final Catalog catalog;
    private final List<Log.End> logs;
    private final UnaryOperator<CorruptionException> met;
    private final VerifyListener listener;

    private final List<VerifyReport.Damage> damages = new ArrayList<>();
    private int files;
    private long entries;
    private long bytesDone;
    private long bytesTotal;

    /** What checking a file is. */
    @FunctionalInterface
    private interface Check {
        void run();
    }

    /**
     * @param versions of all families, retained by the caller
     * @param logs that have no exact end in the manifest, and how much of them to check
     * @param met hears of damage
     */
    Verifier(
            ChainRuntime runtime,
            StoreDirectory directory,
            List<Version> versions,
            Catalog catalog,
            List<Log.End> logs,
            UnaryOperator<CorruptionException> met,
            VerifyListener listener) {
        this.runtime = runtime;
        this.directory = directory;
        this.versions = versions;
        this.catalog = catalog;
        this.logs = logs;
        this.met = met;
        this.listener = listener;
    }

    VerifyReport run() {
        Map<Long, Long> endedLogs = new TreeMap<>(catalog.endedLogs());
        bytesTotal = directory.manifest().toFile().length();
        List<TableFile> tables =
                versions.stream().flatMap(version -> version.tables().stream()).toList();
        for (TableFile table : tables) {
            bytesTotal += table.meta().bytes();
        }
        for (long end : endedLogs.values()) {
            bytesTotal += end;
        }
        for (Log.End end : logs) {
            bytesTotal += end.end();
        }

        check(directory.manifest(), () -> {
            Manifest unused = Manifest.read(directory.manifest());
            progress(directory.manifest(), directory.manifest().toFile().length());
        });
        for (TableFile table : tables) {
            Path path = directory.table(table.meta().number());
            check(path, () -> entries += table.reader().verify(runtime, bytes -> progress(path, bytes)));
        }
        endedLogs.forEach((number, end) -> checkLog(number, end, false));
        for (Log.End end : logs) {
            checkLog(end.number(), end.end(), true);
        }
        return new VerifyReport(files, bytesDone, entries, damages);
    }

    private void checkLog(long number, long end, boolean growing) {
        Path path = directory.log(number);
        check(path, () -> {
            try (LogReader reader = new LogReader(path, number)) {
                reader.read(
                        end,
                        growing,
                        (sequence, count, bytes, offset, length) ->
                                checkOperations(path, sequence, count, bytes, offset, length));
                progress(path, end);
            } catch (ChainIoException | CorruptionException e) {
                if (number >= catalog.firstLog()) {
                    throw e;
                }
                // It was dropped, and perhaps used again, while it was read.
            }
        });
    }

    private void checkOperations(Path path, long sequence, int count, MemorySegment bytes, long offset, long length) {
        Operations operations = new Operations(bytes, offset, length);
        int seen = 0;
        while (operations.next()) {
            if (!operations.isWhole()) {
                throw operations.damage(path, "operation " + (sequence + seen));
            }
            seen++;
        }
        entries += seen;
        if (operations.problem() != null || seen != count) {
            throw new CorruptionException(
                    path, 0, count + " operations from number " + sequence + " on", seen + " and other bytes");
        }
    }

    private void check(Path path, Check check) {
        files++;
        try {
            check.run();
        } catch (CorruptionException e) {
            CorruptionException unused = met.apply(e);
            damages.add(new VerifyReport.Damage(e.file(), e.offset(), e.expected(), e.found()));
        } catch (ChainIoException e) {
            damages.add(new VerifyReport.Damage(path, 0, "a readable file", String.valueOf(e.getMessage())));
        }
    }

    private void progress(Path path, long bytes) {
        bytesDone += bytes;
        listener.progress(path, bytesDone, bytesTotal);
    }
}
