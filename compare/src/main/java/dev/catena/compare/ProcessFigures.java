package dev.catena.compare;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What Linux says of this process, all threads, those that the kernel keeps for it included. */
final class ProcessFigures {
    private static final double KIBIBYTES = 1024;

    private ProcessFigures() {}

    /** Bytes that it had written to storage, what still waits in the page cache included. */
    static long writtenBytes() {
        return figure("/proc/self/io", "write_bytes");
    }

    /** Resident memory in 2^20 bytes: {@code VmRSS} now, {@code VmHWM} at most so far. */
    static double residentMebibytes(String which) {
        return figure("/proc/self/status", which) / KIBIBYTES;
    }

    private static long figure(String file, String name) {
        try (var lines = Files.lines(Path.of(file))) {
            return lines.filter(line -> line.startsWith(name + ":"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
