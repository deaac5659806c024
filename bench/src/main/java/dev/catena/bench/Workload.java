package dev.catena.bench;

import java.util.Arrays;
import java.util.Optional;

/**
 * The workloads, named as in db_bench and YCSB. All use 16-byte keys and 100-byte values (see {@link KeyFormat} and
 * {@link ValueSource}).
 */
public enum Workload {
    /** Puts of keys drawn at random, with repetition, into an empty store. */
    FILLRANDOM("fillrandom", 1, false, Start.EMPTY, "random puts into an empty store"),
    /** The same, each put durable before the next. */
    FILLSYNC("fillsync", 1, true, Start.EMPTY, "random puts, each durable, 1 thread"),
    /** The same from 16 threads, which lets a store make many puts durable at once. */
    FILLSYNC16("fillsync16", 16, true, Start.EMPTY, "random puts, each durable, 16 threads"),
    /** Gets of loaded keys drawn at random. */
    READRANDOM("readrandom", 1, false, Start.LOADED, "random gets"),
    /** All entries in order, from the first again after the last; an operation is an entry. */
    READSEQ("readseq", 1, false, Start.LOADED, "entries in key order"),
    /** A new cursor, a seek to a random key, and 50 entries from there; an operation is a whole scan. */
    SEEKRANDOM("seekrandom", 1, false, Start.LOADED, "scans of 50 entries from a random key"),
    /** YCSB C: gets of Zipf-distributed keys. */
    YCSB_C("ycsb-c", 4, false, Start.LOADED, "YCSB C: Zipfian gets, 4 threads"),
    /** YCSB B: 95 gets for 5 puts. */
    YCSB_B("ycsb-b", 4, false, Start.COPY_OF_LOADED, "YCSB B: 95% Zipfian gets, 5% puts, 4 threads"),
    /** YCSB A: a get for each put. */
    YCSB_A("ycsb-a", 4, false, Start.COPY_OF_LOADED, "YCSB A: 50% Zipfian gets, 50% puts, 4 threads"),
    /** Puts of loaded keys drawn at random. */
    OVERWRITE("overwrite", 1, false, Start.COPY_OF_LOADED, "random puts over loaded keys");

    /** Entries that a scan reads. */
    public static final int SCAN_ENTRIES = 50;

    /** The store that a workload begins with. */
    public enum Start {
        /** A new one. */
        EMPTY,
        /** One that holds every key, settled; the workload only reads. */
        LOADED,
        /** A copy of that: the workload changes it. */
        COPY_OF_LOADED
    }

    private final String label;
    private final int threads;
    private final boolean synced;
    private final Start start;
    private final String summary;

    Workload(String label, int threads, boolean synced, Start start, String summary) {
        this.label = label;
        this.threads = threads;
        this.synced = synced;
        this.start = start;
        this.summary = summary;
    }

    /** The workload with a name. */
    public static Optional<Workload> named(String label) {
        return Arrays.stream(values())
                .filter(workload -> workload.label.equals(label))
                .findFirst();
    }

    /** Its name on the command line and in reports. */
    public String label() {
        return label;
    }

    /** Threads that run it. */
    public int threads() {
        return threads;
    }

    /** Whether each put waits until it is durable. */
    public boolean synced() {
        return synced;
    }

    /** The store that it begins with. */
    public Start start() {
        return start;
    }

    /** What it does, in a few words. */
    public String summary() {
        return summary;
    }
}
