package dev.catena.engine;

import org.jspecify.annotations.Nullable;

/**
 * How a store is opened. Immutable: each {@code with…} method returns a changed copy. Every option may differ from one opening to
 * the next; files written under other options stay readable.
 */
public final class Options {
    private static final Options DEFAULTS = new Options();

    private boolean createIfMissing = true;
    private long memtableBytes = 64L << 20;
    private int memtables = 2;
    private long cacheBytes = 64L << 20;
    private int blockBytes = 4096;
    private int filterBitsPerKey = 10;
    private Compression compression = Compression.LZ4;
    private @Nullable String backend;
    private long tableBytes = 64L << 20;
    private long levelOneBytes = 256L << 20;
    private int levelZeroTrigger = 4;

    private Options() {}

    private Options(Options other) {
        createIfMissing = other.createIfMissing;
        memtableBytes = other.memtableBytes;
        memtables = other.memtables;
        cacheBytes = other.cacheBytes;
        blockBytes = other.blockBytes;
        filterBitsPerKey = other.filterBitsPerKey;
        compression = other.compression;
        backend = other.backend;
        tableBytes = other.tableBytes;
        levelOneBytes = other.levelOneBytes;
        levelZeroTrigger = other.levelZeroTrigger;
    }

    /** What suits most uses: 64 MiB memtables and cache, 4 KiB LZ4 blocks, 10 filter bits a key. */
    public static Options defaults() {
        return DEFAULTS;
    }

    /** Whether a store is made in a directory that holds none; otherwise opening one is an error. Default true. */
    public Options withCreateIfMissing(boolean create) {
        Options copy = new Options(this);
        copy.createIfMissing = create;
        return copy;
    }

    /** Bytes that a memtable takes before it is written as a table: 64 KiB to 4 GiB. Default 64 MiB. */
    public Options withMemtableBytes(long bytes) {
        check("memtableBytes", bytes, 64L << 10, 4L << 30);
        Options copy = new Options(this);
        copy.memtableBytes = bytes;
        return copy;
    }

    /** Memtables in memory at most, the one that takes writes included: 2 to 16. Default 2. */
    public Options withMemtables(int count) {
        check("memtables", count, 2, 16);
        Options copy = new Options(this);
        copy.memtables = count;
        return copy;
    }

    /** Bytes of table blocks kept in memory: 1 MiB or more. Default 64 MiB. */
    public Options withCacheBytes(long bytes) {
        check("cacheBytes", bytes, 1L << 20, 1L << 40);
        Options copy = new Options(this);
        copy.cacheBytes = bytes;
        return copy;
    }

    /** Bytes of a table's block before compression, about: 512 B to 1 MiB. Default 4 KiB. */
    public Options withBlockBytes(int bytes) {
        check("blockBytes", bytes, 512, 1 << 20);
        Options copy = new Options(this);
        copy.blockBytes = bytes;
        return copy;
    }

    /** Bits a key of a table's bloom filter, 0 for none: 0 to 32. Default 10, which errs about once in a hundred. */
    public Options withFilterBitsPerKey(int bits) {
        check("filterBitsPerKey", bits, 0, 32);
        Options copy = new Options(this);
        copy.filterBitsPerKey = bits;
        return copy;
    }

    /** How new tables' blocks are stored. Default LZ4. */
    public Options withCompression(Compression kind) {
        Options copy = new Options(this);
        copy.compression = kind;
        return copy;
    }

    /** What runs I/O chains, by name; null for the best that works here, or what CATENA_BACKEND says. Default null. */
    public Options withBackend(@Nullable String name) {
        Options copy = new Options(this);
        copy.backend = name;
        return copy;
    }

    /** Bytes at which a compaction begins its next table: 64 KiB to 4 GiB. Default 64 MiB. */
    public Options withTableBytes(long bytes) {
        check("tableBytes", bytes, 64L << 10, 4L << 30);
        Options copy = new Options(this);
        copy.tableBytes = bytes;
        return copy;
    }

    /** Bytes that level 1 holds before it is compacted; each level below holds ten times more. Default 256 MiB. */
    public Options withLevelOneBytes(long bytes) {
        check("levelOneBytes", bytes, 64L << 10, 1L << 50);
        Options copy = new Options(this);
        copy.levelOneBytes = bytes;
        return copy;
    }

    /** Tables in level 0 that start a compaction: 1 to 16. Default 4. */
    public Options withLevelZeroTrigger(int tables) {
        check("levelZeroTrigger", tables, 1, 16);
        Options copy = new Options(this);
        copy.levelZeroTrigger = tables;
        return copy;
    }

    /** See {@link #withCreateIfMissing}. */
    public boolean createIfMissing() {
        return createIfMissing;
    }

    /** See {@link #withMemtableBytes}. */
    public long memtableBytes() {
        return memtableBytes;
    }

    /** See {@link #withMemtables}. */
    public int memtables() {
        return memtables;
    }

    /** See {@link #withCacheBytes}. */
    public long cacheBytes() {
        return cacheBytes;
    }

    /** See {@link #withBlockBytes}. */
    public int blockBytes() {
        return blockBytes;
    }

    /** See {@link #withFilterBitsPerKey}. */
    public int filterBitsPerKey() {
        return filterBitsPerKey;
    }

    /** See {@link #withCompression}. */
    public Compression compression() {
        return compression;
    }

    /** See {@link #withBackend}. */
    public @Nullable String backend() {
        return backend;
    }

    /** See {@link #withTableBytes}. */
    public long tableBytes() {
        return tableBytes;
    }

    /** See {@link #withLevelOneBytes}. */
    public long levelOneBytes() {
        return levelOneBytes;
    }

    /** See {@link #withLevelZeroTrigger}. */
    public int levelZeroTrigger() {
        return levelZeroTrigger;
    }

    /** All options in one line. */
    @Override
    public String toString() {
        return "memtableBytes=" + memtableBytes + " memtables=" + memtables + " cacheBytes=" + cacheBytes
                + " blockBytes=" + blockBytes + " filterBitsPerKey=" + filterBitsPerKey + " compression=" + compression
                + " backend=" + (backend == null ? "best" : backend) + " tableBytes=" + tableBytes
                + " levelOneBytes=" + levelOneBytes + " levelZeroTrigger=" + levelZeroTrigger;
    }

    private static void check(String option, long value, long min, long max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(option + " is " + value + ": " + min + " to " + max + " are allowed");
        }
    }
}
