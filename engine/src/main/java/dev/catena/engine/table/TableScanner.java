package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MemoryAccount.Owner;
import dev.catena.io.chain.ChainRuntime;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * All entries of a table, once, in order: what compaction reads. Chunks are verified by the chain that reads them, so blocks' own
 * checksums are not computed again.
 *
 * <p>For a {@linkplain TableReader.Run run} there is one entry of kind {@link Keys#RUN}: its key is the first of the run, its value the
 * table's number. Standing there {@link #copyRun} copies it.
 *
 * <p>{@link #seekToFirst} (once), then {@link #next}; nothing else is supported. Not thread safe.
 */
public final class TableScanner extends BlockWalk {
    private static final String OWNER = "table scanner";

    /** A buffer that a big value made larger than this is given back after it. */
    private static final long KEPT_BYTES = 1 << 20;

    private final TableReader table;
    private final FrameStream frames;
    private final Buffer unpacked = new Buffer(64 << 10, OWNER);
    private final long charged;
    private boolean begun;
    private boolean closed;

    /** Over the frames of extents. Takes over one reference to the table. */
    TableScanner(TableReader table, ChainRuntime runtime, int readAheadChunks, List<TableReader.Extent> extents) {
        super(table.path());
        this.table = table;
        boolean good = false;
        try {
            frames = new FrameStream(table, runtime, readAheadChunks, extents, false);
            charged = (long) readAheadChunks * TableFormat.CHUNK_BYTES + 2 * unpacked.bytes();
            table.cache().account().charge(Owner.COMPACTION, charged);
            good = true;
        } finally {
            if (!good) {
                cursor.close();
                unpacked.close();
            }
        }
    }

    /** Copies the run that this stands at to a table that gets all entries in order, and returns its bytes. */
    public long copyRun(TableBuilder to) {
        return to.copy(table, frames);
    }

    @Override
    public void seekToFirst() {
        if (begun || closed) {
            throw new IllegalStateException("a scanner passes once");
        }
        begun = true;
        next();
    }

    @Override
    public void seek(long key, int length, long trailer) {
        throw new UnsupportedOperationException("a scanner passes once, from the beginning");
    }

    @Override
    public void seekToLast() {
        throw new UnsupportedOperationException("a scanner passes once, from the beginning");
    }

    @Override
    public void prev() {
        throw new UnsupportedOperationException("a scanner passes once, from the beginning");
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            frames.close();
            cursor.close();
            unpacked.close();
            table.cache().account().charge(Owner.COMPACTION, -charged);
            table.release();
        }
    }

    @Override
    boolean toNextFrame() {
        cursor.clear();
        if (!frames.advance()) {
            return false;
        }
        if (frames.isRun()) {
            standAtRun();
            return true;
        }
        long offset = frames.offset();
        long frame = frames.frame();
        long raw = Frame.rawBytes(frame);
        long block;
        if (Frame.isPlain(frame) && frames.hasSlack()) {
            block = frame + TableFormat.FRAME_HEADER;
        } else {
            unpacked.shrink(KEPT_BYTES);
            unpacked.ensure(raw + Block.SLACK, 0);
            block = unpacked.address();
            Frame.unpack(table.path(), offset, frame, block);
        }
        table.checkPayload(0, offset, block, raw, TableReader.Kind.DATA);
        cursor.reset(offset, block, (int) raw);
        return true;
    }

    /** Has the cursor stand before a block made up of one entry. */
    private void standAtRun() {
        byte[] key = table.firstKey(frames.current().partition());
        unpacked.ensure(Block.HEADER + 20L + key.length + 16 + Block.SLACK, 0);
        long block = unpacked.address();
        Memory.putInt(block, 1);
        Memory.putInt(block + 4, 0);
        long p = Block.putVarint(block + Block.HEADER, key.length);
        p = Block.putVarint(p, Long.BYTES);
        MemorySegment.copy(MemorySegment.ofArray(key), 0, Memory.ALL, p, key.length);
        p += key.length;
        Memory.putLong(p, Keys.trailer(Keys.MAX_SEQUENCE, Keys.RUN));
        Memory.putLong(p + 8, table.number());
        cursor.reset(frames.current().start(), block, (int) (p + 16 - block));
    }
}
