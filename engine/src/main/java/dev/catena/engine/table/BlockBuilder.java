package dev.catena.engine.table;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Builds one data block after another in off-heap memory, with room for the frame's header in front of the payload. The layout is
 * {@link Block}'s.
 *
 * <p>Entries are added with whole keys. What they all begin with is known when the block is full: the bytes that the first and the
 * last key share. Then they are taken out of each entry, in place; bytes only ever move towards the block's beginning.
 *
 * <p>Entries may have checksums. They are compared with the full block, just before it gets a checksum of its own.
 *
 * <p>Not thread safe.
 */
final class BlockBuilder implements AutoCloseable {
    private static final int ENTRIES = TableFormat.FRAME_HEADER + Block.HEADER;
    private static final int VARINTS = 10;

    private final KeyOrder order;
    private final Buffer buffer;
    private final Buffer firstKey = new Buffer(256, "table builder");
    private final Buffer lastKey = new Buffer(256, "table builder");
    private int lastKeyLength;
    private long length = ENTRIES;
    private int count;

    /** Of the entries added. */
    private int[] checksums = new int[64];

    private @Nullable Path directory;
    private String where = "";

    /** Bytes that all keys added begin with. */
    private int common;

    BlockBuilder(int blockBytes, KeyOrder order) {
        this.order = order;
        buffer = new Buffer(2L * blockBytes + 4096, "table builder");
    }

    boolean isEmpty() {
        return count == 0;
    }

    /** Bytes of the payload if finished now, nearly. */
    long payloadBytes() {
        return length - TableFormat.FRAME_HEADER - (count - 1L) * common;
    }

    /** The last key added, until the next is; also after {@link #clear}. */
    long lastKey() {
        return lastKey.address();
    }

    int lastKeyLength() {
        return lastKeyLength;
    }

    /** Has the last key be another one, of entries that were added elsewhere. */
    void setLastKey(byte[] key) {
        lastKey.ensure(key.length, 0);
        MemorySegment.copy(key, 0, lastKey.segment(), ValueLayout.JAVA_BYTE, 0, key.length);
        lastKeyLength = key.length;
    }

    /** Has entries compared with their checksums when a block is full. The directory is the store's; both are for messages. */
    void checkEntries(Path directory, String where) {
        this.directory = directory;
        this.where = where;
    }

    void add(long key, int keyLength, long trailer, long value, int valueLength, int checksum) {
        if (count == checksums.length) {
            checksums = Arrays.copyOf(checksums, 2 * count);
        }
        checksums[count] = checksum;
        if (count == 0) {
            firstKey.ensure(keyLength, 0);
            Memory.copy(key, firstKey.address(), keyLength);
            common = order == KeyOrder.BYTES ? keyLength : 0;
        } else {
            common = Keys.commonPrefix(firstKey.address(), common, key, keyLength);
        }
        count++;
        buffer.ensure(length + VARINTS + keyLength + 8 + valueLength, length);
        long start = buffer.address();
        long position = Block.putVarint(start + length, keyLength);
        position = Block.putVarint(position, valueLength);
        Memory.copy(key, position, keyLength);
        position += keyLength;
        Memory.putLong(position, trailer);
        position += 8;
        Memory.copy(value, position, valueLength);
        length = position + valueLength - start;

        lastKey.ensure(keyLength, 0);
        Memory.copy(key, lastKey.address(), keyLength);
        lastKeyLength = keyLength;
    }

    /** Completes the payload, which is then at {@link #payload()}, and returns its bytes. */
    int finish() {
        long payload = payload();
        Memory.putInt(payload, count);
        Memory.putInt(payload + 4, common);
        if (common > 0) {
            removeCommon(payload + Block.HEADER);
        }
        if (directory != null) {
            check(directory);
        }
        return Math.toIntExact(length - TableFormat.FRAME_HEADER);
    }

    /** Reads the block as it is to be stored, and compares each entry with the checksum that came with it. */
    private void check(Path store) {
        Buffer key = firstKey; // not needed any more
        long position = payload() + Block.HEADER;
        Memory.copy(position, key.address(), common);
        position += common;
        long end = buffer.address() + length;
        for (int i = 0; i < count; i++) {
            long varint = Block.varint(position);
            int rest = (int) varint;
            position += varint >>> 32;
            varint = Block.varint(position);
            int valueLength = (int) varint;
            position += varint >>> 32;
            boolean inside = (rest | valueLength) >= 0 && position + rest + 8L + valueLength <= end;
            int found = ~checksums[i];
            if (inside) {
                key.ensure((long) common + rest, common);
                Memory.copy(position, key.address() + common, rest);
                position += rest;
                long trailer = Memory.getLong(position);
                position += 8;
                found = EntryChecksum.ofEntry(trailer, key.address(), common + rest, position, valueLength);
                position += valueLength;
            }
            if (found != checksums[i]) {
                throw EntryChecksum.damage(
                        store, where, Memory.toArray(key.address(), common + (inside ? rest : 0)), checksums[i], found);
            }
        }
    }

    private void removeCommon(long entries) {
        long from = entries;
        long to = entries + common;
        for (int i = 0; i < count; i++) {
            long varint = Block.varint(from);
            int keyLength = (int) varint;
            from += varint >>> 32;
            varint = Block.varint(from);
            int valueLength = (int) varint;
            from += (varint >>> 32) + common;
            // Where the first entry's lengths go, its common bytes were: those are written last, from the copy.
            to = Block.putVarint(to, keyLength - common);
            to = Block.putVarint(to, valueLength);
            long rest = keyLength - common + 8L + valueLength;
            if (to != from) {
                Memory.copy(from, to, rest);
            }
            from += rest;
            to += rest;
        }
        Memory.copy(firstKey.address(), entries, common);
        length = to - buffer.address();
    }

    /** Where the payload starts; {@link TableFormat#FRAME_HEADER} writable bytes are in front of it. */
    long payload() {
        return buffer.address() + TableFormat.FRAME_HEADER;
    }

    /** Begins the next block; gives memory back that is more than {@code keepBytes}. */
    void clear(long keepBytes) {
        buffer.shrink(keepBytes);
        length = ENTRIES;
        count = 0;
        common = 0;
    }

    @Override
    public void close() {
        buffer.close();
        firstKey.close();
        lastKey.close();
    }
}
