package dev.catena.engine.log;

import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.StoreHealth;
import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Placement;
import dev.catena.io.chain.Region;
import dev.catena.io.chain.Step;
import dev.catena.io.memory.NativeMemory;
import dev.catena.io.memory.Xxh64;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The write-ahead log: records are encoded once, into a ring in chain memory, and go from there to the file.
 *
 * <p><b>Positions.</b> A position counts bytes over all log files of this opening; it only grows. The ring is an image of the newest
 * bytes: position {@code p} lies at {@code p mod} {@link #RING_BYTES}. A file begins at a multiple of the block size ({@link
 * #fileBase}), so blocks of ring and file coincide. These grow in this order, each at most the one before it:
 *
 * <pre>
 *   appended    in the ring            moved under the append lock
 *   handed      written to the file    moved by the flush owner
 *   durable     on the device          moved by the flush owner
 * </pre>
 *
 * The ring's bytes from the block that holds {@code handed} on must stay: the next flush writes that block again.
 *
 * <p><b>Who does what.</b> Under the append lock, one thread at a time encodes ({@link #append}) and, when the memtable has the
 * entry too, publishes. A synced write then waits in {@link #commit}, outside the lock: its thread becomes the flush owner and
 * writes everything published, or is woken by the owner that did ({@link FlushOwnership}); virtual threads and futures have that
 * done for them ({@link Committer}). Buffered writes are handed to the
 * operating system by the log thread ({@link LogKeeper}) soon after; when the ring is full the appending thread flushes. Writers are slowed
 * down before it is.
 *
 * <p><b>A flush</b> is one chain run by the thread that wants it: a single write when it is small, durable in itself or followed by a
 * sync ({@link DurableWay}), else several writes and a sync. It always writes whole blocks, from the one that holds {@code handed} to
 * the one that holds the end; the rest of the last block is zeros. What it writes does not change while it is written: small flushes
 * and last blocks are copied to the stage first, as appending goes on meanwhile.
 *
 * <p><b>From file to file.</b> Appending goes on in the next file at once; flushes follow when all of the file before is durable. So who
 * fills a memtable does not wait for the device.
 *
 * <p><b>Invariants.</b> A log file is wholly durable before its successor gets a record. A record's attested position is a record
 * boundary before which everything was durable. A failed flush ends writing for good.
 */
public final class Log {
    static final int RING_BYTES = 8 << 20;
    static final int RING_MASK = RING_BYTES - 1;

    /** Flushes up to this size are copied, and are one write. */
    static final int STAGE_BYTES = 64 << 10;

    /** Chain memory that a log takes: ring, stage, and the zeros for its files. */
    public static final long MEMORY_BYTES = RING_BYTES + STAGE_BYTES + LogFile.PIECE_BYTES;

    /** The longest write of a larger flush. */
    static final int STEP_BYTES = 512 << 10;

    /** A file with so many bytes gets its successor made. */
    private static final int NEXT_AFTER_BYTES = 256 << 10;

    private static final int STEPS_MAX = 32;
    private static final int WRITES_IN_FLIGHT = 4;
    private static final int RECORD_IN_PLACE_BYTES_MAX = RING_BYTES / 4;

    private final StoreHealth health;
    private final Path store;
    private final boolean checked;
    private final ReentrantLock appendLock;
    private final LogFiles files;

    private final Region ring;
    private final Region stage;
    private final long ringAddress;
    private final long stageAddress;
    private final Lane lane;
    private final Chain chain;
    private final FlushOwnership ownership = new FlushOwnership();

    /** Held while a file is synced and until the outcome is known: who syncs after a failure must not take its success for the other's. Taken after the ownership. */
    private final ReentrantLock syncing = new ReentrantLock();

    private final DurableWay durableWay = new DurableWay();
    private final LogKeeper keeper;
    private final Committer committer = new Committer(this);

    /** The file that takes records and where it begins. Changed under the append lock. */
    private volatile LogFile file;

    private volatile long fileBase;

    /** Where the records of the file before it end, as long as flushes have not gone beyond; else -1. Set under the append lock, undone by the flush owner. */
    private volatile long switchAt = -1;

    /** The file that flushes write to, and where it begins: {@link #file}, but while a switch is to be made. Changed by the flush owner. */
    private volatile LogFile flushed;

    private volatile long flushedBase;

    private volatile long appended;

    /** The end of the last published record; at most {@code appended}, which runs ahead while a record bigger than the ring streams. */
    private volatile long published;

    private volatile long handed;
    private volatile long durable;

    /** A record boundary before which everything is durable. */
    private volatile long attestable;

    /** The end of the last record with operations, and the position that the last record attests. Under the append lock. */
    private volatile long dataEnd;

    private volatile long attested;

    /** Where the record being encoded ends. Under the append lock. */
    private long encodedEnd;

    /** The sequence number of the first operation after it, and after what is published. Under the append lock. */
    private long encodedNextSequence;

    private long nextSequence;

    /** Where the operations that were encoded last lie in the ring; 0 when not in one piece. Under the append lock. */
    private long encodedOperations;

    private int encodedChecksum;
    private volatile boolean broken;

    private final LongAdder durableFlushes = new LongAdder();
    private final LongAdder bufferedFlushes = new LongAdder();
    private final LongAdder flushedBytes = new LongAdder();
    private long records;
    private long recordBytes;

    /**
     * A log that ended.
     *
     * @param number its number
     * @param end its exact end, in bytes
     */
    public record End(long number, long end) {}

    /**
     * Counters.
     *
     * @param records records appended
     * @param bytes their bytes
     * @param durableFlushes flushes to the device
     * @param bufferedFlushes flushes to the operating system
     * @param flushedBytes bytes that flushes wrote
     */
    public record Counters(long records, long bytes, long durableFlushes, long bufferedFlushes, long flushedBytes) {}

    /**
     * Starts a log in a new file.
     *
     * @param runtime what runs the flushes
     * @param directory where files are made
     * @param health told of failures
     * @param appendLock held by whoever appends
     * @param numbers gives numbers for files
     * @param recycleBytesMax files bigger than this are deleted rather than used again
     * @param nextSequence the sequence number that the log before goes on with, else that of the first operation to come
     * @param checked whether operations get checksums, and those of batches are compared
     */
    public Log(
            ChainRuntime runtime,
            StoreDirectory directory,
            StoreHealth health,
            ReentrantLock appendLock,
            LongSupplier numbers,
            long recycleBytesMax,
            long nextSequence,
            boolean checked) {
        this.health = health;
        this.checked = checked;
        store = directory.path();
        this.appendLock = appendLock;
        ring = runtime.allocate(RING_BYTES, "log ring");
        stage = runtime.allocate(STAGE_BYTES, "log stage");
        ringAddress = ring.segment().address();
        stageAddress = stage.segment().address();
        lane = runtime.lane(Placement.IN_CONTEXT);
        chain = lane.chain(STEPS_MAX, "log");
        this.nextSequence = nextSequence;
        boolean complete = false;
        try {
            files = new LogFiles(runtime, directory, numbers, recycleBytesMax);
            complete = true;
        } finally {
            if (!complete) {
                closeMemory();
            }
        }
        file = files.current();
        flushed = file;
        begin(file, -1);
        settle();
        keeper = new LogKeeper(this, appendLock);
    }

    /** Starts the log's thread. */
    public void start() {
        keeper.start();
    }

    /** The number of the file that takes records. */
    public long number() {
        return file.number;
    }

    // ---- Appending: under the append lock.

    /**
     * Encodes a record of one operation; operations that come before it and are in no record are not logged. Nothing is promised until {@link #publish}; without it the next append overwrites it.
     *
     * @return the position of the record's end, for {@link #commit}
     */
    public long append(
            long sequence,
            int kind,
            int family,
            MemorySegment key,
            long keyOffset,
            int keyLength,
            MemorySegment value,
            long valueOffset,
            int valueLength) {
        int headerBytes = Operations.headerBytes(family, keyLength, valueLength, checked);
        long payload = (long) headerBytes + keyLength + valueLength;
        skipTo(sequence);
        long bytes = LogFormat.recordBytes(payload);
        if (!fitsInPlace(bytes)) {
            MemorySegment header = MemorySegment.ofArray(new byte[headerBytes]);
            Operations.putHeader(header, 0, kind, family, keyLength, valueLength, checked);
            if (checked) {
                encodedChecksum = EntryChecksum.ofOperation(
                        kind,
                        family,
                        EntryChecksum.hash(key.asSlice(keyOffset), keyLength, EntryChecksum.KEY),
                        EntryChecksum.hash(value.asSlice(valueOffset), valueLength, EntryChecksum.VALUE));
                Operations.putChecksum(header, headerBytes, encodedChecksum);
            }
            encodedOperations = 0;
            return appendPieces(
                    sequence,
                    1,
                    payload,
                    new Piece(header, 0, headerBytes),
                    new Piece(key, keyOffset, keyLength),
                    new Piece(value, valueOffset, valueLength));
        }
        long address = ringAddress + (appended & RING_MASK);
        long operation = address + LogFormat.HEADER_BYTES;
        long at = Operations.putHeader(Memory.ALL, operation, kind, family, keyLength, valueLength, checked);
        long valueAt = at + keyLength;
        MemorySegment.copy(key, keyOffset, Memory.ALL, at, keyLength);
        MemorySegment.copy(value, valueOffset, Memory.ALL, valueAt, valueLength);
        if (checked) {
            encodedChecksum = EntryChecksum.ofOperation(kind, family, at, keyLength, valueAt, valueLength);
            Operations.putChecksum(Memory.ALL, at, encodedChecksum);
            if (!Memory.isCopy(key, keyOffset, Memory.ALL, at, keyLength)
                    || !Memory.isCopy(value, valueOffset, Memory.ALL, valueAt, valueLength)) {
                throw new IllegalStateException("key or value was changed while it was written");
            }
        }
        encodedOperations = operation;
        return seal(address, sequence, 1, payload, bytes);
    }

    /** Encodes a record of several operations, encoded already; see {@link #append}. */
    public long appendBatch(long sequence, int count, MemorySegment operations, long length) {
        skipTo(sequence);
        long bytes = LogFormat.recordBytes(length);
        if (!fitsInPlace(bytes)) {
            check(operations, 0, length);
            encodedOperations = 0;
            return appendPieces(sequence, count, length, new Piece(operations, 0, length));
        }
        long address = ringAddress + (appended & RING_MASK);
        encodedOperations = address + LogFormat.HEADER_BYTES;
        MemorySegment.copy(operations, 0, Memory.ALL, encodedOperations, length);
        long end = seal(address, sequence, count, length, bytes);
        check(Memory.ALL, encodedOperations, length); // after the record's hash: what is whole here it is of
        return end;
    }

    /** Compares operations of a batch with their checksums. */
    public void check(MemorySegment operations, long offset, long length) {
        if (checked) {
            Operations each = new Operations(operations, offset, length);
            while (each.next()) {
                if (!each.isWhole()) {
                    throw each.damage(store, "a batch, in an operation");
                }
            }
            if (each.problem() != null) {
                throw new IllegalStateException("a batch was changed while it was written: it has " + each.problem());
            }
        }
    }

    /** The address of what was encoded last, until the next append; 0 when it does not lie in one piece. */
    public long encodedOperations() {
        return encodedOperations;
    }

    /** The checksum of the single operation that was encoded last; means nothing if there are to be none. */
    public int encodedChecksum() {
        return encodedChecksum;
    }

    /** Says that what was encoded last will not be published. When part of it is in the file already, that is the end of writing. */
    public void abandon(Throwable why) {
        if (appended != published) {
            throw health.fail(why);
        }
    }

    /** Lets flushes take what was encoded last. */
    public void publish() {
        long end = encodedEnd;
        records++;
        recordBytes += end - published;
        nextSequence = encodedNextSequence;
        dataEnd = end;
        makePublic(end);
        keeper.published(end - handed);
    }

    /**
     * Goes on in a new file. Nobody waits for the one before: flushes get to the new one when that is durable ({@link #finishSwitch}).
     *
     * @return the new file's number
     */
    public long switchFile() {
        health.check();
        finishSwitch(); // of the last time
        long end = published;
        makeRoom(LogFormat.blockCeiling(end) + LogFormat.START_BYTES);
        begin(files.takeNext(end - fileBase), end);
        keeper.nudge();
        return file.number;
    }

    /** Returns when every file before the one that takes records is durable. */
    public void finishSwitch() {
        if (switchAt >= 0 && !broken) {
            handOver(false);
        }
    }

    /** Appends a record without operations that says what is durable, and makes it durable too. */
    void attest() {
        appendWithoutOperations(new byte[0]);
    }

    /** Has the log go on with this operation: those before it that it does not have were not logged. */
    private void skipTo(long sequence) {
        if (sequence != nextSequence) {
            appendWithoutOperations(ByteBuffer.allocate(LogFormat.SKIP_PAYLOAD_BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(sequence)
                    .array());
            nextSequence = sequence;
        }
    }

    private void appendWithoutOperations(byte[] payload) {
        MemorySegment bytes = MemorySegment.ofArray(payload);
        long recordBytes = LogFormat.recordBytes(payload.length);
        if (fitsInPlace(recordBytes)) {
            long address = ringAddress + (appended & RING_MASK);
            MemorySegment.copy(bytes, 0, Memory.ALL, address + LogFormat.HEADER_BYTES, payload.length);
            seal(address, nextSequence, 0, payload.length, recordBytes);
        } else {
            appendPieces(nextSequence, 0, payload.length, new Piece(bytes, 0, payload.length));
        }
        records++;
        this.recordBytes += recordBytes;
        makePublic(encodedEnd);
    }

    private boolean fitsInPlace(long bytes) {
        if (bytes > RECORD_IN_PLACE_BYTES_MAX || (appended & RING_MASK) + bytes > RING_BYTES) {
            return false;
        }
        makeRoom(appended + bytes);
        return true;
    }

    /** Waits until the ring can take bytes up to {@code end}, flushing it if need be. */
    private void makeRoom(long end) {
        while (end > LogFormat.blockFloor(handed) + RING_BYTES) {
            ownership.own();
            try {
                flush(false);
            } finally {
                ownership.release(durable, broken);
            }
        }
    }

    /** Completes a record that lies in one piece and whose payload is in place. */
    private long seal(long address, long sequence, int count, long payload, long bytes) {
        for (long at = LogFormat.HEADER_BYTES + payload; at < bytes; at++) {
            Memory.putByte(address + at, (byte) 0);
        }
        long position = appended - fileBase;
        LogFormat.putHeader(address, payload, file.number, sequence, count, distance());
        long hash = Xxh64.hash(
                Memory.ALL,
                address + LogFormat.PAYLOAD,
                bytes - LogFormat.PAYLOAD,
                LogFormat.seed(file.number, position));
        Memory.putLong(address + LogFormat.HASH, hash);
        encodedEnd = appended + bytes;
        encodedNextSequence = sequence + count;
        return encodedEnd;
    }

    private long distance() {
        long boundary = Math.max(attestable, fileBase);
        attested = boundary;
        return appended - boundary;
    }

    /** A part of a record's payload. */
    private record Piece(MemorySegment bytes, long offset, long length) {}

    /**
     * Encodes a record that wraps around the ring or is too big for it. Hashes it first, where it is, and again as it was copied:
     * the caller may change it meanwhile, and a record with a wrong hash would end the log.
     */
    private long appendPieces(long sequence, int count, long payload, Piece... pieces) {
        long bytes = LogFormat.recordBytes(payload);
        MemorySegment scratch =
                NativeMemory.allocateZeroed(2 * HashStream.SCRATCH_BYTES + LogFormat.HEADER_BYTES + 8, "log");
        try {
            long header = scratch.address() + 2 * HashStream.SCRATCH_BYTES;
            long padding = header + LogFormat.HEADER_BYTES;
            long paddingBytes = bytes - LogFormat.HEADER_BYTES - payload;
            long seed = LogFormat.seed(file.number, appended - fileBase);
            LogFormat.putHeader(header, payload, file.number, sequence, count, distance());
            HashStream before = new HashStream(scratch.address());
            before.begin(seed);
            before.update(Memory.ALL, header + LogFormat.PAYLOAD, LogFormat.HEADER_BYTES - LogFormat.PAYLOAD);
            for (Piece piece : pieces) {
                before.update(piece.bytes, piece.offset, piece.length);
            }
            before.update(Memory.ALL, padding, paddingBytes);
            long hash = before.end();
            Memory.putLong(header + LogFormat.HASH, hash);

            long begin = appended;
            HashStream copied = new HashStream(scratch.address() + HashStream.SCRATCH_BYTES);
            copied.begin(seed);
            encodedEnd = begin;
            try {
                copyIn(Memory.ALL, header, LogFormat.PAYLOAD, null);
                copyIn(Memory.ALL, header + LogFormat.PAYLOAD, LogFormat.HEADER_BYTES - LogFormat.PAYLOAD, copied);
                for (Piece piece : pieces) {
                    copyIn(piece.bytes, piece.offset, piece.length, copied);
                }
                copyIn(Memory.ALL, padding, paddingBytes, copied);
                if (copied.end() != hash) {
                    throw new IllegalStateException("key or value was changed while it was written");
                }
            } catch (RuntimeException e) {
                if (appended != begin) {
                    throw health.fail(e); // Part of it may be in the file: there is no way back.
                }
                throw e;
            }
            encodedNextSequence = sequence + count;
            return encodedEnd;
        } finally {
            NativeMemory.free(scratch);
        }
    }

    /** Copies bytes to the ring at {@link #encodedEnd}, flushing as it fills. */
    private void copyIn(MemorySegment bytes, long offset, long length, @Nullable HashStream hash) {
        long at = offset;
        long rest = length;
        while (rest > 0) {
            long room = LogFormat.blockFloor(handed) + RING_BYTES - encodedEnd;
            if (room == 0) {
                appended = encodedEnd;
                makeRoom(encodedEnd + 1);
                continue;
            }
            long ringOffset = encodedEnd & RING_MASK;
            long take = Math.min(Math.min(rest, room), RING_BYTES - ringOffset);
            MemorySegment.copy(bytes, at, Memory.ALL, ringAddress + ringOffset, take);
            if (hash != null) {
                hash.update(Memory.ALL, ringAddress + ringOffset, take);
            }
            encodedEnd += take;
            at += take;
            rest -= take;
        }
    }

    private void makePublic(long end) {
        appended = end; // before published: a flush reads them the other way round
        published = end;
    }

    /** Goes on in a file after what came before, which ends there; -1 if there was nothing. */
    private void begin(LogFile next, long end) {
        long base = LogFormat.blockCeiling(appended);
        fileBase = base; // before the file: the log thread reads them the other way round
        file = next;
        dataEnd = base;
        switchAt = end; // before anything is published behind it
        long address = ringAddress + (base & RING_MASK);
        Memory.putLong(address + LogFormat.HEADER_BYTES, LogFormat.MAGIC);
        Memory.putInt(address + LogFormat.HEADER_BYTES + 8, LogFormat.VERSION);
        Memory.putInt(address + LogFormat.HEADER_BYTES + 12, 0);
        appended = base;
        seal(address, nextSequence, 0, LogFormat.START_PAYLOAD_BYTES, LogFormat.START_BYTES);
        makePublic(encodedEnd);
    }

    /** Flushes go on in {@link #file}: what comes before it is durable. */
    private void settle() {
        long base = fileBase;
        handed = base;
        durable = base;
        attestable = base;
        flushedBase = base;
    }

    // ---- Flushing: outside the append lock, as the flush owner.

    /** Returns when everything before {@code position} is durable. */
    public void commit(long position) {
        if (durable >= position) {
            return;
        }
        if (Thread.currentThread().isVirtual()) {
            committer.await(position);
        } else if (ownership.ownOrAwait(position)) {
            try {
                if (durable < position) {
                    linger();
                    flush(true);
                }
            } finally {
                ownership.release(durable, broken);
            }
        }
        if (durable < position) {
            health.check();
            throw new AssertionError("released without durability or failure");
        }
    }

    /** As {@link #commit}, without waiting: the future completes, in the common pool, or fails when writing fails. */
    public CompletableFuture<@Nullable Void> commitLater(long position) {
        return durable >= position ? CompletableFuture.completedFuture(null) : committer.future(position);
    }

    /** Makes everything published so far durable. */
    public void sync() {
        commit(published);
    }

    /** How much of the ring holds what was not handed to the operating system. */
    public double full() {
        return (double) (appended - handed) / RING_BYTES;
    }

    /** The end of what is published, for {@link #commit}. */
    public long published() {
        return published;
    }

    /** Hands everything published so far to the operating system, or to the device. */
    void handOver(boolean toDevice) {
        ownership.own();
        try {
            flush(toDevice);
        } finally {
            ownership.release(durable, broken);
        }
    }

    /**
     * As {@link #handOver} to the device, for the log thread: while the device is busy, which may be long, others go on handing over.
     */
    void handOverAndSync() {
        LogFile synced;
        long end;
        long boundary;
        ownership.own();
        try {
            boundary = published;
            flush(false);
            synced = flushed;
            end = handed;
        } finally {
            ownership.release(durable, broken);
        }
        syncing.lock();
        try {
            if (flushed == synced && !broken) { // else durable, or never
                synced.file.sync();
                durableFlushes.increment();
            }
        } catch (RuntimeException | Error e) {
            broken = true;
            throw health.fail(e);
        } finally {
            syncing.unlock();
            ownership.own();
            if (durable < end && !broken) {
                durable = end;
                attestable = Math.max(attestable, boundary);
            }
            ownership.release(durable, broken);
        }
    }

    /** Gives the threads that the last flush woke a moment to publish again, so that this flush serves them too. */
    private void linger() {
        int expected = ownership.expected();
        if (ownership.waiting() >= expected) {
            return;
        }
        long deadline = System.nanoTime() + LINGER_NANOS;
        while (ownership.waiting() < expected && System.nanoTime() < deadline) {
            Thread.yield();
        }
    }

    /** How long a flush waits at most for those that the last one woke: less than a flush takes. */
    static final long LINGER_NANOS = 100_000;

    /** Writes what is appended and not handed over; makes it durable if wanted, with all that was handed over before. */
    private void flush(boolean toDevice) {
        long boundary = published;
        long end = appended;
        ownership.flushing(boundary);
        long switched = switchAt; // read after the end
        if (switched >= 0 && end > switched) {
            syncing.lock();
            try {
                write(switched, switched, true);
                flushed = files.advance();
                settle();
                switchAt = -1;
            } finally {
                syncing.unlock();
            }
        }
        if (toDevice) {
            syncing.lock();
            try {
                write(boundary, end, true);
            } finally {
                syncing.unlock();
            }
        } else {
            write(boundary, end, false);
        }
    }

    /** Writes up to an end in the file that flushes write to; see {@link #flush}. */
    private void write(long boundary, long end, boolean toDevice) {
        if (broken) {
            health.check();
            throw new AssertionError("broken without a failure");
        }
        boolean anythingNew = end > handed;
        if (!anythingNew && (!toDevice || durable >= end)) {
            return;
        }
        LogFile target = flushed;
        long base = flushedBase;
        try {
            chain.begin().window(WRITES_IN_FLIGHT);
            boolean small = false;
            boolean syncsItself = false;
            long began = 0;
            if (anythingNew) {
                long from = LogFormat.blockFloor(handed);
                long to = LogFormat.blockCeiling(end);
                target.claim(to - base);
                flushedBytes.add(to - from);
                if (to - from <= STAGE_BYTES) {
                    stage(from, end, to);
                    Step step = write(target.file, stage, 0, to - from, from - base);
                    small = toDevice && handed == durable;
                    if (small) {
                        began = System.nanoTime();
                        syncsItself = durableWay.syncsItself();
                        if (!syncsItself) {
                            step.durable();
                        }
                    }
                } else {
                    long tail = LogFormat.blockFloor(end);
                    for (long at = from; at < tail; ) {
                        long ringOffset = at & RING_MASK;
                        long length = Math.min(Math.min(tail - at, STEP_BYTES), RING_BYTES - ringOffset);
                        write(target.file, ring, ringOffset, length, at - base);
                        at += length;
                    }
                    if (tail < end) {
                        stage(tail, end, to);
                        write(target.file, stage, 0, to - tail, tail - base);
                    }
                }
            }
            if (toDevice && !small) {
                chain.sync(target.file).barrier();
            }
            chain.run().throwIfFailed("flush", target.path, LogFormat.blockFloor(handed) - base);
            if (syncsItself) {
                target.file.sync();
            }
            if (small) {
                durableWay.took(System.nanoTime() - began);
            }
        } catch (RuntimeException | Error e) {
            broken = true;
            throw health.fail(e);
        }
        handed = end;
        if (toDevice) {
            durable = end;
            attestable = Math.max(attestable, boundary);
            durableFlushes.increment();
        } else {
            bufferedFlushes.increment();
        }
    }

    private Step write(ChainFile target, Region from, long offset, long length, long position) {
        return chain.write(target, from, offset, (int) length, position);
    }

    /** Copies ring bytes to the stage and fills up with zeros to {@code to}. */
    private void stage(long from, long end, long to) {
        long ringOffset = from & RING_MASK;
        long first = Math.min(end - from, RING_BYTES - ringOffset);
        Memory.copy(ringAddress + ringOffset, stageAddress, first);
        Memory.copy(ringAddress, stageAddress + first, end - from - first);
        for (long at = end - from; at < to - from; at += Long.BYTES) { // records end at multiples of that
            Memory.putLong(stageAddress + at, 0);
        }
    }

    /** Says that logs with lower numbers hold nothing that is not in tables. */
    public void obsolete(long below) {
        files.obsolete(below);
        keeper.nudge();
    }

    /** Bytes of records in files before the current one that hold operations not known to be in tables. */
    public long sealedBytes() {
        return files.sealedEnds().stream().mapToLong(End::end).sum();
    }

    /** The numbers of the files that hold records not known to be in tables. */
    public List<Long> fileNumbers() {
        return files.numbers();
    }

    /**
     * Makes everything durable, cuts the files to size and closes the log. Nobody appends or commits any more.
     *
     * @return where the files end; empty when the log failed, so that this cannot be said
     */
    public List<End> close() {
        keeper.stop();
        committer.stop();
        try {
            if (broken) {
                return List.of();
            }
            handOver(true);
            return files.cut(published - fileBase);
        } catch (RuntimeException e) {
            broken = true;
            throw health.fail(e);
        } finally {
            try {
                committer.settle(!health.isWell());
                files.close();
            } finally {
                closeMemory();
            }
        }
    }

    private void closeMemory() {
        chain.close();
        lane.close();
        stage.close();
        ring.close();
    }

    // ---- For the log thread and for figures.

    boolean isBroken() {
        return broken;
    }

    StoreHealth health() {
        return health;
    }

    long appended() {
        return appended;
    }

    long handed() {
        return handed;
    }

    long durable() {
        return durable;
    }

    /** Whether durable operations are there that no record attests. */
    boolean needsAttesting() {
        return attested < Math.min(dataEnd, attestable) && attestable > fileBase;
    }

    /** Whether zeros should be written ahead: not before there are operations, so that only looking into a store writes little. */
    boolean needsZeros() {
        return dataEnd > fileBase && file.needsAhead(appended - fileBase + LogFiles.AHEAD_BYTES);
    }

    /** Whether the next file should be made ahead of use. */
    boolean needsNext() {
        return appended - fileBase >= NEXT_AFTER_BYTES && files.needsNext();
    }

    /** Keeps zeros ahead of use in the current file. */
    void writeAhead() {
        LogFile current = file;
        files.writeAhead(current, appended - fileBase);
    }

    LogFiles files() {
        return files;
    }

    /** Where the records of each file end that is not known to be in tables; the current file's, which grows, last. */
    public List<End> ends() {
        appendLock.lock();
        try {
            finishSwitch();
            List<End> ends = files.sealedEnds();
            ends.add(new End(file.number, published - fileBase));
            return ends;
        } finally {
            appendLock.unlock();
        }
    }

    /** Counters since the log was opened. */
    public Counters counters() {
        appendLock.lock();
        try {
            return new Counters(records, recordBytes, durableFlushes.sum(), bufferedFlushes.sum(), flushedBytes.sum());
        } finally {
            appendLock.unlock();
        }
    }
}
