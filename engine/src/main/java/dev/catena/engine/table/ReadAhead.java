package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Memory;
import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Placement;
import dev.catena.io.chain.Region;
import org.jspecify.annotations.Nullable;

/**
 * Reads a table's data ahead of a walk, in either direction: two halves of a piece of memory, of which the walk uses one while a chain
 * reads what comes next into the other one. As long as the walk has to wait for that it reads twice as much each time, until the halves
 * are full; otherwise little is enough, and stays in the processor's cache. The indexes of the partitions that come next are read along.
 *
 * <p>It only prepares: what cannot be read is the caller's to read, who is told what is wrong, and only if he needs it. Nothing is
 * checked here.
 *
 * <p>A half is used again, and memory given back, when its chain has ended. Not thread safe.
 */
final class ReadAhead implements AutoCloseable {
    private static final String OWNER = "read ahead";

    /** A request: large ones, for which the kernel needs no readahead of its own. */
    private static final int STEP_BYTES = 1 << 20;

    /** Requests in flight at most. */
    private static final int WINDOW_MAX = 64;

    /** Room for indexes beside each half. */
    private static final int INDEX_BYTES = 64 << 10;

    private static final int INDEXES_MAX = 16;

    /** What a half holds when the walk begins. */
    private static final long FIRST_BYTES = 128 << 10;

    /** Who waits longer for a half waits for the device. */
    private static final long WAITED_NANOS = 50_000;

    /** Bytes [start, end) of the file, being read or there. */
    private final class Half {
        final Lane lane;
        final Chain chain;
        final long place;
        long start;
        long end;
        final int[] partitions = new int[INDEXES_MAX];
        int indexes;
        int indexBytes;
        boolean isRunning;

        Half(ChainRuntime runtime, long place) {
            this.place = place;
            lane = runtime.lane(runtime.bindsThreads() ? Placement.RESIDENT : Placement.IN_CONTEXT);
            chain = lane.chain(steps, "read ahead");
        }

        /** What is to be read, and with it some indexes. */
        void begin(long from, long to) {
            await();
            chain.begin().window(Math.min(steps, WINDOW_MAX));
            start = from;
            end = to;
            for (long at = from; at < to; at += STEP_BYTES) {
                chain.read(file, region, place + (at - from), (int) Math.min(STEP_BYTES, to - at), at);
            }
            indexes = 0;
            indexBytes = 0;
        }

        /** Has a partition's index read along; false when there is no room for it. */
        boolean addIndex(int partition) {
            long offset = Partitions.indexStart(table.places(), partition);
            int bytes = (int) (Partitions.indexEnd(table.places(), partition) - offset);
            if (indexes == INDEXES_MAX || bytes > INDEX_BYTES - indexBytes) {
                return false;
            }
            chain.read(file, region, place + halfBytes + indexBytes, bytes, offset);
            partitions[indexes++] = partition;
            indexBytes += bytes;
            return true;
        }

        void start() {
            if (chain.size() > 0) {
                chain.start();
                chain.seal(); // and goes on its way
                isRunning = true;
            }
        }

        /** Waits until everything is there; false when something is not. */
        boolean await() {
            if (isRunning) {
                isRunning = false;
                long began = System.nanoTime();
                failed |= chain.await().result() != 0;
                hasWaited |= System.nanoTime() - began > WAITED_NANOS;
                admitIndexes();
            }
            return !failed;
        }

        /** To the cache, where the walk will look for them. */
        private void admitIndexes() {
            long frame = address(start) + halfBytes;
            for (int i = 0; i < indexes && !failed; i++) {
                frame += table.admitIndex(partitions[i], frame);
            }
        }

        boolean has(long offset) {
            return offset >= start && offset < end;
        }

        long address(long offset) {
            return region.segment().address() + place + (offset - start);
        }

        void close() {
            chain.close();
            lane.close();
        }
    }

    private final ChainReads reads;
    private final TableReader table;
    private final ChainFile file;
    private final long limit;
    private final long halfBytes;
    private final int steps;
    private final Region region;

    /** What the walk uses. */
    private Half current;

    /** What comes next: right behind it, or right before it when the walk goes down. */
    private Half next;

