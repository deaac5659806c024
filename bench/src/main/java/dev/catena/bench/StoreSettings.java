package dev.catena.bench;

/**
 * What is set alike in every store compared.
 *
 * @param memtableBytes bytes of a memtable before it is written as a table
 * @param cacheBytes bytes of the block cache
 * @param blockBytes bytes of a table's block before compression
 * @param filterBitsPerKey bits a key of the tables' bloom filters
 */
public record StoreSettings(long memtableBytes, long cacheBytes, int blockBytes, int filterBitsPerKey) {
    /** 64 MiB memtables, 128 MiB cache, 4 KiB blocks, 10 filter bits a key. Compression is always LZ4. */
    public static final StoreSettings DEFAULTS = new StoreSettings(64L << 20, 128L << 20, 4096, 10);
}
