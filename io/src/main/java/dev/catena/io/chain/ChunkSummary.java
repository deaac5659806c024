package dev.catena.io.chain;

/**
 * What {@link ChunkWriter} wrote.
 *
 * @param bodyBytes length of the padded body
 * @param fileBytes length of the file
 * @param fileChecksum sum of the chunks' checksums, modulo 2^64
 * @param chunks number of chunks
 */
public record ChunkSummary(long bodyBytes, long fileBytes, long fileChecksum, int chunks) {}
