package dev.catena.engine;

/** How the blocks of new tables are stored. A store may hold tables of both kinds. */
public enum Compression {
    /** As they are. */
    NONE,

    /** As LZ4 blocks, where that makes them smaller. */
    LZ4
}
