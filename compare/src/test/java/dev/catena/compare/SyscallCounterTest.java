package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Counts what a process of known behaviour does. Skipped where BPF cannot be used. */
final class SyscallCounterTest {
    private final SyscallCounter counter = SyscallCounter.open();

    @BeforeEach
    void needsBpf() {
        assumeTrue(counter.unavailable().isEmpty(), counter::unavailable);
    }

    @AfterEach
    void close() {
        counter.close();
    }

    /** Runs a shell command, counted from just before its first word to its end. */
    private SyscallCounter.Counts count(String command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder("sh", "-c", "read line; exec " + command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        counter.start(process.pid());
        process.getOutputStream().write('\n');
        process.getOutputStream().close();
        assertEquals(0, process.waitFor());
        SyscallCounter.Counts counts = counter.stop();
        assertNotNull(counts);
        return counts;
    }

    @Test
    void countsReadsAndWrites() throws Exception {
        SyscallCounter.Counts few = count("dd if=/dev/zero of=/dev/null bs=1 count=1");
        SyscallCounter.Counts many = count("dd if=/dev/zero of=/dev/null bs=1 count=3001");
        assertEquals(6_000, many.ioSyscalls() - few.ioSyscalls(), 5);
        assertEquals(3_000, many.io().get("write") - few.io().get("write"), 5);
        assertTrue(many.syscalls() >= many.ioSyscalls() && few.syscalls() > few.ioSyscalls(), few + " " + many);
    }

    @Test
    void countsWaitingAsSwitches() throws Exception {
        SyscallCounter.Counts counts = count("sleep 0.05");
        assertTrue(counts.switches() >= 1 && counts.switches() < 100, counts.toString());
    }

    @Test
    void countsNobodyElse() throws Exception {
        Process idle = new ProcessBuilder("sleep", "5").start();
        try {
            Thread.sleep(200);
            counter.start(idle.pid());
            Process busy = new ProcessBuilder("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=1000")
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            assertEquals(0, busy.waitFor());
            assertEquals(new SyscallCounter.Counts(new TreeMap<>(), 0, 0), counter.stop());
        } finally {
            idle.destroyForcibly();
        }
    }
}
