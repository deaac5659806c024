package dev.catena.engine.table;

import dev.catena.engine.entry.InternalIterator;
import dev.catena.io.chain.ChainRuntime;

/**
 * All entries of a table, once, in order: what compaction reads. Chunks are verified by the chain that reads them, so blocks' own
 * checksums are not computed again.
 *
 * <p>{@link #seekToFirst} (once), then {@link #next}; {@link #seek} is not supported. Not thread safe.
 */
public final class TableScanner implements InternalIterator {
    private static final String OWNER = "table scanner";

    /** A buffer that a big value made larger than this is given back after it. */
    private static final long KEPT_BYTES = 1 << 20;

    private final TableReader table;
    private final long dataEnd;
    private final FrameStream frames;
    private final BlockCursor cursor;
    private final Buffer unpacked = new Buffer(64 << 10, OWNER);
    private boolean begun;
    private boolean closed;

    /** Takes over one reference to the table. */
    TableScanner(TableReader table, ChainRuntime runtime, int readAheadChunks) {
        this.table = table;
        dataEnd = table.layout().dataEnd();
        boolean good = false;
        try {
            frames = new FrameStream(table, runtime, readAheadChunks);
            good = true;
        } finally {
            if (!good) {
                unpacked.close();
            }
        }
        cursor = new BlockCursor(table.path());
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
    public void next() {
        if (!cursor.next() && toNextFrame()) {
            cursor.next();
        }
    }

    @Override
    public boolean isValid() {
        return cursor.isValid();
    }

    @Override
    public long keyAddress() {
        return cursor.key();
    }

    @Override
    public int keyLength() {
        return cursor.keyLength();
    }

    @Override
    public long trailer() {
        return cursor.trailer();
    }

    @Override
    public long valueAddress() {
        return cursor.value();
    }

    @Override
    public int valueLength() {
        return cursor.valueLength();
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            frames.close();
            cursor.close();
            unpacked.close();
            table.release();
        }
    }

    /** Stands before the first entry of the next frame; false, and nowhere, at the end of the data. */
    private boolean toNextFrame() {
        cursor.clear();
        if (!frames.advance(dataEnd)) {
            return false;
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
        table.checkPayload(offset, block, raw, TableReader.Kind.DATA);
        cursor.reset(offset, block, (int) raw);
        return true;
    }
}
