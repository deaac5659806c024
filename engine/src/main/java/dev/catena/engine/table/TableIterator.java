package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.MemoryAccount.Owner;
import org.jspecify.annotations.Nullable;

/**
 * A position in a table. Blocks come through the cache and stay pinned while the iterator stands in them.
 *
 * <p>A walk that proves long does not go through the cache: its frames come from {@link WalkReads}, many at once, and are unpacked here, so
 * that long scans neither cost a system call a block nor push out of the cache what lookups keep in it. That holds both ways.
 */
final class TableIterator extends BlockWalk {
    private static final String OWNER = "iterator";
    private static final long UNPACKED_MIN = 64L << 10;
    private static final long UNPACKED_MAX = 256L << 10;

    private final TableReader table;
    private final WalkReads reads;

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

    private @Nullable Buffer unpacked;

    /** Bytes of it that the store's account knows of. */
    private long charged;

    private boolean closed;

    /** @param readahead bytes to be read ahead, or {@link TableReader#AUTOMATIC_READAHEAD} */
    TableIterator(TableReader table, long readahead) {
        super(table.path());
        this.table = table;
        reads = new WalkReads(table, readahead);
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
            reads.restartAlone();
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
            reads.close();
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
        reads.restart();
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
        if (handle == 0 && reads.isNextAlone()) {
            handle = table.pinData(partition, offset, end);
        }
        if (handle != 0) {
            enterFrame(to, offset, handle);
        } else {
            unpack(offset, end, backward);
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

    /** Unpacks a frame that is not in the cache; indexes it on the way backward. */
    private void unpack(long offset, long end, boolean backward) {
        Buffer to = unpacked;
        if (to == null) {
            to = new Buffer(UNPACKED_MIN, OWNER);
            unpacked = to;
        }
        long from = reads.frame(offset, end, partition, backward);
        Frame.verify(table.path(), offset, table.place(partition, offset), from, end - offset);
        long raw = Frame.rawBytes(from);
        to.shrink(Math.max(raw + Block.SLACK, UNPACKED_MAX));
        to.ensure(raw + Block.SLACK, 0);
        Frame.unpack(table.path(), offset, from, to.address());
        table.checkPayload(partition, offset, to.address(), raw, TableReader.Kind.DATA);
        if (backward) {
            to.ensure(Block.indexedBytes(to.address(), (int) raw) + Block.SLACK, raw);
            Block.index(table.path(), offset, to.address(), (int) raw);
        }
        if (to.bytes() != charged) {
            table.cache().account().charge(Owner.ITERATORS, to.bytes() - charged);
            charged = to.bytes();
        }
        cursor.reset(offset, to.address(), (int) raw);
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
