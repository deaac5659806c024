package dev.catena.engine.log;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.StoreFormatException;
import dev.catena.engine.entry.Memory;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.memory.NativeMemory;
import dev.catena.io.memory.Xxh64;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * Reads a log file from its beginning and decides where it ends and whether it is damaged.
 *
 * <ul>
 *   <li>Where the manifest knows the exact end, every byte before it must be a record's, and the rest of the last block zero.
 *   <li>Elsewhere the log ends at the first position {@code X} that holds no valid record: what a crash tore, or never wrote. But if
 *       any valid record further on attests that bytes after {@code X} were durable, then {@code X} was whole once, and is damaged.
 *   <li>A log that follows says in its start record which operation it begins with; see {@link Result#nextSequence}.
 * </ul>
 *
 * <p>Not thread safe.
 */
public final class LogReader implements AutoCloseable {
    /** For {@code exactEnd}: the end is to be found. */
    public static final long UNKNOWN_END = -1;

    private static final int WINDOW_BYTES = 1 << 20;

    private final Path path;
    private final long number;
    private final ChainFile file;
    private final long fileBytes;

    /** A window of the file: {@code windowBytes} bytes from {@code windowStart}. */
    private MemorySegment window;

    private long windowStart;
    private long windowBytes;

    /** Hears of each record with operations, in order. */
    @FunctionalInterface
    public interface Visitor {
        /**
         * Hears that the log has its start record.
         *
         * @param sequence of the first operation to come
         */
        default void started(long sequence) {}

        /**
         * Hears of a record.
         *
         * @param sequence of the first operation
         * @param count operations
         * @param bytes off-heap memory that holds the operations, valid during the call
         * @param offset where they start in it
         * @param length their bytes
         */
        void record(long sequence, int count, MemorySegment bytes, long offset, long length);
    }

    /**
     * What a log held.
     *
     * @param end where it ends, in bytes
     * @param firstSequence what the first operation's number is, or would be; -1 when the log was never started
     * @param nextSequence the number after the last operation's; -1 when the log was never started
     * @param records records read
     * @param operations operations read
     */
    public record Result(long end, long firstSequence, long nextSequence, long records, long operations) {
        /** Whether it has its start record; otherwise it was made ahead of use and never used. */
        public boolean isStarted() {
            return firstSequence >= 0;
        }

        /** Whether a log that follows would go on just as well after the one before this one. */
        public boolean isEmpty() {
            return nextSequence == firstSequence;
        }
    }

    /**
     * Opens a log.
     *
     * @param path the file
     * @param number its number
     */
    public LogReader(Path path, long number) {
        this.path = path;
        this.number = number;
        file = ChainFile.openToRead(path);
        fileBytes = file.size();
        window = NativeMemory.allocate(WINDOW_BYTES, "log reader");
    }

    /**
     * Reads the log.
     *
     * @param exactEnd where it is known to end, or {@link #UNKNOWN_END}
     * @param growing whether the file goes on after the exact end, since the log is in use
     * @throws CorruptionException when it is damaged; the visitor has heard of the records before that
     */
    public Result read(long exactEnd, boolean growing, Visitor visitor) {
        boolean known = exactEnd != UNKNOWN_END;
        long limit = known ? exactEnd : fileBytes;
        if (known && !growing && fileBytes != LogFormat.blockCeiling(exactEnd)) {
            throw new CorruptionException(
                    path,
                    Math.min(fileBytes, exactEnd),
                    "a file of " + LogFormat.blockCeiling(exactEnd) + " bytes",
                    "one of " + fileBytes);
        }
        if (known && fileBytes < exactEnd) {
            throw new CorruptionException(path, fileBytes, "a log of " + exactEnd + " bytes", "the end of the file");
        }
        long position = 0;
        long firstSequence = -1;
        long sequence = -1;
        long records = 0;
        long operations = 0;
        while (!known || position < limit) {
            long address = record(position, limit);
            if (address < 0) {
                if (known) {
                    throw new CorruptionException(path, position, "a record", describe(position));
                }
                long witness = witness(position);
                if (witness >= 0) {
                    throw new CorruptionException(
                            path,
                            position,
                            "a record, which the record at " + witness + " says was durable",
                            describe(position));
                }
                break;
            }
            long payload = Memory.getInt(address + LogFormat.PAYLOAD) & 0xffff_ffffL;
            long first = Memory.getLong(address + LogFormat.SEQUENCE);
            int count = Memory.getInt(address + LogFormat.COUNT);
            if (position == 0) {
                checkStart(address, payload, count);
                firstSequence = first;
                sequence = first;
                visitor.started(first);
            }
            if (first != sequence) {
                throw new CorruptionException(path, position, "operation " + sequence, "operation " + first);
            }
            if (count > 0) {
                visitor.record(first, count, Memory.ALL, address + LogFormat.HEADER_BYTES, payload);
                operations += count;
            }
            sequence += count;
            if (count == 0 && payload == LogFormat.SKIP_PAYLOAD_BYTES) {
                sequence = skipTo(position, sequence, Memory.getLong(address + LogFormat.HEADER_BYTES));
            }
            records++;
            position += LogFormat.recordBytes(payload);
        }
        if (known && !growing) {
            checkZeros(exactEnd, fileBytes);
        }
        return new Result(position, firstSequence, sequence, records, operations);
    }

    private long skipTo(long position, long sequence, long next) {
        if (next <= sequence) {
            throw new CorruptionException(
                    path, position, "an operation after " + sequence + " to go on with", "operation " + next);
        }
        return next;
    }

    private void checkStart(long address, long payload, int count) {
        boolean start = payload == LogFormat.START_PAYLOAD_BYTES
                && count == 0
                && Memory.getLong(address + LogFormat.HEADER_BYTES) == LogFormat.MAGIC;
        if (!start) {
            throw new CorruptionException(path, 0, "a log's start record", "another record");
        }
        int version = Memory.getInt(address + LogFormat.HEADER_BYTES + 8);
        if (version > LogFormat.VERSION) {
            throw new StoreFormatException(path, "log version " + version, LogFormat.VERSION);
        }
        if (version < LogFormat.VERSION_MIN) {
            throw new CorruptionException(
                    path,
                    LogFormat.HEADER_BYTES + 8,
                    "log version " + LogFormat.VERSION_MIN + " to " + LogFormat.VERSION,
                    "version " + version);
        }
    }

    private void checkZeros(long from, long to) {
        if (to == from) {
            return;
        }
        long address = bytes(from, to - from);
        for (long at = 0; at < to - from; at++) {
            if (Memory.getByte(address + at) != 0) {
                throw new CorruptionException(
                        path, from + at, "zeros after the last record", "%#x".formatted(Memory.getByte(address + at)));
            }
        }
    }

    /** The address of the valid record at a position; -1 when there is none that ends before the limit. */
    private long record(long position, long limit) {
        if (position + LogFormat.HEADER_BYTES > limit) {
            return -1;
        }
        long address = bytes(position, LogFormat.HEADER_BYTES);
        if (Memory.getInt(address + LogFormat.LOG) != (int) number) {
            return -1;
        }
        long total = LogFormat.recordBytes(Memory.getInt(address + LogFormat.PAYLOAD) & 0xffff_ffffL);
        if (total > limit - position) {
            return -1;
        }
        address = bytes(position, total);
        long hash = Xxh64.hash(
                Memory.ALL, address + LogFormat.PAYLOAD, total - LogFormat.PAYLOAD, LogFormat.seed(number, position));
        return hash == Memory.getLong(address + LogFormat.HASH) ? address : -1;
    }

    /** The position of a valid record after {@code gap} that attests bytes after {@code gap}; -1 when there is none. */
    private long witness(long gap) {
        for (long at = gap + 8; at + LogFormat.HEADER_BYTES <= fileBytes; at += 8) {
            long address = bytes(at, LogFormat.HEADER_BYTES);
            if (Memory.getInt(address + LogFormat.LOG) != (int) number) {
                continue;
            }
            long distance = (Memory.getInt(address + LogFormat.DISTANCE) & 0xffff_ffffL) << 3;
            if (at - distance > gap && record(at, fileBytes) >= 0) {
                return at;
            }
        }
        return -1;
    }

    private String describe(long position) {
        if (position + LogFormat.HEADER_BYTES > fileBytes) {
            return "the end of the file";
        }
        byte[] header = Memory.toArray(bytes(position, LogFormat.HEADER_BYTES), LogFormat.HEADER_BYTES);
        return "bytes with a wrong hash or length, beginning "
                + HexFormat.ofDelimiter(" ").formatHex(header);
    }

    /** The address of a piece of the file, valid until the next call. */
    private long bytes(long position, long length) {
        if (position < windowStart || position + length > windowStart + windowBytes) {
            if (length > window.byteSize()) {
                MemorySegment larger = NativeMemory.allocate(length, "log reader");
                NativeMemory.free(window);
                window = larger;
            }
            windowStart = position;
            windowBytes = Math.min(window.byteSize(), fileBytes - position);
            file.readFully(window, 0, windowBytes, position);
        }
        return window.address() + (position - windowStart);
    }

    @Override
    public void close() {
        NativeMemory.free(window);
        file.close();
    }
}
