package dev.catena.engine;

/** How the blocks of new tables are stored. A store may hold tables of all kinds. */
public enum Compression {
    /** As they are. */
    NONE,

    /** As LZ4 blocks, where that makes them smaller. */
    LZ4,

    /** As Zstandard frames, where that makes them smaller: smaller than LZ4, slower to write and to read. */
    ZSTD
}
