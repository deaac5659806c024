package dev.catena.engine.entry;

/**
 * One write that deleted all keys of a range, or a part of it: what was written before it is deleted there.
 *
 * @param begin the first key deleted
 * @param end the first key after it that is not; the range is empty unless it is after {@code begin}
 * @param sequence of the write
 */
public record RangeDeletion(byte[] begin, byte[] end, long sequence) {}
