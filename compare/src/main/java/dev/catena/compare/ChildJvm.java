package dev.catena.compare;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.catena.bench.WorkloadRun;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The parent's side of a {@linkplain ChildMain child JVM}: starts it on this JVM's own java and class path, counts it while it
 * measures, and hands its progress on. Used by one thread.
 */
final class ChildJvm {
    /** The same for both engines, and printed. A fixed heap and the plainest collector: the least noise. */
    static final List<String> JVM_OPTIONS = List.of("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:-UsePerfData");

    private static final String END = "";
    private static final long POLL_MILLIS = 100;
    private static final long SILENCE_LIMIT_NANOS = TimeUnit.MINUTES.toNanos(10);
    private static final double CLOCK_TICKS_PER_SECOND = 100;

    /**
     * What a run gave.
     *
     * @param result the child's own figures
     * @param counts what was counted from outside, null when that is not possible
     * @param cpuSeconds CPU time of the measured part
     * @param rssMegabytes resident memory at its end, in 2^20 bytes
     */
    record Outcome(JsonObject result, SyscallCounter.@Nullable Counts counts, double cpuSeconds, double rssMegabytes) {}

    /** A child that failed; the message says why in a line. */
    static final class ChildFailed extends Exception {
        ChildFailed(String message) {
            super(message);
        }
    }

    /** Held while a child is started: once the JVM is about to end, none is. */
    private static final Object STARTING = new Object();

    private static @Nullable Process latest;
    private static boolean ending;

    private ChildJvm() {}

    /** Kills the child, waits until it is gone, and lets no other start: for when this JVM is told to end. */
    static void endAll() {
        synchronized (STARTING) {
            ending = true;
            if (latest != null) {
                latest.destroyForcibly().onExit().join();
            }
        }
    }

    /** Nothing goes on once this JVM is about to end: not the next run, nor a report of a child that was killed. */
    private static void goOn() throws InterruptedException {
        synchronized (STARTING) {
            if (ending) {
                throw new InterruptedException("interrupted");
            }
        }
    }

    private static Process start(ProcessBuilder builder) throws IOException, InterruptedException {
        synchronized (STARTING) {
            goOn();
            Process process = builder.start();
            latest = process;
            return process;
        }
    }

    /** Runs an order to its end. The child's stderr goes to a file; operations done so far go to {@code progress}. */
    static Outcome run(RunOrder order, SyscallCounter counter, Path errors, LongConsumer progress)
            throws IOException, InterruptedException, ChildFailed {
        Files.createDirectories(errors.toAbsolutePath().getParent());
        long progressBytes = (long) order.threads() * WorkloadRun.PROGRESS_STRIDE;
        try (RandomAccessFile file = new RandomAccessFile(order.progressFile().toFile(), "rw")) {
            file.setLength(0);
            file.setLength(progressBytes);
            try (Arena arena = Arena.ofShared()) {
                MemorySegment published = file.getChannel().map(FileChannel.MapMode.READ_ONLY, 0, progressBytes, arena);
                return run(order, counter, errors, progress, published);
            }
        } finally {
            Files.deleteIfExists(order.progressFile());
        }
    }

