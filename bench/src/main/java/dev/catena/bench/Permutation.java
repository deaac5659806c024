package dev.catena.bench;

/**
 * The numbers 0 to n-1 in a random order, each once, without keeping them: a four-round Feistel network permutes the next larger
 * even number of bits, and a result that is n or more is permuted again until it is not ("cycle walking", under four times on average).
 * Immutable.
 */
public final class Permutation {
    private static final int ROUNDS = 4;

    private final long size;
    private final int halfBits;
    private final long halfMask;
    private final long seed;

    /** A permutation of 0 to size-1. */
    public Permutation(long size, long seed) {
        if (size < 1) {
            throw new IllegalArgumentException("size is " + size + ": at least 1 is needed");
        }
        this.size = size;
        this.halfBits = Math.max(1, (64 - Long.numberOfLeadingZeros(size - 1) + 1) / 2);
        this.halfMask = (1L << halfBits) - 1;
        this.seed = seed;
    }

    /** The number at a place. */
    public long at(long index) {
        long number = index;
        do {
            long left = number >>> halfBits;
            long right = number & halfMask;
            for (int round = 0; round < ROUNDS; round++) {
                long next = left ^ (Mix.mix(right + seed + round * Mix.GOLDEN) & halfMask);
                left = right;
                right = next;
            }
            number = (left << halfBits) | right;
        } while (number >= size);
        return number;
    }
}
