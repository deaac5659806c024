package dev.catena.engine.compaction;

import dev.catena.engine.Options;
import dev.catena.engine.version.Version;

/**
 * Which levels are in use and how much each may hold, as the largest level asks for it: that one is what the store holds, and each
 * level above holds a tenth of the one below it. So what is written twice, above and in the last level, stays about a ninth of the
 * store, and an overwritten value is not kept for long.
 *
 * <p>Level 0 goes to the <b>base</b>: the last level, until a tenth of that is worth a level of its own; then the one above; and so on.
 * A level that is too small is not worth its writes: from {@link #WORTH} of {@link Options#levelOneBytes} on it is, and then it may hold
 * all of these. Levels above the base hold nothing; what another opening or version left in them goes down first.
 *
 * @param base where level 0 goes; a level below those that are empty
 * @param limits by level from 1: bytes that it holds before it is compacted; 0 above the base
 */
record LevelSizes(int base, long[] limits) {
    /** How much more a level holds than the one above it. */
    private static final int FACTOR = 10;

    private static final double WORTH = 0.4;

    static LevelSizes of(Version version, Options options) {
        int last = version.levels() - 1;
        long largest = 0;
        for (int level = 1; level <= last; level++) {
            largest = Math.max(largest, version.bytes(level));
        }
        long[] limits = new long[last + 1];
        limits[last] = Long.MAX_VALUE;
        int base = last;
        for (double bytes = (double) largest / FACTOR;
                base > 1 && bytes > WORTH * options.levelOneBytes();
                bytes /= FACTOR) {
            base--;
            limits[base] = Math.max((long) bytes, options.levelOneBytes());
        }
        return new LevelSizes(base, limits);
    }

    /**
     * Bytes that compactions will read and write, about, until no level holds more than it may: what is too much in a level goes down with
     * what it overlaps there, and is then too much there.
     */
    double debt(Version version, Options options) {
        double debt = 0;
        double moving = 0;
        if (version.levelZeroTables() >= options.levelZeroTrigger()) {
            moving = version.bytes(0);
            debt += 2 * (moving + version.bytes(base));
        }
        for (int level = base; level < limits.length - 1; level++) {
            double bytes = version.bytes(level) + moving;
            moving = Math.max(0, bytes - limits[level]);
            debt += moving == 0 ? 0 : 2 * moving * (1 + version.bytes(level + 1) / bytes);
        }
        return debt;
    }

    /** How urgent it is to compact a level from 1 on, but the last, that holds so much: from 1 on it is. */
    double score(int level, double bytes) {
        // What is above the base is in the way of level 0.
        return limits[level] > 0 ? bytes / limits[level] : bytes > 0 ? Double.MAX_VALUE : 0;
    }
}