    private final long firstBytes;
    private long nextBytes;
    private boolean hasWaited;
    private boolean failed;

    /** The partition farthest on the way whose index was asked for. */
    private int indexAsked;

    private @Nullable Buffer straddling;

    /**
     * Nothing is read yet. Made by {@link ChainReads#readAhead}.
     *
     * @param halfBytes what a half holds
     * @param whole whether to read as much from the first
     */
    ReadAhead(ChainRuntime runtime, ChainReads reads, TableReader table, long halfBytes, boolean whole) {
        this.reads = reads;
        this.table = table;
        this.halfBytes = halfBytes;
        limit = table.layout().dataEnd();
        firstBytes = whole ? halfBytes : Math.min(FIRST_BYTES, halfBytes);
        nextBytes = firstBytes;
        steps = Integer.highestOneBit(2 * (int) (halfBytes / STEP_BYTES + 1 + INDEXES_MAX) - 1);
        file = table.file();
        region = runtime.allocate(bytes(halfBytes), OWNER);
        current = new Half(runtime, 0);
        next = new Half(runtime, halfBytes + INDEX_BYTES);
    }

    /** Memory for two halves, and the indexes that are read with them. */
    static long bytes(long halfBytes) {
        return 2 * (halfBytes + INDEX_BYTES);
    }

    /** Begins to read from a place on, upwards or downwards. */
    void begin(long offset, int partition, boolean backward) {
        indexAsked = partition;
        current.await();
        next.await();
        current.start = offset;
        current.end = current.start;
        next.start = current.start;
        next.end = current.start;
        fill(partition, backward);
    }

    /** Where a frame of the data is in memory, until the next call; 0 when the caller has to read it. */
    long frame(long offset, long end, int partition, boolean backward) {
        if (failed || end - offset > halfBytes / 2) {
            return 0;
        }
        long last = end - 1;
        if (!(current.has(offset) || next.has(offset)) || !(current.has(last) || next.has(last))) {
            nextBytes = Math.max(nextBytes, 2 * (end - offset));
            begin(backward ? end : offset, partition, backward);
        }
        if (next.has(offset) && next.has(last)) {
            fill(partition, backward);
        }
        if (current.has(offset) && current.has(last)) {
            return current.await() ? current.address(offset) : 0;
        }
        if (!current.await() || !next.await()) {
            return 0;
        }
        Half lower = current.has(offset) ? current : next;
        Half upper = lower == current ? next : current;
        Buffer whole = straddling;
        if (whole == null) {
            whole = new Buffer(64 << 10, OWNER);
            straddling = whole;
        }
        long head = lower.end - offset;
        whole.ensure(end - offset, 0);
        Memory.copy(lower.address(offset), whole.address(), head);
        Memory.copy(upper.address(upper.start), whole.address() + head, end - lower.end);
        return whole.address();
    }

    /** The walk was sought to somewhere, and has yet to prove long again. */
    void restart() {
        nextBytes = firstBytes;
    }

    /** The walk, in a partition, goes over to the next half, and what comes behind that is read to the one that it leaves. */
    private void fill(int partition, boolean backward) {
        Half left = current;
        current = next;
        next = left;
        long from = backward ? Math.max(0, current.start - nextBytes) : current.end;
        long to = backward ? current.start : Math.max(from, Math.min(limit, current.end + nextBytes));
        next.begin(from, to);
        // As many indexes as there are partitions in both halves, about; all partitions are of about a size.
        int count = (int) ((current.end - current.start + to - from) * table.partitions() / limit) + 2;
        for (int i = 1; i <= count && (backward ? i <= partition : partition + i < table.partitions()); i++) {
            int wanted = backward ? partition - i : partition + i;
            boolean isAsked = backward ? wanted >= indexAsked : wanted <= indexAsked;
            if (!isAsked && (table.isIndexCached(wanted) || next.addIndex(wanted))) {
                indexAsked = wanted;
            }
        }
        next.start();
        if (hasWaited) {
            nextBytes = Math.min(2 * nextBytes, halfBytes);
            hasWaited = false;
        }
    }

    @Override
    public void close() {
        current.close();
        next.close();
        region.close();
        if (straddling != null) {
            straddling.close();
        }
        reads.ended(halfBytes);
    }
}
