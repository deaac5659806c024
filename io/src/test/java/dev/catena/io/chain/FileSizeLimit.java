package dev.catena.io.chain;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** A soft limit on the size of files this process may write, until closed: real short writes (setrlimit RLIMIT_FSIZE). */
final class FileSizeLimit implements AutoCloseable {
    private static final int RLIMIT_FSIZE = 1;

    private final long before;

    FileSizeLimit(long bytes) {
        before = exchange(bytes);
    }

    static boolean isSupported() {
        return System.getProperty("os.name").equals("Linux");
    }

    @Override
    public void close() {
        exchange(before);
    }

    private static long exchange(long bytes) {
        FunctionDescriptor descriptor =
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limit = arena.allocate(16, 8);
            check((int) handle("getrlimit", descriptor).invokeExact(RLIMIT_FSIZE, limit));
            long was = limit.get(ValueLayout.JAVA_LONG, 0);
            limit.set(ValueLayout.JAVA_LONG, 0, bytes);
            check((int) handle("setrlimit", descriptor).invokeExact(RLIMIT_FSIZE, limit));
            return was;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }

    private static void check(int result) {
        if (result != 0) {
            throw new AssertionError("rlimit");
        }
    }
}
