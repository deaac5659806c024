package dev.catena.engine;

import dev.catena.engine.log.Operations;
import dev.catena.engine.memtable.Memtable;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Takes the operations of logs to the memtables, in rounds: while the opening thread reads, checks and copies a round, another one
 * sorts and inserts the one before, with the help of a third: of each family one inserts the keys before some key and the other one the
 * rest, into memtables that are then joined. These threads are started when a first round is full, so small logs do without.
 *
 * <p>Between two rounds memtables hold exactly the operations up to some sequence number: there, and only there, a full one is put aside.
 */
final class Replay implements AutoCloseable {
    private static final long ROUND_BYTES_MIN = 64L << 10;
    private static final long ROUND_BYTES_MAX = 16L << 20;

    /** Operations of a family in a round, from which on two threads insert. */
    private static final int SPLIT_MIN = 1024;

    /** What is done with memtables that are full, between two rounds. */
    interface Room {
        /**
         * Makes room for more operations of a family.
         *
         * @param sequence all operations up to it are in memtables or tables
         * @param log what comes next is from this log or a later one
         */
        void make(Family family, long sequence, long log);
    }

    /** Operations of all families that follow one another in the logs. */
    private static final class Round implements AutoCloseable {
        final Map<Family, ReplayBatch> batches = new LinkedHashMap<>();
        long bytes;
        boolean full;

        @Override
        public void close() {
            batches.values().forEach(ReplayBatch::close);
        }
    }

    private final Room room;
    private Round filling = new Round();
    private Round inserting = new Round();
    private @Nullable ExecutorService helper;
    private @Nullable Future<?> insertion;

    /** The last operation that was added, and the last one before the round that is being filled. */
    private long sequence;

    private long sequenceBefore;

    Replay(Room room) {
        this.room = room;
    }

    /** Takes the operation that a cursor over a log's bytes stands on. Sequence numbers ascend. */
    void add(Family family, long sequence, Operations operation, MemorySegment bytes, long log) {
        if (filling.full) {
            handOver();
        }
        ReplayBatch batch = filling.batches.computeIfAbsent(family, ReplayBatch::new);
        long before = batch.bytes();
        batch.add(sequence, operation, bytes, log);
        filling.bytes += batch.bytes() - before;
        this.sequence = sequence;
        long limit = Math.clamp(family.options.memtableBytes() / 16, ROUND_BYTES_MIN, ROUND_BYTES_MAX);
        filling.full = filling.bytes >= limit || batch.isFull();
    }

    private void handOver() {
        await();
        Round next = inserting;
        inserting = filling;
        filling = next;
        long before = sequenceBefore;
        sequenceBefore = sequence;
        if (helper == null) {
            helper = Executors.newFixedThreadPool(
                    2,
                    task -> Thread.ofPlatform().daemon().name("catena-replay").unstarted(task));
        }
        insertion = helper.submit(() -> insert(inserting, before));
    }

    private void insert(Round round, long before) {
        for (ReplayBatch batch : round.batches.values()) {
            if (!batch.isEmpty()) {
                room.make(batch.family(), before, batch.firstLog());
                batch.sort();
                insert(batch);
                batch.clear();
            }
        }
        round.bytes = 0;
        round.full = false;
    }

    private void insert(ReplayBatch batch) {
        Family family = batch.family();
        Memtable memtable = family.replayInto(batch.firstLog());
        if (helper != null && batch.count() >= SPLIT_MIN) {
            family.splitReplayed(batch.sortedKey(batch.count() / 2));
        }
        byte[] middle = family.replayMiddle();
        int end = middle == null ? -1 : batch.firstNotBefore(middle);
        Memtable behind = family.replayBehind();
        if (end < 0 || behind == null) {
            batch.insertInto(memtable, 0, batch.count());
        } else if (helper == null) {
            batch.insertInto(memtable, 0, end);
            batch.insertInto(behind, end, batch.count());
        } else {
            Future<?> rest = helper.submit(() -> batch.insertInto(behind, end, batch.count()));
            try {
                batch.insertInto(memtable, 0, end);
            } finally {
                await(rest);
            }
        }
    }

    private void await() {
        Future<?> running = insertion;
        insertion = null;
        await(running);
    }

    private static void await(@Nullable Future<?> until) {
        Future<?> running = until;
        boolean interrupted = false;
        while (running != null) {
            try {
                running.get();
                running = null;
            } catch (InterruptedException e) {
                interrupted = true;
            } catch (ExecutionException e) {
                if (e.getCause() instanceof RuntimeException failure) {
                    throw failure;
                }
                if (e.getCause() instanceof Error failure) {
                    throw failure;
                }
                throw new AssertionError(e);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Inserts what is left: everything that was added is in memtables. */
    void finish() {
        await();
        insert(filling, sequenceBefore);
        sequenceBefore = sequence;
        filling.batches.keySet().forEach(Family::joinReplayed);
        inserting.batches.keySet().forEach(Family::joinReplayed);
    }

    @Override
    public void close() {
        try {
            await();
        } finally {
            if (helper != null) {
                helper.shutdown();
            }
            filling.close();
            inserting.close();
        }
    }
}
