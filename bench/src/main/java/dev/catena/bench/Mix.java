package dev.catena.bench;

/** Bit mixing shared by the generators. */
final class Mix {
    /** 2^64 over the golden ratio: an odd number that spreads consecutive numbers well. */
    static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private Mix() {}

    /** The finalizer of SplitMix64: each bit of the input moves about half of the output's. */
    static long mix(long number) {
        long mixed = number;
        mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
        mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
        return mixed ^ (mixed >>> 31);
    }
}
