package dev.catena.compare;

import dev.catena.bench.KeyFormat;
import dev.catena.bench.StoreSettings;
import dev.catena.bench.ValueSource;
import dev.catena.bench.Workload;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The words around the figures: what was set alike, and what is not alike. The same on the screen and in the report. */
final class Descriptions {
    /** What the table's columns mean. */
    static final String LEGEND = """
            Figures are medians over the rounds; the ratio is of ops/s in the same round. I/O calls: read, write, sync, preallocation
            and io_uring system calls; calls: all system calls; switches: voluntary context switches. "-": could not be counted.""";

    private static final int MEBIBYTE_SHIFT = 20;
    private static final int KIBIBYTE_SHIFT = 10;

    private Descriptions() {}

    /** A line for each thing that the figures depend on. */
    static List<String> of(Comparison.Plan plan, SyscallCounter counter, String disk) {
        StoreSettings settings = plan.settings();
        Scale scale = plan.scale();
        List<String> lines = new ArrayList<>();
        lines.add("machine:  " + Machine.cpu() + ", " + Machine.kernel());
        lines.add("disk:     " + disk);
        lines.add("jdk:      " + Machine.jdk());
        lines.add("runs:     " + scale.rounds() + " rounds, each run in its own JVM with "
                + String.join(" ", ChildJvm.JVM_OPTIONS));
        lines.add(String.format(
                Locale.ROOT,
                "amount:   %,d keys of %d B, values of %d B (half compressible); at most %.3g s a run, fillrandom %.3g s or all keys",
                scale.keys(),
                KeyFormat.KEY_BYTES,
                ValueSource.VALUE_BYTES,
                scale.seconds(),
                scale.secondsOf(Workload.FILLRANDOM)));
        lines.add(String.format(
                Locale.ROOT,
                "alike:    LZ4, %d filter bits a key, %d KiB blocks, %d MiB block cache, %d MiB memtable, reads through the page cache;"
                        + " fillsync and fillsync16: each put durable on return, all else: not synced",
                settings.filterBitsPerKey(),
                settings.blockBytes() >> KIBIBYTE_SHIFT,
                settings.cacheBytes() >> MEBIBYTE_SHIFT,
                settings.memtableBytes() >> MEBIBYTE_SHIFT));
        lines.add(
                "unlike:   an unsynced put lies in Catena's own memory for up to 20 ms or 256 KiB before the kernel has it,"
                        + " RocksDB hands it to the kernel at once");
        lines.add(
                "unlike:   Catena keeps index and filter blocks within the cache's bytes, RocksDB (as it comes) beside them");
        lines.add("unlike:   Catena recycles its log files, RocksDB keeps " + plan.rocksRecycledLogs()
                + " for that (--rocksdb-recycled-logs); all else in RocksDB is as it comes");
        String reason = counter.unavailable();
        lines.add(
                "counted:  " + (reason.isEmpty() ? "by BPF, from outside" : "no system calls and switches: " + reason));
        return lines;
    }
}
