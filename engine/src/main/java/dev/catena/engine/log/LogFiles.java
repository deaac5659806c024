package dev.catena.engine.log;

import dev.catena.engine.StoreIoException;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Region;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The log's files: the one that takes records, those before it whose operations are not all in tables, the one that comes next, made
 * ahead of use, and at most one that is not needed any more and kept for use again.
 *
 * <p>A file that is used again is renamed to its new number first, and the directory synced before it gets a record; its old records
 * carry their old number and are no records of the new log. Thread safe; the monitor is held while a file is made.
 */
final class LogFiles implements AutoCloseable {
    /** Zeros kept ahead of use, in bytes. */
    static final int AHEAD_BYTES = 4 << 20;

    private final ChainRuntime runtime;
    private final StoreDirectory directory;
    private final LongSupplier numbers;
    private final long recycleBytesMax;
    private final Region zeros;

    /** The file that is written to. */
    private LogFile current;

    /** The one that takes records, if that is another one: the current one is sealed, but not yet durable. */
    private @Nullable LogFile successor;

    private final List<LogFile> sealed = new ArrayList<>();
    private @Nullable LogFile next;
    private boolean nextFailed;
    private @Nullable LogFile spare;

    LogFiles(ChainRuntime runtime, StoreDirectory directory, LongSupplier numbers, long recycleBytesMax) {
        this.runtime = runtime;
        this.directory = directory;
        this.numbers = numbers;
        this.recycleBytesMax = recycleBytesMax;
        zeros = runtime.allocate(LogFile.PIECE_BYTES, "log zeros");
        boolean complete = false;
        try {
            current = create(null, LogFile.PIECE_BYTES);
            complete = true;
        } finally {
            if (!complete) {
                zeros.close();
            }
        }
    }

    /** The file that takes records. */
    synchronized LogFile current() {
        return current;
    }

    /** Goes on with the successor, when the current file is durable. */
    synchronized LogFile advance() {
        LogFile reached = successor;
        if (reached == null) {
            throw new AssertionError("no file follows");
        }
        current.close();
        sealed.add(current);
        current = reached;
        successor = null;
        return reached;
    }

    /** Seals the current file where its records end, and has the next one take records, made now if it was not made ahead. */
    synchronized LogFile takeNext(long end) {
        LogFile taken = next;
        if (taken == null) {
            taken = create(takeSpare(), LogFile.PIECE_BYTES);
        }
        next = null;
        current.seal(end);
        successor = taken;
        return taken;
    }

    /** Makes the file that comes next, if it is not there yet. */
    synchronized void prepareNext() {
        if (needsNext()) {
            try {
                next = create(takeSpare(), AHEAD_BYTES);
            } catch (ChainIoException | StoreIoException e) {
                nextFailed = true; // Who needs it tries again, and fails.
            }
        }
    }

    /** Whether the next file should be made. */
    synchronized boolean needsNext() {
        return next == null && !nextFailed;
    }

    /** Writes zeros ahead of a position in a file, the current one when it was asked for. */
    void writeAhead(LogFile file, long position) {
        if (file.needsAhead(position + AHEAD_BYTES)) {
            file.writeAhead(zeros, LogFormat.blockCeiling(position) + 2 * AHEAD_BYTES);
        }
    }

    /** Says that logs with lower numbers are not needed: one is kept for use again, the others are deleted. */
    void obsolete(long below) {
        List<LogFile> deleted = new ArrayList<>();
        synchronized (this) {
            for (Iterator<LogFile> each = sealed.iterator(); each.hasNext(); ) {
                LogFile file = each.next();
                if (file.number < below) {
                    each.remove();
                    if (spare == null && file.written() <= recycleBytesMax) {
                        spare = file;
                    } else {
                        deleted.add(file);
                    }
                }
            }
        }
        for (LogFile file : deleted) {
            directory.delete(file.path);
        }
    }

    /** The numbers of the files that hold records not known to be in tables, the newest last. */
    synchronized List<Long> numbers() {
        List<Long> held = new ArrayList<>();
        for (LogFile file : sealed) {
            held.add(file.number);
        }
        held.add(current.number);
        if (successor != null) {
            held.add(successor.number);
        }
        return held;
    }

    /** Where the sealed files end. */
    synchronized List<Log.End> sealedEnds() {
        List<Log.End> ends = new ArrayList<>();
        for (LogFile file : sealed) {
            ends.add(new Log.End(file.number, file.end()));
        }
        if (successor != null) {
            ends.add(new Log.End(current.number, current.end()));
        }
        return ends;
    }

    /** Cuts all files to size, durably; the current one ends as given. Returns where they end. */
    synchronized List<Log.End> cut(long currentEnd) {
        current.seal(currentEnd);
        List<Log.End> ends = sealedEnds();
        for (LogFile file : sealed) {
            try (ChainFile opened = runtime.open(file.path, ChainFile.Mode.READ_WRITE, ChainFile.Access.BUFFERED)) {
                cut(opened, file.end());
            }
        }
        cut(current.file, currentEnd);
        ends.add(new Log.End(current.number, currentEnd));
        return ends;
    }

    private static void cut(ChainFile file, long end) {
        file.truncate(LogFormat.blockCeiling(end));
        file.sync();
    }

    private @Nullable LogFile takeSpare() {
        LogFile taken = spare;
        spare = null;
        return taken;
    }

    private LogFile create(@Nullable LogFile used, long writtenAhead) {
        long number = numbers.getAsLong();
        Path path = directory.log(number);
        if (used != null) {
            directory.rename(used.path, path);
        }
        ChainFile.Mode mode = used != null ? ChainFile.Mode.READ_WRITE : ChainFile.Mode.CREATE;
        ChainFile file = runtime.open(path, mode, ChainFile.Access.DIRECT);
        boolean complete = false;
        try {
            LogFile created = new LogFile(number, path, file, LogFormat.blockFloor(file.size()));
            created.writeAhead(zeros, writtenAhead);
            directory.sync();
            complete = true;
            return created;
        } finally {
            if (!complete) {
                file.close();
            }
        }
    }

    /** Closes the current file and deletes those made ahead or kept for use again; what cannot be deleted the next opening deletes. */
    @Override
    public synchronized void close() {
        current.close();
        if (successor != null) {
            successor.close(); // writing failed
        }
        if (next != null) {
            next.close();
            deleteIfPossible(next);
        }
        if (spare != null) {
            deleteIfPossible(spare);
        }
        zeros.close();
    }

    private void deleteIfPossible(LogFile file) {
        try {
            directory.delete(file.path);
        } catch (StoreIoException e) {
            // The file system has become read-only, as one does on a failing device.
        }
    }
}
