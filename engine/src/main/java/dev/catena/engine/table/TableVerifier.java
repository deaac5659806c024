package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.Filter;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.io.chain.ChainRuntime;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Reads a whole table and checks all that can be checked: the checksum table and every chunk (by chains), every frame's checksum,
 * that entries are in order and as many as the footer says, that index and root lead to every frame, that every key passes its
 * filter, that partitions hold what is told of them. Where the order of keys is known by name only, keys are not compared.
 */
final class TableVerifier {
    private static final String OWNER = "table verifier";
    private static final int READ_AHEAD_CHUNKS = 16;

    private final TableReader table;
    private final TableLayout layout;
    private final ChainRuntime runtime;
    private final LongConsumer progress;

    TableVerifier(TableReader table, ChainRuntime runtime, LongConsumer progress) {
        this.table = table;
        this.layout = table.layout();
        this.runtime = runtime;
        this.progress = progress;
    }

    /** Returns the number of entries. */
    long verify() {
        TableLayout.read(table.file(), layout.fileChecksum());
        verifyRanges();
        boolean isOrderKnown = table.order().isKnown();
        long told = 0;
        long entries = 0;
        int partition = -1;
        try (FrameStream frames =
                        new FrameStream(table, runtime, READ_AHEAD_CHUNKS, table.extents(null, null, List.of()), true);
                BlockCursor cursor = new BlockCursor(table.path());
                Buffer unpacked = new Buffer(64 << 10, OWNER);
                Buffer lastKey = new Buffer(256, OWNER);
                Buffer index = new Buffer(64 << 10, OWNER);
                Buffer filter = new Buffer(64 << 10, OWNER)) {
            int frameInPartition = 0;
            int framesInPartition = 0;
            int filterBytes = 0;
            int lastLength = -1;
            long lastTrailer = 0;
            long begun = 0; // entries before the partition
            long garbage = 0; // in it
            while (frames.advance()) {
                long offset = frames.offset();
                if (frameInPartition == framesInPartition) {
                    checkContents(partition, entries - begun, garbage, lastKey, lastLength);
                    begun = entries;
                    garbage = 0;
                    partition++;
                    if (partition == table.partitions()) {
                        throw damaged(layout.indexEnd(), "a root that leads to every block", "one that ends early");
                    }
                    load(index, partition, TableReader.Kind.INDEX);
                    filterBytes = layout.filterProbes() == 0 ? 0 : load(filter, partition, TableReader.Kind.FILTER);
                    frameInPartition = 0;
                    framesInPartition = IndexBlock.count(index.address());
                }
                long place = table.place(partition, offset);
                Frame.verify(table.path(), offset, place, frames.frame(), frames.bytes());
                long inPartition = offset - table.start(partition);
                if (IndexBlock.offset(index.address(), 0, frameInPartition) != inPartition
                        || IndexBlock.offset(index.address(), 0, frameInPartition + 1)
                                != inPartition + frames.bytes()) {
                    throw damaged(
                            Partitions.indexStart(table.places(), partition),
                            "an index that leads to the block at " + offset,
                            "one that leads elsewhere");
                }
                long raw = Frame.rawBytes(frames.frame());
                unpacked.ensure(raw + Block.SLACK, 0);
                Frame.unpack(table.path(), offset, frames.frame(), unpacked.address());
                table.checkPayload(partition, offset, unpacked.address(), raw, TableReader.Kind.DATA);
                cursor.reset(offset, unpacked.address(), (int) raw);
                while (cursor.next()) {
                    if (isOrderKnown
                            && lastLength >= 0
                            && table.order()
                                            .compare(
                                                    lastKey.address(),
                                                    lastLength,
                                                    lastTrailer,
                                                    cursor.key(),
                                                    cursor.keyLength(),
                                                    cursor.trailer())
                                    >= 0) {
                        throw damaged(offset, "ascending keys", "a key that is not after the one before");
                    }
                    if (isOrderKnown) {
                        checkReachable(cursor, index.address(), partition, frameInPartition, offset);
                    }
                    if (filterBytes > 0
                            && !Filter.mayContain(
                                    filter.address(),
                                    filterBytes,
                                    layout.filterProbes(),
                                    Filter.hash(cursor.key(), cursor.keyLength()))) {
                        throw damaged(
                                Partitions.filterStart(table.places(), partition),
                                "a filter with every key",
                                "one without a key of the block at " + offset);
                    }
                    if (entries == begun
                            && table.hasPartitions()
                            && Keys.compare(table.firstKey(partition), cursor.key(), cursor.keyLength()) != 0) {
                        throw damaged(layout.rootEnd(), "the first key of partition " + partition, "another one");
                    }
                    if (Keys.kind(cursor.trailer()) != Keys.PUT
                            || (lastLength >= 0
                                    && Keys.compare(lastKey.address(), lastLength, cursor.key(), cursor.keyLength())
                                            == 0)) {
                        garbage++;
                    }
                    lastLength = cursor.keyLength();
                    lastTrailer = cursor.trailer();
                    lastKey.ensure(lastLength, 0);
                    Memory.copy(cursor.key(), lastKey.address(), lastLength);
                    entries++;
                }
                frameInPartition++;
                progress.accept(offset + frames.bytes() - told);
                told = offset + frames.bytes();
            }
            frames.drain();
            checkContents(partition, entries - begun, garbage, lastKey, lastLength);
            if (partition + 1 != table.partitions() || frameInPartition != framesInPartition) {
                throw damaged(layout.indexEnd(), "a root that leads to blocks only", "one that leads further");
            }
        }
        if (entries != layout.entries() || entries != table.entries()) {
            throw damaged(
                    layout.fileBytes() - TableFormat.FOOTER_BYTES, layout.entries() + " entries", entries + " entries");
        }
        progress.accept(layout.fileBytes() - told);
        return entries;
    }

