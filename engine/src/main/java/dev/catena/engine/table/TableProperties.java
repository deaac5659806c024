package dev.catena.engine.table;

/**
 * What a finished table holds, as the manifest needs it.
 *
 * @param fileBytes the file's size
 * @param fileChecksum sum of the XXH64 of the body's chunks, as the chain computed it
 * @param entries versions in it
 * @param garbage those of them that a merge of all tables would leave out: deletions, and versions that a newer one here hides
 * @param smallestSequence of all entries
 * @param largestSequence of all entries
 * @param rawBytes bytes of keys, trailers and values before compression
 * @param smallestKey the first user key
 * @param largestKey the last user key
 */
public record TableProperties(
        long fileBytes,
        long fileChecksum,
        long entries,
        long garbage,
        long smallestSequence,
        long largestSequence,
        long rawBytes,
        byte[] smallestKey,
        byte[] largestKey) {}
