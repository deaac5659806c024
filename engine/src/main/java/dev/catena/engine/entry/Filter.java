package dev.catena.engine.entry;

import dev.catena.io.memory.Xxh64;

/**
 * A Bloom filter over user keys whose bits for one key all lie in one 64-byte line, so a test costs one cache miss.
 *
 * <p>The key's XXH64 (seed 0) chooses: its high half the line, its low half, multiplied by the golden ratio again and again, the
 * bits: the top 9 bits of each product. A filter of 10 bits a key with 6 probes errs for about one absent key in 90.
 *
 * <p>Tables store one for each partition, a memtable keeps one for itself. Stateless; one thread may add while others test: they miss at
 * most what was added since they last synchronized with it.
 */
public final class Filter {
    /** Bytes of a line. */
    public static final int LINE = 64;

    private static final int GOLDEN = 0x9e3779b9;

    private Filter() {}

    /** The hash that the other methods take. */
    public static long hash(long key, int keyLength) {
        return Xxh64.hash(Memory.ALL, key, keyLength, 0);
    }

    /** Probes a key that cost least for so many bits a key: ln 2 of them, fewer because lines fill unevenly. */
    public static int probes(int bitsPerKey) {
        return Math.clamp((bitsPerKey * 6L + 5) / 10, 1, 12);
    }

    /** Bytes of a filter, a multiple of {@link #LINE}. */
    public static int bytes(int keys, int bitsPerKey) {
        long lines = Math.max(1, ((long) keys * bitsPerKey + 8 * LINE - 1) / (8 * LINE));
        return Math.toIntExact(lines * LINE);
    }

    /** Adds a key by its hash. */
    public static void add(long filter, int bytes, int probes, long hash) {
        long line = line(filter, bytes, hash);
        int h = (int) hash;
        for (int i = 0; i < probes; i++) {
            int bit = h >>> 23;
            long word = line + ((bit >>> 6) << 3);
            Memory.putLong(word, Memory.getLong(word) | 1L << bit);
            h *= GOLDEN;
        }
    }

    /**
     * Adds keys by their hashes: looks at all their lines first, as the processor can wait for many at once, which {@link #add} one after another
     * does not let it. Returns nothing of use.
     */
    public static long addAll(long filter, int bytes, int probes, long[] hashes, int count) {
        long looked = 0;
        for (int i = 0; i < count; i++) {
            looked += Memory.getLong(line(filter, bytes, hashes[i]));
        }
        for (int i = 0; i < count; i++) {
            add(filter, bytes, probes, hashes[i]);
        }
        return looked;
    }

    /** Whether a key may have been added; false is certain. */
    public static boolean mayContain(long filter, int bytes, int probes, long hash) {
        long line = line(filter, bytes, hash);
        int h = (int) hash;
        for (int i = 0; i < probes; i++) {
            int bit = h >>> 23;
            if ((Memory.getLong(line + ((bit >>> 6) << 3)) >>> bit & 1) == 0) {
                return false;
            }
            h *= GOLDEN;
        }
        return true;
    }

    private static long line(long filter, int bytes, long hash) {
        long lines = bytes / LINE;
        return filter + LINE * (((hash >>> 32) * lines) >>> 32);
    }
}
