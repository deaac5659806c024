package dev.catena.compare;

import dev.catena.bpf.BpfException;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/** Counts a process's system calls and voluntary context switches from outside. */
interface SyscallCounter extends AutoCloseable {
    /**
     * What a process did in a span of time.
     *
     * @param io system calls that are I/O, see {@link IoSyscalls}, by name; those that were made
     * @param syscalls all system calls
     * @param switches how often a thread gave up its CPU to wait
     */
    record Counts(SortedMap<String, Long> io, long syscalls, long switches) {
        /** System calls that are I/O. */
        long ioSyscalls() {
            return io.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    /** Begins to count a process. */
    void start(long pid);

    /** Ends it; null when nothing can be counted here. */
    @Nullable
    Counts stop();

    /** Why nothing can be counted here; empty when it can. */
    String unavailable();

    @Override
    void close();

    /** The counter of this machine, or one that says why there is none. */
    static SyscallCounter open() {
        try {
            return new BpfSyscallCounter();
        } catch (UnsupportedOperationException | BpfException e) {
            return none(String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
        }
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
}
