package dev.catena.io.internal;

import dev.catena.bpf.BpfException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One way to run chains: its memory, its files, its drivers. The names, best first:
 *
 * <ul>
 *   <li>{@code kernel-loop}: a program in the place of io_uring_enter's wait loop steers.
 *   <li>{@code kernel-hook}: a program at the tracepoint {@code io_uring_complete} steers.
 *   <li>{@code user}: io_uring, steered by the Java interpreter.
 *   <li>{@code portable}: the JDK's own file I/O, steered by the Java interpreter.
 * </ul>
 *
 * <p>Thread safe.
 */
public final class Backend implements AutoCloseable {
    public static final String KERNEL_LOOP = "kernel-loop";
    public static final String KERNEL_HOOK = "kernel-hook";
    public static final String USER = "user";
    public static final String PORTABLE = "portable";
    public static final List<String> NAMES = List.of(KERNEL_LOOP, KERNEL_HOOK, USER, PORTABLE);

    private final String name;
    private final SharedMemory memory;
    private final @Nullable Steering steering;
    private final @Nullable PortableFiles portableFiles;
    private final Watchdog watchdog = new Watchdog();
    private final @Nullable ThreadRings threadRings;
    private @Nullable LoopRing loopRing;
    private @Nullable SubmissionThread submissionThread;

    private Backend(
            String name, SharedMemory memory, @Nullable Steering steering, @Nullable PortableFiles portableFiles) {
        this.name = name;
        this.memory = memory;
        this.steering = steering;
        this.portableFiles = portableFiles;
        threadRings = steering instanceof LoopSteering loop
                ? new ThreadRings(loop, () -> new RingDriver(memory, loop, watchdog))
                : null;
    }

    /**
     * Opens a backend by name and sees that it works.
     *
     * @throws UnsupportedOperationException if it does not work here; the message says why and what would help
     */
    public static Backend open(String name) {
        Backend backend = switch (name) {
            case KERNEL_LOOP ->
                open(name, LoopSteering::open, "needs Linux 7.1 or newer with CONFIG_IO_URING_BPF_OPS: ");
            case KERNEL_HOOK -> open(name, HookSteering::open, "needs Linux 6.9 or newer with BTF: ");
            case USER -> {
                requireLinux();
                yield new Backend(name, SharedMemory.plain(), null, null);
            }
            case PORTABLE -> new Backend(name, SharedMemory.plain(), null, new PortableFiles());
            default -> throw new IllegalArgumentException("no backend named '" + name + "'; there are " + NAMES);
        };
        try {
            backend.tryOut();
            return backend;
        } catch (RingException e) {
            backend.close();
            throw new UnsupportedOperationException(
                    e.getMessage() + ": io_uring is missing, too old (6.9 or newer is needed) or not allowed here", e);
        } catch (RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    private void tryOut() {
        if (threadRings != null) {
            threadRings.ofThisThread();
        } else {
            driver(false).close();
        }
        if (name.equals(USER)) {
            Ring.requireOperations(memory);
        }
        if (steering != null) {
            driver(true).close();
        }
    }

    private static Backend open(String name, Supplier<Steering> opener, String needs) {
        requireLinux();
        try {
            Steering steering = opener.get();
            return new Backend(name, steering.memory(), steering, null);
        } catch (BpfException e) {
            String help = e.errno() == Errno.EPERM ? "needs root, or CAP_BPF and CAP_PERFMON: " : needs;
            throw new UnsupportedOperationException(help + e.getMessage(), e);
        }
    }

    private static void requireLinux() {
        if (!System.getProperty("os.name").equals("Linux")) {
            throw new UnsupportedOperationException("io_uring is Linux's; this is " + System.getProperty("os.name"));
        }
    }

    public String name() {
        return name;
    }

    public SharedMemory memory() {
        return memory;
    }

    /** Whether files are {@link PortableFile}s, to be told to {@link #addFile}. */
    public boolean isPortable() {
        return portableFiles != null;
    }

    public void addFile(int slot, PortableFile file) {
        if (portableFiles != null) {
            portableFiles.add(slot, file);
        }
    }

    public void removeFile(int slot) {
        if (portableFiles != null) {
            portableFiles.remove(slot);
        }
    }

    /** A new driver; with {@code resident}, for chains that run while the caller does something else, where that is possible. */
    public Driver driver(boolean resident) {
        if (portableFiles != null) {
            return new PortableDriver(memory, portableFiles);
        }
        if (resident && steering != null) {
            return new ResidentDriver(memory, residentRing(steering));
        }
        if (threadRings != null && steering != null) {
            return new LoopDriver(threadRings, () -> new ResidentDriver(memory, residentRing(steering)));
        }
        return new RingDriver(memory, steering, watchdog);
    }

    /** Whether in context a chain is its thread's, which has a ring for life. */
    public boolean bindsThreads() {
        return threadRings != null;
    }

    /** The ring of a resident lane: its own, or that of all. */
    private synchronized ResidentRing residentRing(Steering steering) {
        if (threadRings == null) {
            if (submissionThread == null) {
                submissionThread = new SubmissionThread(steering, watchdog);
            }
            return new PolledRing(steering, submissionThread, watchdog);
        }
        if (loopRing == null) {
            loopRing = LoopRing.open(steering, watchdog);
        }
        return loopRing;
    }

    /** The error number that stands for a failure of a {@link PortableFile}. */
    public static int errno(IOException e) {
        return PortableFiles.errno(e);
    }

    /** Takes the steering program away, for tests of the hand-over. */
    public void detachProgram() {
        if (steering != null) {
            steering.detach();
        }
    }

    /** Totals over the rings now open, read from the shared memory; and how many rings Java has taken over from the program. */
    public Map<String, Long> counters() {
        String[] names = {"program.completions", "program.issued", "program.nanos", "program.doorbells", "program.wakes"
        };
        Map<String, Long> counters = new LinkedHashMap<>();
        for (int i = 0; i < names.length; i++) {
            long sum = 0;
            for (int ring = 0; ring < ChainLayout.MAX_RINGS; ring++) {
                sum += memory.getLong(memory.ring(ring) + ChainLayout.Ring.COMPLETIONS + 8L * i);
            }
            counters.put(names[i], sum);
        }
        watchdog.addTo(counters);
        return counters;
    }

    @Override
    public synchronized void close() {
        if (loopRing != null) {
            loopRing.close();
            loopRing = null;
        }
        if (submissionThread != null) {
            submissionThread.close();
            submissionThread = null;
        }
        if (threadRings != null) {
            threadRings.close();
        }
        if (steering != null) {
            steering.close();
        } else {
            memory.close();
        }
    }
}
