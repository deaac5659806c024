package dev.catena.io.chain;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * The row that kills a process (-9) with chains in flight. Afterwards its program is gone from the kernel, its file is
 * a beginning of what it wrote, and chains of other processes have not noticed.
 *
 * <p>{@link #main} is that process: it writes a file of known content by a growing chain, for ever.
 */
final class KilledProcess {
    private static final int BLOCK = 4_096;
    private static final int CAPACITY = 256;
    private static final int BATCH = 64;
    /** Guests take half a minute for a JVM to start. */
    private static final int SIGN_SECONDS = Integer.getInteger("catena.row.seconds", 60) * 3 / 4;

    private static final int SYS_BPF = System.getProperty("os.arch").equals("aarch64") ? 280 : 321;
    private static final int BPF_PROG_GET_FD_BY_ID = 13;

    private KilledProcess() {}

    static void check(Fixture on) throws Exception {
        Path file = on.path("written");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(System.getProperty("catena.child.options", "-XX:TieredStopAtLevel=1")
                .split(",")));
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-Dcatena.libbpf=" + System.getProperty("catena.libbpf", ""));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), KilledProcess.class.getName()));
        command.addAll(List.of(on.backend, on.placement.name(), file.toString()));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        List<Integer> programs;
        try (InputStream out = process.getInputStream()) {
            awaitSign(process, out);
            programs = programs(process.pid());
            chain(on);
        } finally {
            process.destroyForcibly();
        }
        Check.that(process.waitFor(20, TimeUnit.SECONDS), "the killed process still lives: a ring holds it");
        chain(on);
        Check.equal(on.isKernel() ? 1 : 0, Math.min(1, programs.size()), "programs that it had");
        long deadline = System.nanoTime() + 10_000_000_000L;
        for (int program : programs) {
            while (exists(program)) {
                Check.that(System.nanoTime() < deadline, "its program " + program + " is still there");
                LockSupport.parkNanos(10_000_000);
            }
        }
        byte[] found = Files.readAllBytes(file);
        byte[] block = Fixture.random(BLOCK, 70);
        Check.that(found.length >= CAPACITY * BLOCK, "it had written " + found.length + " bytes");
        for (int at = 0; at < found.length; at += BLOCK) {
            int length = Math.min(BLOCK, found.length - at);
            Check.equal(
                    Arrays.copyOf(block, length),
                    Arrays.copyOfRange(found, at, at + length),
                    "the block at " + at + " of " + found.length);
        }
    }

    /** The process says that its chain runs. If it does not, it is asked where it is. */
    private static void awaitSign(Process process, InputStream out) throws IOException {
        long deadline = System.nanoTime() + SIGN_SECONDS * 1_000_000_000L;
        while (out.available() == 0 && process.isAlive() && System.nanoTime() < deadline) {
            LockSupport.parkNanos(1_000_000);
        }
        if (out.available() == 0) {
            new ProcessBuilder("kill", "-QUIT", Long.toString(process.pid())).start();
            LockSupport.parkNanos(process.isAlive() ? 5_000_000_000L : 0);
            String told = new String(out.readNBytes(out.available()), StandardCharsets.UTF_8);
            throw new AssertionError("the process's chain did not get going in " + SIGN_SECONDS + " s: " + told);
        }
        Check.equal('r', out.read(), "the process's sign that its chain runs");
    }

    /** A chain of ours. */
    private static void chain(Fixture on) throws IOException {
        byte[] content = Fixture.random(20 * BLOCK, 71);
        try (ChainFile source = on.source(content)) {
            on.chain.begin();
            long sum = 0;
            for (int at = 0; at < content.length; at += BLOCK) {
                on.chain.read(source, on.region, at, BLOCK, at).accumulate();
                sum += Fixture.hash(content, at, BLOCK, at);
            }
            Check.equal(sum, on.succeeds(20).sum(), "sum of our own chain");
        }
    }

    /** Numbers of the BPF programs that a process has descriptors of. */
    private static List<Integer> programs(long process) throws IOException {
        List<Integer> found = new ArrayList<>();
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/" + process + "/fdinfo"))) {
            for (Path descriptor : descriptors.toList()) {
                for (String line : Files.readAllLines(descriptor)) {
                    if (line.startsWith("prog_id:")) {
                        found.add(Integer.parseInt(line.substring(8).strip()));
                    }
                }
            }
        }
        return found;
    }

    private static boolean exists(int program) throws IOException {
        Linker linker = Linker.nativeLinker();
        MethodHandle syscall = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("syscall"),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_LONG,
                        ValueLayout.JAVA_INT,
                        ValueLayout.ADDRESS,
                        ValueLayout.JAVA_INT),
                Linker.Option.firstVariadicArg(1));
        MethodHandle close = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("close"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment attributes = arena.allocate(12, 4);
            attributes.set(ValueLayout.JAVA_INT, 0, program);
            long descriptor = (long) syscall.invokeExact((long) SYS_BPF, BPF_PROG_GET_FD_BY_ID, attributes, 12);
            return descriptor >= 0 && (int) close.invokeExact((int) descriptor) == 0;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Arguments: backend, placement, file. */
    public static void main(String[] arguments) {
        ChainRuntime runtime = ChainRuntime.acquire(arguments[0]);
        Lane lane = runtime.lane(Placement.valueOf(arguments[1]));
        Region region = runtime.allocate(BLOCK, "killed");
        MemorySegment.copy(Fixture.random(BLOCK, 70), 0, region.segment(), ValueLayout.JAVA_BYTE, 0, BLOCK);
        ChainFile file = runtime.open(Path.of(arguments[2]), ChainFile.Mode.CREATE, ChainFile.Access.BUFFERED);
        Chain chain = lane.chain(CAPACITY);
        chain.start();
        for (int i = 0; ; i++) {
            if (i % BATCH == 0) {
                chain.publish();
                if (i >= CAPACITY) {
                    chain.awaitStep(i - CAPACITY + BATCH - 1);
                }
            }
            if (i == 2 * CAPACITY) {
                System.out.write('r');
                System.out.flush();
            }
            chain.write(file, region, 0, BLOCK, i % 65_536L * BLOCK);
        }
    }
}
