package dev.catena.engine.log;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Memory;
import dev.catena.io.memory.Threads;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Reads and checks logs in a thread of its own, ahead of who takes the records: while a store is opened that has better to do at first,
 * as nothing but the files is needed for it, and then on the other processor.
 *
 * <p>Records are handed over in chunks, copied; so many bytes are read ahead and no more. What {@link LogReader} throws is thrown where
 * the records before that have been taken.
 *
 * <p>One thread takes. The chunks' content belongs to the thread that has them; the lists of them are under the lock.
 */
public final class LogAhead implements AutoCloseable {
    private static final int CHUNK_BYTES = 1 << 20;
    private static final int CHUNKS_MAX = 64;

    /**
     * A log to be read.
     *
     * @param number its number
     * @param path the file
     * @param exactEnd where it is known to end, or {@link LogReader#UNKNOWN_END}
     */
    public record Source(long number, Path path, long exactEnd) {}

    /** Records of a log, and what else there is to hear of it. */
    private static final class Chunk implements AutoCloseable {
        final Buffer bytes;
        long used;
        int records;
        long[] sequences = new long[1024];
        int[] counts = new int[1024];
        long[] ends = new long[1024];

        @Nullable
        Source log;

        /** What the log begins with, when it begins with this chunk; otherwise -1. */
        long started = -1;

        /** What the whole log held, when it ends with this chunk. */
        LogReader.@Nullable Result result;

        Chunk(int bytes) {
            this.bytes = new Buffer(bytes, "log reader");
        }

        void begin(Source from) {
            log = from;
            used = 0;
            records = 0;
            started = -1;
            result = null;
        }

        void add(long sequence, int count, MemorySegment from, long offset, long length) {
            if (records == sequences.length) {
                sequences = Arrays.copyOf(sequences, 2 * records);
                counts = Arrays.copyOf(counts, 2 * records);
                ends = Arrays.copyOf(ends, 2 * records);
            }
            bytes.ensure(used + length, used);
            MemorySegment.copy(from, offset, bytes.segment(), used, length);
            used += length;
            sequences[records] = sequence;
            counts[records] = count;
            ends[records] = used;
            records++;
        }

        @Override
        public void close() {
            bytes.close();
        }
    }

    /** Ends the thread. */
    private static final class Closed extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private final List<Source> logs;
    private final int chunkBytes;
    private final int chunksMax;
    private final Thread thread;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Deque<Chunk> filled = new ArrayDeque<>();
    private final Deque<Chunk> empty = new ArrayDeque<>();
    private final List<Chunk> made = new ArrayList<>();
    private @Nullable Throwable failure;
    private boolean closed;

    /** Begins to read. */
    public LogAhead(List<Source> logs) {
        this(logs, CHUNK_BYTES, CHUNKS_MAX);
    }

    /** As {@link #LogAhead(List)}, with other chunks, two at least. */
    LogAhead(List<Source> logs, int chunkBytes, int chunksMax) {
        this.logs = logs;
        this.chunkBytes = chunkBytes;
        this.chunksMax = chunksMax;
        thread = Thread.ofPlatform().daemon().name("catena-replay").unstarted(this::readAll);
        if (!logs.isEmpty()) {
            thread.start();
        }
    }

    // ---- The thread.

    private void readAll() {
        try {
            for (Source log : logs) {
                read(log);
            }
        } catch (Closed e) {
            // nobody takes any more
        } catch (RuntimeException | Error e) {
            lock.lock();
            try {
                failure = e;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private void read(Source log) {
        Filler filler = new Filler(log);
        try (LogReader reader = new LogReader(log.path, log.number)) {
            LogReader.Result result = reader.read(log.exactEnd, false, filler);
            filler.chunk.result = result; // of the chunk that is filled by now
        } finally {
            hand(filler.chunk);
        }
    }

    private final class Filler implements LogReader.Visitor {
        private final Source log;
        Chunk chunk;

        Filler(Source log) {
            this.log = log;
            chunk = emptyChunk(log);
        }

        @Override
        public void started(long sequence) {
            chunk.started = sequence;
        }

        @Override
        public void record(long sequence, int count, MemorySegment bytes, long offset, long length) {
            if (chunk.used + length > chunkBytes && chunk.records > 0) {
                Chunk full = chunk;
                chunk = emptyChunk(log); // which may fail: then the full one is handed over at the end
                hand(full);
            }
            chunk.add(sequence, count, bytes, offset, length);
        }
    }

    private Chunk emptyChunk(Source log) {
        lock.lock();
        try {
            while (!closed && empty.isEmpty() && made.size() == chunksMax) {
                changed.awaitUninterruptibly();
            }
            if (closed) {
                throw new Closed();
            }
            if (empty.isEmpty()) {
                Chunk chunk = new Chunk(chunkBytes);
                made.add(chunk);
                empty.push(chunk);
            }
            Chunk chunk = empty.pop();
            chunk.begin(log);
            return chunk;
        } finally {
            lock.unlock();
        }
    }

    private void hand(Chunk chunk) {
        lock.lock();
        try {
            filled.add(chunk);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    // ---- Who takes.

    /**
     * Takes the next log: as {@link LogReader#read} of it.
     *
     * @param log which it is
     */
    public LogReader.Result read(Source log, LogReader.Visitor visitor) {
        while (true) {
            Chunk chunk = take();
            try {
                if (!log.equals(chunk.log)) {
                    throw new AssertionError("records of " + chunk.log + " as those of " + log);
                }
                if (chunk.started >= 0) {
                    visitor.started(chunk.started);
                }
                long from = 0;
                for (int i = 0; i < chunk.records; i++) {
                    long end = chunk.ends[i];
                    visitor.record(
                            chunk.sequences[i], chunk.counts[i], Memory.ALL, chunk.bytes.address() + from, end - from);
                    from = end;
                }
                if (chunk.result != null) {
                    return chunk.result;
                }
            } finally {
                giveBack(chunk);
            }
        }
    }

    private Chunk take() {
        lock.lock();
        try {
            while (filled.isEmpty() && failure == null) {
                changed.awaitUninterruptibly();
            }
            if (!filled.isEmpty()) {
                return filled.remove();
            }
            if (failure instanceof RuntimeException e) {
                throw e;
            }
            throw failure instanceof Error e ? e : new AssertionError(failure);
        } finally {
            lock.unlock();
        }
    }

    private void giveBack(Chunk chunk) {
        lock.lock();
        try {
            empty.push(chunk);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Ends reading, wherever it is. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        Threads.end(thread);
        made.forEach(Chunk::close);
    }
}
