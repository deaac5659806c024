package dev.catena.engine.log;

import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.Region;
import java.nio.file.Path;

/**
 * One log file and how much of it can be overwritten in place.
 *
 * <p>A write into blocks that the file has already (zeros written ahead, or what a recycled file held) changes no metadata and is
 * the cheapest durable write there is. The log thread writes zeros ahead of use; when a flush gets ahead of it, the flush extends the
 * file itself. The two never write the same bytes: both move {@link #written} under this object's monitor, the log thread holding it
 * while it writes a piece.
 */
final class LogFile {
    /** Zeros written at once, in bytes: short, since a flush may have to wait for it. */
    static final int PIECE_BYTES = 256 << 10;

    final long number;
    final Path path;
    final ChainFile file;

    /** Everything before this offset has blocks, or is being written by a flush. Grows, under the monitor. */
    private volatile long written;

    private boolean closed;

    /** Whether zeros could not be written: no more are tried, and flushes extend the file, or fail, themselves. */
    private volatile boolean aheadFailed;

    /** Where its records end, once it is sealed. */
    private volatile long end;

    LogFile(long number, Path path, ChainFile file, long written) {
        this.number = number;
        this.path = path;
        this.file = file;
        this.written = written;
    }

    /** Before a flush writes up to {@code end}: keeps the log thread's zeros away from it. */
    void claim(long end) {
        if (end > written) {
            synchronized (this) {
                written = Math.max(written, end);
            }
        }
    }

    /** Notes where its records end. */
    void seal(long recordsEnd) {
        end = recordsEnd;
    }

    /** Where its records end, once it is sealed. */
    long end() {
        return end;
    }

    /** How far the file can be overwritten. */
    long written() {
        return written;
    }

    /** Writes zeros until the file can be overwritten up to {@code end}, and makes the new size durable. Ends early when closed. */
    void writeAhead(Region zeros, long end) {
        if (!needsAhead(end)) {
            return;
        }
        boolean done = false;
        while (!done) {
            synchronized (this) {
                long from = written;
                if (closed) {
                    done = true;
                } else {
                    done = writePiece(zeros, from, end);
                }
            }
        }
    }

    private boolean writePiece(Region zeros, long from, long end) {
        try {
            if (from >= end) {
                file.sync();
                return true;
            }
            file.write(zeros.segment(), 0, PIECE_BYTES, from);
            written = from + PIECE_BYTES;
            return false;
        } catch (ChainIoException e) {
            aheadFailed = true;
            return true;
        }
    }

    /** Whether zeros are missing before {@code end}, and it makes sense to write them. */
    boolean needsAhead(long end) {
        return written < end && !aheadFailed;
    }

    /** Closes the file once no zeros are being written to it. */
    void close() {
        synchronized (this) {
            if (!closed) {
                closed = true;
                file.close();
            }
        }
    }
}
