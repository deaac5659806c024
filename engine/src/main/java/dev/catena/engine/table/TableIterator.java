package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.MemoryAccount.Owner;
import org.jspecify.annotations.Nullable;

/**
 * A position in a table. Blocks come through the cache and stay pinned while the iterator stands in them.
 *
 * <p>After {@link #READ_AHEAD_AFTER} blocks since the last seek that had to be read from the file, it takes the walk for a long one:
 * it reads many frames at once into a buffer of its own and unpacks them there, so that long scans neither cost a system call a
 * block nor push out of the cache what lookups keep in it. That holds both ways.
 */
final class TableIterator extends BlockWalk {
    private static final String OWNER = "iterator";
    private static final int READ_AHEAD_AFTER = 4;
    private static final long READ_AHEAD_MIN = 64L << 10;
    private static final long READ_AHEAD_MAX = 256L << 10;

    private final TableReader table;

    /** Partition whose index is pinned, -1 for none. */
    private int partition = -1;

    private long index;

    /** What its offsets count from. */
    private long start;

    /** Frame in the partition that the cursor is in, -1 for none. */
    private int frame = -1;

    /** Its pinned block, 0 when it is in {@link #unpacked}. */
    private long data;

    /** Whether the block has slots, which a seek and a step back need. */
    private boolean indexed;

    private int blocksRead;
    private long aheadBytes = READ_AHEAD_MIN;
    private long aheadStart;
    private long aheadEnd;
    private @Nullable Buffer ahead;
    private @Nullable Buffer unpacked;

    /** Bytes of the two buffers that the store's account knows of. */
    private long charged;

    private boolean closed;

    TableIterator(TableReader table) {
        super(table.path());
        this.table = table;
    }

    @Override
    public void seekToFirst() {
        beginSeek();
        if (toPartition(0)) {
            toFrame(0, false);
            cursor.next();
        }
    }

    @Override
    public void seek(long key, int length, long trailer) {
        beginSeek();
        if (!toPartition(IndexBlock.search(table.order(), table.root(), key, length))) {
            return;
        }
        long block = BlockCache.address(index);
        toFrame(Math.min(IndexBlock.search(table.order(), block, key, length), IndexBlock.count(block) - 1), false);
        while (!cursor.seek(table.order(), key, length, trailer)) {
            // A key's versions go on in the next block. It comes from the cache too: only there blocks are indexed.
            blocksRead = 0;
            if (!toNextFrame()) {
                return;
            }
        }
    }

    /** As {@link #seek(long, int, long)}, but false, and nowhere, when a frame has to be read for it, which is then noted. */
    boolean seek(long key, int length, long trailer, MissingFrames missing) {
        int to = IndexBlock.search(table.order(), table.root(), key, length);
        if (to != partition && to < table.partitions()) {
            long handle = table.pinIndex(to, missing);
            leavePartition();
            if (handle == 0) {
                return false;
            }
            enterPartition(to, handle);
        }
        if (to < table.partitions()) {
            long block = BlockCache.address(index);
            int wanted = Math.min(IndexBlock.search(table.order(), block, key, length), IndexBlock.count(block) - 1);
            if (wanted != frame || !indexed) {
                long offset = start + IndexBlock.offset(block, 0, wanted);
                long handle = table.pinData(to, offset, start + IndexBlock.offset(block, 0, wanted + 1), missing);
                leaveFrame();
                if (handle == 0) {
                    return false;
                }
                enterFrame(wanted, offset, handle);
            }
        }
        seek(key, length, trailer);
        return true;
    }

    @Override
    public void seekToLast() {
        beginSeek();
        if (toPartition(table.partitions() - 1)) {
            toFrame(IndexBlock.count(BlockCache.address(index)) - 1, true);
            cursor.toLast();
        }
    }

    @Override
    public void prev() {
        int entry = cursor.entry();
        if (!indexed) {
            int same = frame;
            leaveFrame();
            toFrame(same, true);
        }
        if (entry > 0) {
            cursor.to(entry - 1);
        } else if (toPreviousFrame()) {
            cursor.toLast();
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            leavePartition();
            cursor.close();
            if (ahead != null) {
                ahead.close();
            }
            if (unpacked != null) {
                unpacked.close();
            }
            table.cache().account().charge(Owner.ITERATORS, -charged);
            table.release();
        }
    }

    private void beginSeek() {
        if (closed) {
            throw new AssertionError("a closed iterator was moved");
        }
        blocksRead = 0;
        aheadBytes = READ_AHEAD_MIN;
        if (!indexed) {
            leaveFrame();
        }
    }

