package dev.catena.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Figures about a store at a moment. Counters run since it was opened.
 *
 * @param backend what runs the store's I/O chains
 * @param lastSequence the newest write's sequence number
 * @param families one entry for each column family, the default one first
 * @param memory bytes held outside the Java heap
 * @param log the log's counters
 * @param compaction flushes of memtables and merges of tables
 * @param stallNanos how long writers were held back because background work lagged, in nanoseconds, summed over threads
 * @param stalls how many writes were held back
 * @param snapshots snapshots open
 * @param iterators iterators open
 * @param chains counters of the I/O chains, by name; shared by all stores of the process that use the backend
 */
public record Stats(
        String backend,
        long lastSequence,
        List<Family> families,
        Memory memory,
        Log log,
        Compaction compaction,
        long stallNanos,
        long stalls,
        int snapshots,
        int iterators,
        Map<String, Long> chains) {

    /** Copies the collections. */
    public Stats {
        families = List.copyOf(families);
        chains = Map.copyOf(chains);
    }

    /** The levels of all column families together, from 0 down. */
    public List<Level> levels() {
        List<Level> sums = new ArrayList<>(families.getFirst().levels);
        for (Family family : families.subList(1, families.size())) {
            sums.replaceAll(sum -> sum.plus(family.levels.get(sum.level)));
        }
        return sums;
    }

    /**
     * A column family.
     *
     * @param name its name
     * @param levels one entry for each level, from 0 down
     * @param memtableBytes the memtable that takes writes
     * @param immutableMemtables memtables waiting to be flushed
     * @param immutableBytes their size
     */
    public record Family(
            String name, List<Level> levels, long memtableBytes, int immutableMemtables, long immutableBytes) {
        /** Copies the levels. */
        public Family {
            levels = List.copyOf(levels);
        }
    }

    /**
     * A level of tables.
     *
     * @param level 0 for tables just flushed, whose key ranges may overlap
     * @param tables how many files
     * @param bytes their size
     * @param entries in them: puts and deletions, of a key perhaps several
     * @param limit from what it is compacted on: tables in level 0, bytes in the others; {@link Long#MAX_VALUE} in the last, which
     *     never is, and 0 in a level that is not in use: what level 0 gives goes to the first one below these
     */
    public record Level(int level, int tables, long bytes, long entries, long limit) {
        /** This level of two families. */
        Level plus(Level other) {
            boolean isLast = limit == Long.MAX_VALUE || other.limit == Long.MAX_VALUE;
            return new Level(
                    level,
                    tables + other.tables,
                    bytes + other.bytes,
                    entries + other.entries,
                    isLast ? Long.MAX_VALUE : limit + other.limit);
        }

        /** How much of what it may hold it holds; from 1 on it is compacted. */
        public double fill() {
            long held = level == 0 ? tables : bytes;
            return held == 0 ? 0 : (double) held / limit;
        }
    }

    /**
     * Memory outside the Java heap.
     *
     * @param memtableBytes the memtables that take writes
     * @param immutableMemtables memtables waiting to be flushed
     * @param immutableBytes their size
     * @param cacheBytes blocks in the cache
     * @param cacheHits block look-ups served from the cache
     * @param cacheMisses block look-ups that read from a file
     * @param budget bytes that all owners may have together; 0 where they have no common budget
     * @param byOwner bytes now, of {@code memtables}, {@code blocks} (cached, index and filters among them), {@code tables} (open),
     *     {@code iterators}, {@code lookups} (buffers for reading what many keys at once need), {@code compaction} and {@code log}
     */
    public record Memory(
            long memtableBytes,
            int immutableMemtables,
            long immutableBytes,
            long cacheBytes,
            long cacheHits,
            long cacheMisses,
            long budget,
            Map<String, Long> byOwner) {
        /** Copies the map. */
        public Memory {
            byOwner = new TreeMap<>(byOwner);
        }

        /** Bytes of all owners. */
        public long total() {
            return byOwner.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    /**
     * The log.
     *
     * @param records records written
     * @param bytes their bytes
     * @param durableFlushes durable device writes
     * @param bufferedFlushes writes handed to the operating system without waiting for the device
     * @param flushedBytes bytes written to the file, padding and rewritten tails included
     * @param files log files that hold data not yet in tables
     */
    public record Log(
            long records, long bytes, long durableFlushes, long bufferedFlushes, long flushedBytes, int files) {}

    /**
     * Background work.
     *
     * @param flushes memtables written as tables
     * @param flushedBytes bytes of those tables
     * @param compactions merges done
     * @param moves tables moved a level down as they were
     * @param readBytes bytes of tables merged
     * @param writtenBytes bytes of tables that merges wrote
     * @param copiedBytes those of them that were copied from the merged tables as they were, without being decoded
     */
    public record Compaction(
            long flushes,
            long flushedBytes,
            long compactions,
            long moves,
            long readBytes,
            long writtenBytes,
            long copiedBytes) {}
}
