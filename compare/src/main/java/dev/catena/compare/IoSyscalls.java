package dev.catena.compare;

import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The system calls that count as I/O: those that read, write, sync or size files, and io_uring's and aio's. */
final class IoSyscalls {
    /** Numbers on x86-64. */
    private static final Map<String, Integer> X86_64 = Map.ofEntries(
            Map.entry("read", 0),
            Map.entry("write", 1),
            Map.entry("pread64", 17),
            Map.entry("pwrite64", 18),
            Map.entry("readv", 19),
            Map.entry("writev", 20),
            Map.entry("msync", 26),
            Map.entry("fsync", 74),
            Map.entry("fdatasync", 75),
            Map.entry("ftruncate", 77),
            Map.entry("io_getevents", 208),
            Map.entry("io_submit", 209),
            Map.entry("sync_file_range", 277),
            Map.entry("fallocate", 285),
            Map.entry("preadv", 295),
            Map.entry("pwritev", 296),
            Map.entry("preadv2", 327),
            Map.entry("pwritev2", 328),
            Map.entry("io_uring_enter", 426));

    /** Numbers of the generic table, which arm64 and riscv64 use. */
    private static final Map<String, Integer> GENERIC = Map.ofEntries(
            Map.entry("io_submit", 2),
            Map.entry("io_getevents", 4),
            Map.entry("ftruncate", 46),
            Map.entry("fallocate", 47),
            Map.entry("read", 63),
            Map.entry("write", 64),
            Map.entry("readv", 65),
            Map.entry("writev", 66),
            Map.entry("pread64", 67),
            Map.entry("pwrite64", 68),
            Map.entry("preadv", 69),
            Map.entry("pwritev", 70),
            Map.entry("fsync", 82),
            Map.entry("fdatasync", 83),
            Map.entry("sync_file_range", 84),
            Map.entry("msync", 227),
            Map.entry("preadv2", 286),
            Map.entry("pwritev2", 287),
            Map.entry("io_uring_enter", 426));

    private IoSyscalls() {}

    /** Their names on this machine, by number. */
    static Map<Integer, String> ofThisMachine() {
        return table().entrySet().stream().collect(Collectors.toMap(Map.Entry::getValue, Map.Entry::getKey));
    }

    /** Their names, in alphabetical order, separated by commas. */
    static String names() {
        return new TreeMap<>(X86_64).keySet().stream().collect(Collectors.joining(", "));
    }

    private static Map<String, Integer> table() {
        return System.getProperty("os.arch").equals("amd64") ? X86_64 : GENERIC;
    }
}