    /** Makes a partition's index the pinned one; false, and nowhere, when there is no such partition. */
    private boolean toPartition(int to) {
        if (to == partition) {
            return true;
        }
        leavePartition();
        if (to < 0 || to == table.partitions()) {
            return false;
        }
        enterPartition(to, table.pinIndex(to));
        return true;
    }

    private void enterPartition(int to, long handle) {
        index = handle;
        partition = to;
        start = table.start(to);
    }

    /** Stands before the first entry of a frame of the partition, on the way forward or backward. */
    private void toFrame(int to, boolean backward) {
        if (to == frame) {
            cursor.rewind();
            return;
        }
        leaveFrame();
        long block = BlockCache.address(index);
        long offset = start + IndexBlock.offset(block, 0, to);
        long end = start + IndexBlock.offset(block, 0, to + 1);
        long handle = table.pinDataIfCached(offset);
        if (handle == 0 && blocksRead < READ_AHEAD_AFTER) {
            handle = table.pinData(partition, offset, end);
            blocksRead++;
        }
        if (handle != 0) {
            enterFrame(to, offset, handle);
        } else {
            unpackAhead(offset, end, backward);
            indexed = backward;
            frame = to;
        }
    }

    /** Stands before the first entry of a frame of the partition, whose pinned block is given. */
    private void enterFrame(int to, long offset, long handle) {
        data = handle;
        cursor.reset(offset, BlockCache.address(handle), BlockCache.length(handle));
        indexed = true;
        frame = to;
    }

    @Override
    boolean toNextFrame() {
        if (frame + 1 < IndexBlock.count(BlockCache.address(index))) {
            toFrame(frame + 1, false);
            return true;
        }
        if (toPartition(partition + 1)) {
            toFrame(0, false);
            return true;
        }
        return false;
    }

    /** Stands in the frame before; false, and nowhere, at the table's beginning. */
    private boolean toPreviousFrame() {
        if (frame > 0) {
            toFrame(frame - 1, true);
            return true;
        }
        if (toPartition(partition - 1)) {
            toFrame(IndexBlock.count(BlockCache.address(index)) - 1, true);
            return true;
        }
        return false;
    }

    /** Unpacks a frame from the buffer, which is filled with what comes next on the way; indexes it on the way backward. */
    private void unpackAhead(long offset, long end, boolean backward) {
        if (ahead == null || unpacked == null) {
            ahead = new Buffer(READ_AHEAD_MIN, OWNER);
            unpacked = new Buffer(READ_AHEAD_MIN, OWNER);
        }
        long bytes = end - offset;
        if (offset < aheadStart || end > aheadEnd) {
            long left = backward ? end : table.layout().dataEnd() - offset;
            long length = Math.max(bytes, Math.min(aheadBytes, left));
            long from = backward ? end - length : offset;
            aheadBytes = Math.min(2 * aheadBytes, READ_AHEAD_MAX);
            aheadStart = 0;
            aheadEnd = 0;
            ahead.shrink(Math.max(length, READ_AHEAD_MAX));
            ahead.ensure(length, 0);
            table.readFully(ahead.segment(), length, from);
            aheadStart = from;
            aheadEnd = from + length;
        }
        long from = ahead.address() + (offset - aheadStart);
        Frame.verify(table.path(), offset, table.place(partition, offset), from, bytes);
        long raw = Frame.rawBytes(from);
        unpacked.shrink(Math.max(raw + Block.SLACK, READ_AHEAD_MAX));
        unpacked.ensure(raw + Block.SLACK, 0);
        Frame.unpack(table.path(), offset, from, unpacked.address());
        table.checkPayload(partition, offset, unpacked.address(), raw, TableReader.Kind.DATA);
        if (backward) {
            unpacked.ensure(Block.indexedBytes(unpacked.address(), (int) raw) + Block.SLACK, raw);
            Block.index(table.path(), offset, unpacked.address(), (int) raw);
        }
        long held = ahead.bytes() + unpacked.bytes();
        if (held != charged) {
            table.cache().account().charge(Owner.ITERATORS, held - charged);
            charged = held;
        }
        cursor.reset(offset, unpacked.address(), (int) raw);
    }

    private void leaveFrame() {
        cursor.clear();
        frame = -1;
        indexed = false;
        if (data != 0) {
            table.cache().release(data);
            data = 0;
        }
    }

    private void leavePartition() {
        leaveFrame();
        if (partition >= 0) {
            partition = -1;
            table.cache().release(index);
        }
    }
}
