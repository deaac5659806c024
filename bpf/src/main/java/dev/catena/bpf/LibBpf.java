package dev.catena.bpf;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * libbpf, the lower of two layers: its functions as they are, pointers as segments. Functions that return int give 0 or
 * more, or the negative error number; functions that return a pointer give NULL on failure (then {@link #errno()} says
 * why). {@link BpfObject} is the layer above.
 *
 * <p>The library is the one that the system property {@code catena.libbpf} names, or the system's {@code libbpf.so.1};
 * 1.4 or newer, for arena maps. What it would print goes to {@link #log()} instead.
 *
 * <p>Thread safe; error numbers are those of the calling thread.
 */
final class LibBpf {
    private static final int OLDEST_MAJOR = 1;
    private static final int OLDEST_MINOR = 4;
    private static final int LOG_LIMIT = 64 << 10;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final AddressLayout POINTER = ValueLayout.ADDRESS;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final ThreadLocal<MemorySegment> CAPTURED =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(STATE));
    private static final StringBuilder LOG = new StringBuilder();

    private static @Nullable LibBpf instance;
    private static @Nullable String unavailable;

    final String path;
    final String version;
    private final SymbolLookup library;
    private final MethodHandle objectOpen;
    private final MethodHandle objectLoad;
    private final MethodHandle objectClose;
    private final MethodHandle objectFindProgram;
    private final MethodHandle objectFindMap;
    private final MethodHandle programSetAutoload;
    private final MethodHandle programAttach;
    private final MethodHandle programFd;
    private final MethodHandle programRun;
    private final MethodHandle linkDestroy;
    private final MethodHandle mapFd;
    private final MethodHandle mapMemory;
    private final MethodHandle mapUpdate;
    private final MethodHandle mapLookup;
    private final MethodHandle mapAttach;
    private final MethodHandle btfParse;
    private final MethodHandle btfVmlinux;
    private final MethodHandle btfFind;
    private final MethodHandle btfType;
    private final MethodHandle btfName;
    private final MethodHandle btfFree;

    private LibBpf(String path) {
        this.path = path;
        library = SymbolLookup.libraryLookup(path, Arena.global());
        int major = call(handle("libbpf_major_version", FunctionDescriptor.of(INT)));
        int minor = call(handle("libbpf_minor_version", FunctionDescriptor.of(INT)));
        version = major + "." + minor;
        if (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR)) {
            throw new UnsupportedOperationException("libbpf " + version + " at " + path + " is older than "
                    + OLDEST_MAJOR + "." + OLDEST_MINOR + ", which arena maps need");
        }
        objectOpen = handle("bpf_object__open_mem", FunctionDescriptor.of(POINTER, POINTER, LONG, POINTER));
        objectLoad = handle("bpf_object__load", FunctionDescriptor.of(INT, POINTER));
        objectClose = handle("bpf_object__close", FunctionDescriptor.ofVoid(POINTER));
        objectFindProgram =
                handle("bpf_object__find_program_by_name", FunctionDescriptor.of(POINTER, POINTER, POINTER));
        objectFindMap = handle("bpf_object__find_map_by_name", FunctionDescriptor.of(POINTER, POINTER, POINTER));
        programSetAutoload =
                handle("bpf_program__set_autoload", FunctionDescriptor.of(INT, POINTER, ValueLayout.JAVA_BOOLEAN));
        programAttach = handle("bpf_program__attach", FunctionDescriptor.of(POINTER, POINTER));
        programFd = handle("bpf_program__fd", FunctionDescriptor.of(INT, POINTER));
        programRun = handle("bpf_prog_test_run_opts", FunctionDescriptor.of(INT, INT, POINTER));
        linkDestroy = handle("bpf_link__destroy", FunctionDescriptor.of(INT, POINTER));
        mapFd = handle("bpf_map__fd", FunctionDescriptor.of(INT, POINTER));
        mapMemory = handle("bpf_map__initial_value", FunctionDescriptor.of(POINTER, POINTER, POINTER));
        mapUpdate = handle("bpf_map_update_elem", FunctionDescriptor.of(INT, INT, POINTER, POINTER, LONG));
        mapLookup = handle("bpf_map_lookup_elem", FunctionDescriptor.of(INT, INT, POINTER, POINTER));
        mapAttach = handle("bpf_map__attach_struct_ops", FunctionDescriptor.of(POINTER, POINTER));
        btfParse = handle("btf__new", FunctionDescriptor.of(POINTER, POINTER, INT));
        btfVmlinux = handle("btf__load_vmlinux_btf", FunctionDescriptor.of(POINTER));
        btfFind = handle("btf__find_by_name_kind", FunctionDescriptor.of(INT, POINTER, POINTER, INT));
        btfType = handle("btf__type_by_id", FunctionDescriptor.of(POINTER, POINTER, INT));
        btfName = handle("btf__name_by_offset", FunctionDescriptor.of(POINTER, POINTER, INT));
        btfFree = handle("btf__free", FunctionDescriptor.ofVoid(POINTER));
        capturePrints();
    }

    /**
     * The library.
     *
     * @throws UnsupportedOperationException if there is none that serves; the message says what was tried
     */
    static synchronized LibBpf get() {
        LibBpf library = instance;
        if (library != null) {
            return library;
        }
        if (unavailable == null) {
            String failure = "no libbpf found";
            for (String candidate : candidates()) {
                try {
                    instance = new LibBpf(candidate);
                    return instance;
                } catch (UnsupportedOperationException e) {
                    failure = String.valueOf(e.getMessage());
                } catch (IllegalArgumentException e) {
                    failure = "libbpf cannot be loaded: " + e.getMessage();
                }
            }
            unavailable = failure;
        }
        throw new UnsupportedOperationException(unavailable);
    }

    private static List<String> candidates() {
        String named = System.getProperty("catena.libbpf", "");
        if (!named.isEmpty()) {
            return List.of(named);
        }
        String cache = System.getenv("XDG_CACHE_HOME");
        Path root =
                cache != null && !cache.isEmpty() ? Path.of(cache) : Path.of(System.getProperty("user.home"), ".cache");
        Path fetched = root.resolve("catena/libbpf/libbpf.so.1");
        return Files.exists(fetched) ? List.of("libbpf.so.1", fetched.toString()) : List.of("libbpf.so.1");
    }

    /** What libbpf printed since the last call: the reason of a failed load is at its end. */
    static String log() {
        synchronized (LOG) {
            String text = LOG.toString();
            LOG.setLength(0);
            return text;
        }
    }

    /** Error number of this thread's last failed call that returned a pointer. */
    int errno() {
        return (int) ERRNO.get(CAPTURED.get(), 0L);
    }

    MemorySegment objectOpen(MemorySegment image) {
        return pointer(objectOpen, image, image.byteSize(), MemorySegment.NULL);
    }

    int objectLoad(MemorySegment object) {
        return call(objectLoad, object);
    }

    void objectClose(MemorySegment object) {
        invoke(objectClose, object);
    }

    MemorySegment objectFindProgram(MemorySegment object, String name) {
        try (Arena arena = Arena.ofConfined()) {
            return pointer(objectFindProgram, object, arena.allocateFrom(name));
        }
    }

    MemorySegment objectFindMap(MemorySegment object, String name) {
        try (Arena arena = Arena.ofConfined()) {
            return pointer(objectFindMap, object, arena.allocateFrom(name));
        }
    }

    int programSetAutoload(MemorySegment program, boolean autoload) {
        return call(programSetAutoload, program, autoload);
    }

    MemorySegment programAttach(MemorySegment program) {
        return pointer(programAttach, program);
    }

    /** Runs a program of type syscall once on {@code context}, which it may change. */
    int programRun(MemorySegment program, MemorySegment context) {
        try (Arena arena = Arena.ofConfined()) {
            // struct bpf_test_run_opts {size_t sz; void *data_in, *data_out; u32 data_size_in, data_size_out;
            //   void *ctx_in, *ctx_out; u32 ctx_size_in, ctx_size_out, retval; int repeat; u32 duration, flags, cpu,
            //   batch_size;}
            MemorySegment options = arena.allocate(80, 8);
            options.set(LONG, 0, options.byteSize());
            options.set(POINTER, 32, context);
            options.set(INT, 48, (int) context.byteSize());
            return call(programRun, call(programFd, program), options);
        }
    }

    int linkDestroy(MemorySegment link) {
        return call(linkDestroy, link);
    }

    int mapFd(MemorySegment map) {
        return call(mapFd, map);
    }

    MemorySegment mapAttach(MemorySegment map) {
        return pointer(mapAttach, map);
    }

    /** Where a mapped map (an arena) is, as libbpf mapped it when the object was loaded; or the initial value of a struct_ops map. */
    MemorySegment mapMemory(MemorySegment map) {
        try (Arena arena = Arena.ofConfined()) {
            return pointer(mapMemory, map, arena.allocate(LONG));
        }
    }

    int mapUpdate(int map, MemorySegment key, MemorySegment value) {
        return call(mapUpdate, map, key, value, 0L);
    }

    int mapLookup(int map, MemorySegment key, MemorySegment value) {
        return call(mapLookup, map, key, value);
    }

    MemorySegment btfParse(MemorySegment data) {
        return pointer(btfParse, data, (int) data.byteSize());
    }

    MemorySegment btfVmlinux() {
        return pointer(btfVmlinux);
    }

    int btfFind(MemorySegment btf, String name, int kind) {
        try (Arena arena = Arena.ofConfined()) {
            return call(btfFind, btf, arena.allocateFrom(name), kind);
        }
    }

    MemorySegment btfType(MemorySegment btf, int id) {
        return pointer(btfType, btf, id);
    }

    String btfName(MemorySegment btf, int offset) {
        MemorySegment name = pointer(btfName, btf, offset);
        return name.address() == 0 ? "" : name.reinterpret(Long.MAX_VALUE).getString(0);
    }

    void btfFree(MemorySegment btf) {
        invoke(btfFree, btf);
    }

    private MethodHandle handle(String name, FunctionDescriptor descriptor) {
        MemorySegment function = library.find(name)
                .orElseThrow(() -> new UnsupportedOperationException("libbpf at " + path + " has no " + name));
        return LINKER.downcallHandle(function, descriptor, Linker.Option.captureCallState("errno"));
    }

    private static MemorySegment pointer(MethodHandle handle, Object... arguments) {
        Object result = invoke(handle, arguments);
        return result instanceof MemorySegment segment ? segment : MemorySegment.NULL;
    }

    private static int call(MethodHandle handle, Object... arguments) {
        return invoke(handle, arguments) instanceof Integer result ? result : 0;
    }

    /** None of these calls is on a hot path: arguments are spread, not exact. */
    private static @Nullable Object invoke(MethodHandle handle, Object... arguments) {
        try {
            return handle.bindTo(CAPTURED.get()).invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError("a downcall to libbpf threw", e);
        }
    }

    /** Directs libbpf's messages into {@link #LOG}: int print(level, format, va_list), formatted by vsnprintf. */
    private void capturePrints() {
        try {
            MethodHandle vsnprintf = LINKER.downcallHandle(
                    LINKER.defaultLookup().findOrThrow("vsnprintf"),
                    FunctionDescriptor.of(INT, POINTER, LONG, POINTER, POINTER));
            MethodHandle print = MethodHandles.lookup()
                    .findStatic(
                            LibBpf.class,
                            "print",
                            MethodType.methodType(
                                    int.class, MethodHandle.class, int.class, MemorySegment.class, MemorySegment.class))
                    .bindTo(vsnprintf);
            MemorySegment stub =
                    LINKER.upcallStub(print, FunctionDescriptor.of(INT, INT, POINTER, POINTER), Arena.global());
            pointer(handle("libbpf_set_print", FunctionDescriptor.of(POINTER, POINTER)), stub);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    @SuppressWarnings("unused") // called by libbpf through a stub
    private static int print(MethodHandle vsnprintf, int level, MemorySegment format, MemorySegment arguments) {
        if (level > 1) {
            return 0; // debug
        }
        try (Arena arena = Arena.ofConfined()) {
            int room = 16 << 10;
            MemorySegment text = arena.allocate(room);
            int length = (int) vsnprintf.invokeExact(text, (long) room, format, arguments);
            synchronized (LOG) {
                LOG.append(text.getString(0));
                if (LOG.length() > LOG_LIMIT) {
                    LOG.delete(0, LOG.length() - LOG_LIMIT);
                }
            }
            return length;
        } catch (Throwable e) {
            return 0;
        }
    }
}
