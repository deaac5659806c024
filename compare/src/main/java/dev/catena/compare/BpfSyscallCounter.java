package dev.catena.compare;

import dev.catena.bpf.BpfException;
import dev.catena.bpf.BpfMap;
import dev.catena.bpf.BpfObject;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The counter of {@code counter.bpf.c}: attached once, and pointed at one process after another. Its maps hold the counts; between
 * spans they are zeroed from here. Used by one thread.
 */
final class BpfSyscallCounter implements SyscallCounter {
    /** Slots of the program's table of system calls. */
    private static final int SYSCALL_SLOTS = 512;

    private static final int NOBODY = 0;
    private static final int SELF_TEST_CALLS = 10;

    private final BpfObject program;
    private final BpfMap target;
    private final BpfMap syscalls;
    private final BpfMap switches;
    private final Map<Integer, String> ioSyscalls = IoSyscalls.ofThisMachine();
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment key = arena.allocate(ValueLayout.JAVA_INT);
    private final MemorySegment number = arena.allocate(ValueLayout.JAVA_INT);
    private final MemorySegment count = arena.allocate(ValueLayout.JAVA_LONG);

    /**
     * Loads and attaches the program, and counts this process once to see that it works.
     *
     * @throws UnsupportedOperationException if it cannot count here
     * @throws BpfException if the kernel refuses
     */
    BpfSyscallCounter() {
        program = BpfObject.open("counter");
        try {
            program.load();
            target = program.map("target");
            syscalls = program.map("syscalls");
            switches = program.map("switches");
            program.attach("count_syscall");
            program.attach("count_switch");
            testOnSelf();
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private void testOnSelf() {
        start(ProcessHandle.current().pid());
        for (int i = 0; i < SELF_TEST_CALLS; i++) {
            Files.exists(Path.of("/proc/self/stat"));
        }
        if (stop().syscalls() < SELF_TEST_CALLS) {
            throw new UnsupportedOperationException(
                    "the kernel knows this process by another number (a PID namespace, such as a container's)");
        }
    }

    @Override
    public void start(long pid) {
        aimAt(NOBODY);
        count.set(ValueLayout.JAVA_LONG, 0, 0);
        for (int slot = 0; slot < SYSCALL_SLOTS; slot++) {
            key.set(ValueLayout.JAVA_INT, 0, slot);
            syscalls.update(key, count);
        }
        key.set(ValueLayout.JAVA_INT, 0, 0);
        switches.update(key, count);
        aimAt((int) pid);
    }

    @Override
    public Counts stop() {
        aimAt(NOBODY);
        long all = 0;
        SortedMap<String, Long> io = new TreeMap<>();
        for (int slot = 0; slot < SYSCALL_SLOTS; slot++) {
            key.set(ValueLayout.JAVA_INT, 0, slot);
            syscalls.lookup(key, count);
            long calls = count.get(ValueLayout.JAVA_LONG, 0);
            all += calls;
            String name = ioSyscalls.get(slot);
            if (name != null && calls > 0) {
                io.put(name, calls);
            }
        }
        key.set(ValueLayout.JAVA_INT, 0, 0);
        switches.lookup(key, count);
        return new Counts(io, all, count.get(ValueLayout.JAVA_LONG, 0));
    }

    private void aimAt(int pid) {
        key.set(ValueLayout.JAVA_INT, 0, 0);
        number.set(ValueLayout.JAVA_INT, 0, pid);
        target.update(key, number);
    }

    @Override
    public String unavailable() {
        return "";
    }

    @Override
    public void close() {
        program.close();
        arena.close();
    }
}
