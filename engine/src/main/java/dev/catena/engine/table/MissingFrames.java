package dev.catena.engine.table;

import dev.catena.io.chain.Chain;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Frames that lookups of many keys have not found in the cache, to be read all at once by one chain.
 *
 * <p>A lookup that lacks a frame has it noted and is asked again after {@link #read}: then the frame is pinned here, until
 * {@link #release}. A frame that could not be read like that, because it is damaged, large or on a bad place of the device, is
 * left to the lookup that really needs it, which reads it alone and throws. So nothing here is more than a preparation.
 *
 * <p>Not thread safe.
 */
public final class MissingFrames implements AutoCloseable {
    /** Noted at most before they are read. */
    private static final int NOTED_MAX = 256;

    /** Bytes of frames that lie one behind the other and are read as one, at most. */
    private static final long RUN_BYTES_MAX = 128L << 10;

    /** What is known of a frame, where others have the handle of its pinned block. */
    private static final long NOTED = 0;

    private static final long LEFT_ALONE = -1;

    private record Name(long table, long offset) {}

    private record Wanted(TableReader table, int partition, long offset, long end, TableReader.Kind kind) {
        boolean isFollowedBy(Wanted next) {
            return next.table == table && next.offset == end;
        }
    }

    private final Map<Name, Long> known = new HashMap<>();
    private final List<Wanted> noted = new ArrayList<>();
    private @Nullable BlockCache cache;

    /** Nothing. */
    public MissingFrames() {}

    /** The pinned block of a frame that is not in the cache; or 0, and it is noted, perhaps. The caller looks the cache up first. */
    long pin(TableReader table, int partition, long offset, long end, TableReader.Kind kind) {
        if (table.reads().isFast()) {
            long began = System.nanoTime();
            long handle = table.load(partition, offset, end, kind);
            table.reads().readTook(System.nanoTime() - began);
            return handle;
        }
        Name name = new Name(table.number(), offset);
        Long state = known.get(name);
        if (state == null) {
            if (noted.size() == NOTED_MAX) {
                return 0; // the next time
            }
            if (end - offset <= BlockCache.BUFFER_BYTES) {
                known.put(name, NOTED);
                noted.add(new Wanted(table, partition, offset, end, kind));
                return 0;
            }
        } else if (state == NOTED) {
            return 0;
        } else if (state != LEFT_ALONE) {
            table.cache().pinAgain(state);
            return state;
        }
        return table.load(partition, offset, end, kind);
    }

    /** Reads what was noted. The tables are open as long as they were when it was noted: their version is pinned. */
    public void read() {
        ChainReads reads = noted.getFirst().table.reads();
        ChainReads.Batch batch = noted.size() > 1 ? reads.takeBatch() : null;
        if (batch != null) {
            try {
                for (int at = 0; at < noted.size(); ) {
                    at = read(reads, batch, at);
                }
            } finally {
                reads.give(batch);
            }
        }
        known.replaceAll((name, state) -> state == NOTED ? LEFT_ALONE : state);
        noted.clear();
    }

    /** Reads as much as fits, from one of the noted frames on; returns where to go on. */
    private int read(ChainReads reads, ChainReads.Batch batch, int from) {
        Chain chain = batch.chain.begin().window(ChainReads.Batch.STEPS);
        int end = from;
        long bytes = 0;
        while (end < noted.size() && chain.size() < ChainReads.Batch.STEPS) {
            int next = endOfRun(end);
            Wanted first = noted.get(end);
            int length = (int) (noted.get(next - 1).end - first.offset);
            if (bytes + length > ChainReads.Batch.BYTES) {
                break;
            }
            chain.read(first.table.file(), batch.region, bytes, length, first.offset);
            bytes += length;
            end = next;
        }
        long began = System.nanoTime();
        chain.run();
        reads.chainTook(System.nanoTime() - began, chain.size());
        long address = batch.region.segment().address();
        int step = 0;
        for (int at = from; at < end; step++) {
            int next = endOfRun(at);
            boolean done = chain.isStepDone(step);
            for (; at < next; at++) {
                Wanted frame = noted.get(at);
                if (done) {
                    keep(frame, address);
                }
                address += frame.end - frame.offset;
            }
        }
        return end;
    }

    /** Where the frames end that can be read as one with this one. */
    private int endOfRun(int first) {
        int end = first + 1;
        while (end < noted.size()
                && noted.get(end - 1).isFollowedBy(noted.get(end))
                && noted.get(end).end - noted.get(first).offset <= RUN_BYTES_MAX) {
            end++;
        }
        return end;
    }

    private void keep(Wanted frame, long address) {
        long handle = frame.table.admitRead(frame.partition, address, frame.offset, frame.end, frame.kind);
        if (handle != 0) {
            cache = frame.table.cache();
            known.put(new Name(frame.table.number(), frame.offset), handle);
        }
    }

    /** Lets go of what was read. */
    public void release() {
        BlockCache pinnedIn = cache;
        if (pinnedIn != null) {
            known.forEach((name, state) -> {
                if (state != NOTED && state != LEFT_ALONE) {
                    pinnedIn.release(state);
                }
            });
        }
        known.clear();
        noted.clear();
    }

    @Override
    public void close() {
        release();
    }
}
