package dev.catena.compare;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Counts a process's system calls and voluntary context switches from outside. */
interface SyscallCounter extends AutoCloseable {
    /**
     * What a process did in a span of time.
     *
     * @param ioSyscalls system calls that read, write, sync or size files, io_uring's among them
     * @param syscalls all system calls
     * @param switches how often a thread gave up its CPU to wait
     */
    record Counts(long ioSyscalls, long syscalls, long switches) {}

    /** Begins to count a process. */
    void start(long pid);

    /** Ends it; null when nothing can be counted here. */
    @Nullable
    Counts stop();

    /** Why nothing can be counted here; null when it can. */
    @Nullable
    String unavailable();

    @Override
    void close();

    /** The counter of this machine, or one that says why there is none. */
    static SyscallCounter open() {
        return none("not built");
    }

    /** One that counts nothing. */
    static SyscallCounter none(String reason) {
        return new SyscallCounter() {
            @Override
            public void start(long pid) {}

            @Override
            public @Nullable Counts stop() {
                return null;
            }

            @Override
            public String unavailable() {
                return reason;
            }

            @Override
            public void close() {}
        };
    }

    /** Names of the calls that count as I/O. */
    Set<String> IO_SYSCALLS = Set.of(
            "read",
            "pread64",
            "readv",
            "preadv",
            "preadv2",
            "write",
            "pwrite64",
            "writev",
            "pwritev",
            "pwritev2",
            "fsync",
            "fdatasync",
            "sync_file_range",
            "fallocate",
            "ftruncate",
            "msync",
            "io_uring_enter",
            "io_submit",
            "io_getevents");
}
