package dev.catena.io.memory;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;

/**
 * Off-heap memory with one owner each, from the C library's allocator.
 *
 * <p>Segments are of the global scope: access is bounds-checked but never liveness-checked, so that a read costs no
 * scope check and freeing costs no handshake with other threads. In exchange the owner alone decides when nobody reads
 * any more (reference counts in the engine). Every live segment is registered: a second free of the same one, or of
 * something never allocated, is an {@link AssertionError} and frees nothing; what is not freed shows in
 * {@link #allocatedByOwner()}.
 *
 * <p>Thread safe.
 */
public final class NativeMemory {
    private static final MethodHandle MALLOC =
            handle("malloc", FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG));
    private static final MethodHandle CALLOC =
            handle("calloc", FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    private static final MethodHandle FREE = handle("free", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));

    private static final ConcurrentHashMap<Long, Allocation> LIVE = new ConcurrentHashMap<>();
    private static final LongAdder BYTES = new LongAdder();

    /** Whether each allocation remembers where it was made: {@code -Dcatena.memory.places=true}, which tests set. */
    private static final boolean PLACES = Boolean.getBoolean("catena.memory.places");

    private static final int FRAMES = 12;
    private static final int DESCRIBED_MAX = 20;

    private record Allocation(String owner, long bytes, List<String> place) {}

    private NativeMemory() {}

    /**
     * Memory of undefined content, 16-byte aligned.
     *
     * @param bytes at least 1
     * @param owner who will free it, a name for people
     * @throws OutOfMemoryError if the C library has none
     */
    public static MemorySegment allocate(long bytes, String owner) {
        try {
            return register((MemorySegment) MALLOC.invokeExact(bytes), bytes, owner);
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /** As {@link #allocate}, all zero. Large areas are backed when touched. */
    public static MemorySegment allocateZeroed(long bytes, String owner) {
        try {
            return register((MemorySegment) CALLOC.invokeExact(1L, bytes), bytes, owner);
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /**
     * Gives back what {@link #allocate} gave.
     *
     * @throws AssertionError if {@code segment} is not the whole of a live allocation
     */
    public static void free(MemorySegment segment) {
        Allocation allocation = LIVE.remove(segment.address());
        if (allocation == null) {
            throw new AssertionError("free of memory that is not allocated (freed twice?): " + segment);
        }
        BYTES.add(-allocation.bytes);
        try {
            FREE.invokeExact(segment);
        } catch (Throwable e) {
            throw unchecked(e);
        }
    }

    /** Bytes now allocated, of all owners. */
    public static long allocatedBytes() {
        return BYTES.sum();
    }

    /** Bytes now allocated, by owner. */
    public static Map<String, Long> allocatedByOwner() {
        Map<String, Long> byOwner = new TreeMap<>();
        LIVE.values().forEach(allocation -> byOwner.merge(allocation.owner, allocation.bytes, Long::sum));
        return byOwner;
    }

    /**
     * What is allocated now, for who looks for a leak: owner, bytes and, under {@code -Dcatena.memory.places=true}, the calls that led to
     * the allocation; the first {@value #DESCRIBED_MAX} of them.
     */
    public static String describeLive() {
        return LIVE.values().stream()
                .limit(DESCRIBED_MAX)
                .map(each -> each.bytes + " bytes of " + each.owner + " allocated at\n    "
                        + String.join("\n    ", each.place))
                .collect(Collectors.joining("\n", LIVE.size() + " allocations:\n", ""));
    }

    private static List<String> place() {
        return !PLACES
                ? List.of("a place that was not noted: see -Dcatena.memory.places")
                : StackWalker.getInstance()
                        .walk(frames -> frames.skip(3)
                                .limit(FRAMES)
                                .map(StackWalker.StackFrame::toString)
                                .toList());
    }

    private static MemorySegment register(MemorySegment start, long bytes, String owner) {
        if (start.address() == 0) {
            throw new OutOfMemoryError("no native memory: " + bytes + " bytes for " + owner);
        }
        LIVE.put(start.address(), new Allocation(owner, bytes, place()));
        BYTES.add(bytes);
        return start.reinterpret(bytes);
    }

    private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }

    private static RuntimeException unchecked(Throwable e) {
        if (e instanceof Error error) {
            throw error;
        }
        throw new AssertionError("a downcall to the C library's allocator threw", e);
    }
}
