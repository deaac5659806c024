package dev.catena.engine.entry;

import java.lang.foreign.MemorySegment;

/**
 * A position in sorted entries. New iterators stand nowhere ({@link #isValid()} is false) until a seek.
 *
 * <p>A move past the first or last entry leads nowhere, and from there only a seek leads on. Sources that are read once, from the
 * beginning, refuse everything but {@link #seekToFirst} and {@link #next}.
 *
 * <p>Keys and values are off-heap ranges, given by address; they are valid until the next move or close. The segment forms give the
 * same range as an offset in {@link Memory#ALL}. Accessors may be called only while {@link #isValid()}.
 *
 * <p>Damaged files show as {@link dev.catena.engine.CorruptionException} from any move; the iterator is then not valid.
 *
 * <p>Not thread safe.
 */
public interface InternalIterator extends AutoCloseable {
    /** Moves to the first entry. */
    void seekToFirst();

    /**
     * Moves to the first entry at or after (key, trailer).
     *
     * @param key address of the user key, not used after the call
     * @param length its bytes
     * @param trailer the trailer to seek to: {@link Keys#seekTrailer} for a snapshot, -1 for the key's newest version
     */
    void seek(long key, int length, long trailer);

    /** Moves to the last entry. */
    void seekToLast();

    /**
     * Moves to the last entry before (key, trailer): trailer 0 for one whose key is not above the given one, -1 for one whose key is
     * below it.
     */
    default void seekBefore(long key, int length, long trailer) {
        seek(key, length, trailer);
        if (isValid()) {
            prev();
        } else {
            seekToLast();
        }
    }

    /** As {@link #seek(long, int, long)} with the key in an off-heap segment. */
    default void seek(MemorySegment key, long offset, int length, long trailer) {
        seek(Memory.address(key, offset, length), length, trailer);
        java.lang.ref.Reference.reachabilityFence(key);
    }

    /** Moves to the next entry; only while valid. */
    void next();

    /** Moves to the entry before; only while valid. */
    void prev();

    /** Whether the iterator stands on an entry. */
    boolean isValid();

    /** Address of the user key. */
    long keyAddress();

    /** Bytes of the user key. */
    int keyLength();

    /** Sequence number and kind: see {@link Keys}. */
    long trailer();

    /** Address of the value; meaningless when {@link #valueLength()} is 0. */
    long valueAddress();

    /** Bytes of the value. */
    int valueLength();

    /** The entry's checksum: the one that came with it, else that of its bytes as they are here. */
    default int checksum() {
        return EntryChecksum.ofEntry(trailer(), keyAddress(), keyLength(), valueAddress(), valueLength());
    }

    /** Compares the entry's bytes with the checksum that came with it, if one did. */
    default void check() {}

    /** The segment that {@link #keyOffset()} counts in. */
    default MemorySegment keySegment() {
        return Memory.ALL;
    }

    /** Where the user key starts in {@link #keySegment()}. */
    default long keyOffset() {
        return keyAddress();
    }

    /** The segment that {@link #valueOffset()} counts in. */
    default MemorySegment valueSegment() {
        return Memory.ALL;
    }

    /** Where the value starts in {@link #valueSegment()}. */
    default long valueOffset() {
        return valueAddress();
    }

    /** Lets go of blocks and buffers. Closing twice does nothing. */
    @Override
    void close();
}
