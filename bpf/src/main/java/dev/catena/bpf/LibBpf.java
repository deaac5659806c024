package dev.catena.bpf;

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
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * libbpf, the lower of two layers: its functions as they are, pointers as segments. Functions that return int give 0 or
 * more, or the negative error number; functions that return a pointer give NULL on failure (then {@link #errno()} says
 * why). {@link BpfObject} is the layer above.
 *
 * <p>One method handle calls all of them, with four numbers of 64 bits: x86-64, AArch64 and RISC-V pass integers and pointers in
 * registers, one each, and who is called looks at no more of them than it has parameters. A handle for each shape would be a
 * class for each, made when the store is opened, which together took 0.1 s.
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

    private static final Linker LINKER = Linker.nativeLinker();
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final ThreadLocal<MemorySegment> CAPTURED =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(STATE));
    private static final MethodHandle CALL = LINKER.downcallHandle(
            FunctionDescriptor.of(
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_LONG),
            Linker.Option.captureCallState("errno"));
    private static final MemorySegment VSNPRINTF = LINKER.defaultLookup().findOrThrow("vsnprintf");
    private static final StringBuilder LOG = new StringBuilder();

    private static @Nullable LibBpf instance;
    private static @Nullable String unavailable;

    final String path;
    final String version;
    private final SymbolLookup library;
    private final MemorySegment objectOpen;
    private final MemorySegment objectLoad;
    private final MemorySegment objectClose;
    private final MemorySegment objectFindProgram;
    private final MemorySegment objectFindMap;
    private final MemorySegment programSetAutoload;
    private final MemorySegment programAttach;
    private final MemorySegment programFd;
    private final MemorySegment programRun;
    private final MemorySegment linkDestroy;
    private final MemorySegment mapFd;
    private final MemorySegment mapMemory;
    private final MemorySegment mapUpdate;
    private final MemorySegment mapLookup;
    private final MemorySegment mapAttach;
    private final MemorySegment btfParse;
    private final MemorySegment btfVmlinux;
    private final MemorySegment btfFind;
    private final MemorySegment btfType;
    private final MemorySegment btfName;
    private final MemorySegment btfFree;

    private LibBpf(String path) {
        this.path = path;
        library = SymbolLookup.libraryLookup(path, Arena.global());
        int major = (int) call(function("libbpf_major_version"));
        int minor = (int) call(function("libbpf_minor_version"));
        version = major + "." + minor;
        if (major < OLDEST_MAJOR || (major == OLDEST_MAJOR && minor < OLDEST_MINOR)) {
            throw new UnsupportedOperationException("libbpf " + version + " at " + path + " is older than "
                    + OLDEST_MAJOR + "." + OLDEST_MINOR + ", which arena maps need");
        }
        objectOpen = function("bpf_object__open_mem");
        objectLoad = function("bpf_object__load");
        objectClose = function("bpf_object__close");
        objectFindProgram = function("bpf_object__find_program_by_name");
        objectFindMap = function("bpf_object__find_map_by_name");
        programSetAutoload = function("bpf_program__set_autoload");
        programAttach = function("bpf_program__attach");
        programFd = function("bpf_program__fd");
        programRun = function("bpf_prog_test_run_opts");
        linkDestroy = function("bpf_link__destroy");
        mapFd = function("bpf_map__fd");
        mapMemory = function("bpf_map__initial_value");
        mapUpdate = function("bpf_map_update_elem");
        mapLookup = function("bpf_map_lookup_elem");
        mapAttach = function("bpf_map__attach_struct_ops");
        btfParse = function("btf__new");
        btfVmlinux = function("btf__load_vmlinux_btf");
        btfFind = function("btf__find_by_name_kind");
        btfType = function("btf__type_by_id");
        btfName = function("btf__name_by_offset");
        btfFree = function("btf__free");
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
        return pointer(call(objectOpen, image.address(), image.byteSize()));
    }

    int objectLoad(MemorySegment object) {
        return (int) call(objectLoad, object.address());
    }

    void objectClose(MemorySegment object) {
        call(objectClose, object.address());
    }

    MemorySegment objectFindProgram(MemorySegment object, String name) {
        return find(objectFindProgram, object, name);
    }

    MemorySegment objectFindMap(MemorySegment object, String name) {
        return find(objectFindMap, object, name);
    }

    private static MemorySegment find(MemorySegment function, MemorySegment object, String name) {
        try (Arena arena = Arena.ofConfined()) {
            return pointer(
                    call(function, object.address(), arena.allocateFrom(name).address()));
        }
    }

    int programSetAutoload(MemorySegment program, boolean autoload) {
        return (int) call(programSetAutoload, program.address(), autoload ? 1 : 0);
    }

    MemorySegment programAttach(MemorySegment program) {
        return pointer(call(programAttach, program.address()));
    }

    /** Runs a program of type syscall once on {@code context}, which it may change. */
    int programRun(MemorySegment program, MemorySegment context) {
        try (Arena arena = Arena.ofConfined()) {
            // struct bpf_test_run_opts {size_t sz; void *data_in, *data_out; u32 data_size_in, data_size_out;
            //   void *ctx_in, *ctx_out; u32 ctx_size_in, ctx_size_out, retval; int repeat; u32 duration, flags, cpu,
            //   batch_size;}
            MemorySegment options = arena.allocate(80, 8);
            options.set(ValueLayout.JAVA_LONG, 0, options.byteSize());
            options.set(ValueLayout.ADDRESS, 32, context);
            options.set(ValueLayout.JAVA_INT, 48, (int) context.byteSize());
            return (int) call(programRun, call(programFd, program.address()), options.address());
        }
    }

    int linkDestroy(MemorySegment link) {
        return (int) call(linkDestroy, link.address());
    }

    int mapFd(MemorySegment map) {
        return (int) call(mapFd, map.address());
    }

    MemorySegment mapAttach(MemorySegment map) {
        return pointer(call(mapAttach, map.address()));
    }

    /** Where a mapped map (an arena) is, as libbpf mapped it when the object was loaded; or the initial value of a struct_ops map. */
    MemorySegment mapMemory(MemorySegment map) {
        try (Arena arena = Arena.ofConfined()) {
            return pointer(call(
                    mapMemory,
                    map.address(),
                    arena.allocate(ValueLayout.JAVA_LONG).address()));
        }
    }

    int mapUpdate(int map, MemorySegment key, MemorySegment value) {
        return (int) call(mapUpdate, map, key.address(), value.address());
    }

    int mapLookup(int map, MemorySegment key, MemorySegment value) {
        return (int) call(mapLookup, map, key.address(), value.address());
    }

    MemorySegment btfParse(MemorySegment data) {
        return pointer(call(btfParse, data.address(), data.byteSize()));
    }

    MemorySegment btfVmlinux() {
        return pointer(call(btfVmlinux));
    }

    int btfFind(MemorySegment btf, String name, int kind) {
        try (Arena arena = Arena.ofConfined()) {
            return (int) call(btfFind, btf.address(), arena.allocateFrom(name).address(), kind);
        }
    }

    MemorySegment btfType(MemorySegment btf, int id) {
        return pointer(call(btfType, btf.address(), id));
    }

    String btfName(MemorySegment btf, int offset) {
        MemorySegment name = pointer(call(btfName, btf.address(), offset));
        return name.address() == 0 ? "" : name.reinterpret(Long.MAX_VALUE).getString(0);
    }

    void btfFree(MemorySegment btf) {
        call(btfFree, btf.address());
    }

    private MemorySegment function(String name) {
        return library.find(name)
                .orElseThrow(() -> new UnsupportedOperationException("libbpf at " + path + " has no " + name));
    }

    private static MemorySegment pointer(long address) {
        return MemorySegment.ofAddress(address);
    }

    private static long call(MemorySegment function, long... arguments) {
        long[] four = Arrays.copyOf(arguments, 4);
        try {
            return (long) CALL.invokeExact(function, CAPTURED.get(), four[0], four[1], four[2], four[3]);
        } catch (Throwable e) {
            throw new AssertionError("a downcall to libbpf threw", e);
        }
    }

    /** Directs libbpf's messages into {@link #LOG}: int print(level, format, va_list), formatted by vsnprintf. */
    private void capturePrints() {
        try {
            MethodHandle print = MethodHandles.lookup()
                    .findStatic(
                            LibBpf.class,
                            "print",
                            MethodType.methodType(int.class, int.class, MemorySegment.class, MemorySegment.class));
            MemorySegment stub = LINKER.upcallStub(
                    print,
                    FunctionDescriptor.of(
                            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS),
                    Arena.global());
            call(function("libbpf_set_print"), stub.address());
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    @SuppressWarnings("unused") // called by libbpf through a stub
    private static int print(int level, MemorySegment format, MemorySegment arguments) {
        if (level > 1) {
            return 0; // debug
        }
        try (Arena arena = Arena.ofConfined()) {
            int room = 16 << 10;
            MemorySegment text = arena.allocate(room);
            int length = (int) call(VSNPRINTF, text.address(), room, format.address(), arguments.address());
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
