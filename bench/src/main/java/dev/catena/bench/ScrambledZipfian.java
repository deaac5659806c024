package dev.catena.bench;

import java.util.SplittableRandom;

/**
 * YCSB's choice of keys: a few are asked for often, most seldom (Zipf's law with constant 0.99), and the popular ones are scattered
 * over the key space. As in YCSB a rank is drawn out of ten billion by the method of Gray et al. ("Quickly generating billion-record
 * synthetic databases", SIGMOD 1994), hashed with FNV-1a and reduced to the number of keys. One thread's.
 */
public final class ScrambledZipfian {
    private static final double THETA = 0.99;
    private static final long RANKS = 10_000_000_000L;
    /** The sum of 1/i^0.99 for i to RANKS, as YCSB states it. */
    private static final double ZETA_RANKS = 26.46902820178302;

    private static final double ZETA_TWO = 1 + Math.pow(0.5, THETA);
    private static final double ALPHA = 1 / (1 - THETA);
    private static final double ETA = (1 - Math.pow(2.0 / RANKS, 1 - THETA)) / (1 - ZETA_TWO / ZETA_RANKS);

    private static final long FNV_BASIS = 0xCBF29CE484222325L;
    private static final long FNV_PRIME = 0x100000001B3L;

    private final long keys;
    private final SplittableRandom random;

    /** Draws from keys 0 to keys-1. */
    public ScrambledZipfian(long keys, long seed) {
        this.keys = keys;
        this.random = new SplittableRandom(seed);
    }

    /** The next key's number. */
    public long next() {
        return (fnv(rank()) & Long.MAX_VALUE) % keys;
    }

    private long rank() {
        double u = random.nextDouble();
        double uz = u * ZETA_RANKS;
        if (uz < 1) {
            return 0;
        }
        if (uz < ZETA_TWO) {
            return 1;
        }
        return (long) (RANKS * Math.pow(ETA * u - ETA + 1, ALPHA));
    }

    private static long fnv(long number) {
        long hash = FNV_BASIS;
        long rest = number;
        for (int i = 0; i < Long.BYTES; i++) {
            hash = (hash ^ (rest & 0xFF)) * FNV_PRIME;
            rest >>>= 8;
        }
        return hash;
    }
}