    /** Whether a partition that was read holds what the table says. Nothing is said before the first, and before version 4. */
    private void checkContents(int partition, long entries, long garbage, Buffer lastKey, int lastLength) {
        if (partition < 0 || !table.hasPartitions()) {
            return;
        }
        Partitions.Contents told = table.contents(partition);
        if (told.entries() != entries || told.garbage() != garbage) {
            throw damaged(
                    layout.rootEnd(),
                    entries + " entries in partition " + partition + ", " + garbage + " of them garbage",
                    told.entries() + " entries, " + told.garbage() + " of them garbage");
        }
        byte[] last = table.lastKey(partition);
        if (Keys.compare(last, lastKey.address(), lastLength) != 0) {
            throw damaged(layout.indexEnd(), "the last key of partition " + partition, "another one");
        }
    }

    private void verifyRanges() {
        long bytes = layout.partsEnd() - layout.propertiesEnd();
        if (bytes > 0) {
            try (Buffer frame = new Buffer(bytes, OWNER)) {
                table.readFully(frame.segment(), bytes, layout.propertiesEnd());
                RangeDeletions unused = table.readRanges(frame.address());
            }
        }
    }

    /** A lookup goes to the first frame whose separator is not before the key: that must be this one, or one with the key too. */
    private void checkReachable(BlockCursor cursor, long index, int partition, int frame, long offset) {
        int found = IndexBlock.search(table.order(), index, cursor.key(), cursor.keyLength());
        boolean reachable = IndexBlock.search(table.order(), table.root(), cursor.key(), cursor.keyLength())
                        <= partition
                && (found == frame
                        || (found < frame
                                && IndexBlock.separatorEquals(index, frame - 1, cursor.key(), cursor.keyLength())));
        if (!reachable) {
            throw damaged(
                    Partitions.indexStart(table.places(), partition),
                    "an index that leads to every key",
                    "one that misses a key of the block at " + offset);
        }
    }

    /** Reads a partition's index or filter from the file, not the cache, and returns its bytes. */
    private int load(Buffer to, int partition, TableReader.Kind kind) {
        boolean isIndex = kind == TableReader.Kind.INDEX;
        long places = table.places();
        long offset = isIndex ? Partitions.indexStart(places, partition) : Partitions.filterStart(places, partition);
        long bytes =
                (isIndex ? Partitions.indexEnd(places, partition) : Partitions.filterEnd(places, partition)) - offset;
        try (Buffer frame = new Buffer(Math.max(bytes, TableFormat.FRAME_HEADER), OWNER)) {
            table.readFully(frame.segment(), bytes, offset);
            Frame.verify(table.path(), offset, table.place(partition, offset), frame.address(), bytes);
            long raw = Frame.rawBytes(frame.address());
            to.ensure(raw + Block.SLACK, 0);
            Frame.unpack(table.path(), offset, frame.address(), to.address());
            table.checkPayload(partition, offset, to.address(), raw, kind);
            return (int) raw;
        }
    }

    private CorruptionException damaged(long offset, String expected, String found) {
        return new CorruptionException(table.path(), offset, expected, found);
    }
}