    private static Outcome run(
            RunOrder order, SyscallCounter counter, Path errors, LongConsumer progress, MemorySegment published)
            throws IOException, InterruptedException, ChildFailed {
        ProcessBuilder builder = new ProcessBuilder(command(order)).redirectError(errors.toFile());
        // RocksDB's Java side unpacks its library: here rather than in /tmp, where a killed child would leave it.
        Path unpacked = order.progressFile().resolveSibling("native");
        Files.createDirectories(unpacked);
        builder.environment().put("ROCKSDB_SHAREDLIB_DIR", unpacked.toString());
        Process process = start(builder);
        try {
            BlockingQueue<String> lines = linesOf(process);
            OutputStream input = process.getOutputStream();
            expect(ChildMain.READY, lines, process, errors, null);

            double cpuBefore = cpuSeconds(process.pid());
            counter.start(process.pid());
            progress.accept(0);
            signal(input);
            expect(ChildMain.DONE, lines, process, errors, () -> progress.accept(sum(published)));
            SyscallCounter.Counts counts = counter.stop();
            double cpuAfter = cpuSeconds(process.pid());
            double rss = rssMegabytes(process.pid());
            progress.accept(sum(published));

            signal(input);
            String result = expect(ChildMain.RESULT, lines, process, errors, null);
            expect(END, lines, process, errors, null);
            int exit = process.waitFor();
            if (exit != 0) {
                throw new ChildFailed(
                        "its JVM ended with exit code " + exit + " when it closed the store; see " + errors);
            }
            return new Outcome(JsonParser.parseString(result).getAsJsonObject(), counts, cpuAfter - cpuBefore, rss);
        } finally {
            process.destroyForcibly();
            process.waitFor();
        }
    }

    private static List<String> command(RunOrder order) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(JVM_OPTIONS);
        for (String argument : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            if (argument.startsWith("--enable-native-access") || argument.startsWith("-Dcatena.")) {
                command.add(argument);
            }
        }
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(ChildMain.class.getName());
        command.add(order.toJson());
        return command;
    }

    private static BlockingQueue<String> linesOf(Process process) {
        BlockingQueue<String> lines = new LinkedBlockingQueue<>();
        Thread reader = new Thread(
                () -> {
                    try (BufferedReader output = new BufferedReader(
                            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                        for (String line = output.readLine(); line != null; line = output.readLine()) {
                            if (line.startsWith("@")) {
                                lines.add(line);
                            }
                        }
                    } catch (IOException e) {
                        lines.add(ChildMain.ERROR + "its output broke off: " + e.getMessage());
                    }
                    lines.add(END);
                },
                "child-output");
        reader.setDaemon(true);
        reader.start();
        return lines;
    }

    /** Waits for a line and returns what follows its prefix. */
    private static String expect(
            String prefix, BlockingQueue<String> lines, Process process, Path errors, @Nullable Runnable meanwhile)
            throws InterruptedException, ChildFailed {
        long begin = System.nanoTime();
        while (true) {
            String line = lines.poll(POLL_MILLIS, TimeUnit.MILLISECONDS);
            if (line == null) {
                if (meanwhile != null) {
                    meanwhile.run();
                }
                if (System.nanoTime() - begin > SILENCE_LIMIT_NANOS) {
                    throw new ChildFailed("its JVM said nothing for ten minutes; see " + errors);
                }
            } else if (line.startsWith(ChildMain.ERROR)) {
                goOn();
                throw new ChildFailed(line.substring(ChildMain.ERROR.length()) + "; see " + errors);
            } else if (line.equals(END) != prefix.equals(END)) {
                goOn();
                throw new ChildFailed("its JVM ended early with exit code " + process.waitFor() + "; see " + errors);
            } else if (line.startsWith(prefix)) {
                return line.substring(prefix.length());
            }
        }
    }

    private static void signal(OutputStream input) throws IOException {
        input.write('\n');
        input.flush();
    }

    private static long sum(MemorySegment published) {
        long operations = 0;
        for (long slot = 0; slot < published.byteSize(); slot += WorkloadRun.PROGRESS_STRIDE) {
            operations += published.get(ValueLayout.JAVA_LONG, slot);
        }
        return operations;
    }

    /** User and system time so far: fields 14 and 15 of /proc/PID/stat, counted after the name in parentheses. */
    private static double cpuSeconds(long pid) throws IOException {
        String stat = Files.readString(Path.of("/proc", Long.toString(pid), "stat"));
        String[] afterName = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(afterName[11]) + Long.parseLong(afterName[12])) / CLOCK_TICKS_PER_SECOND;
    }

    private static double rssMegabytes(long pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc", Long.toString(pid), "status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
            }
        }
        return 0;
    }
}
