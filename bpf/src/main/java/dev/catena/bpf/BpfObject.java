package dev.catena.bpf;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * A compiled BPF object: opened, configured, loaded, attached. Closing it detaches and unloads everything. Maps and
 * links belong to their object. Not thread safe, but maps are once the object is loaded.
 */
public final class BpfObject implements AutoCloseable {
    private final LibBpf library = LibBpf.get();
    private final String name;
    private final MemorySegment object;
    private final List<BpfLink> links = new ArrayList<>();
    private boolean closed;

    private BpfObject(String name, MemorySegment object) {
        this.name = name;
        this.object = object;
    }

    /**
     * Opens a program of this module by name, such as {@code "hook"}.
     *
     * @throws UnsupportedOperationException if the build had no clang to compile it, or there is no libbpf that serves
     * @throws BpfException if libbpf does not understand it
     */
    public static BpfObject open(String name) {
        LibBpf library = LibBpf.get();
        byte[] image = image(name);
        LibBpf.log();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment object =
                    library.objectOpen(arena.allocate(image.length, 8).copyFrom(MemorySegment.ofArray(image)));
            if (object.address() == 0) {
                throw new BpfException("opening BPF object " + name, library.errno(), LibBpf.log());
            }
            return new BpfObject(name, object);
        }
    }

    /** The compiled object as bytes. */
    static byte[] image(String name) {
        try (InputStream stream = BpfObject.class.getResourceAsStream(name + ".bpf.o")) {
            if (stream == null) {
                throw new UnsupportedOperationException(
                        "BPF object " + name
                                + " was not compiled: the build found no clang 19 or newer (apt-get install clang-19, then build again)");
            }
            return stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The path of the libbpf in use and its version, for people. */
    public static String libraryDescription() {
        LibBpf library = LibBpf.get();
        return library.version + " (" + library.path + ")";
    }

    /** Leaves a program out when the object is loaded. */
    public void skip(String program) {
        library.programSetAutoload(program(program), false);
    }

    /**
     * Verifies and loads programs and maps into the kernel.
     *
     * @throws BpfException if the kernel refuses; its reason is in the message
     */
    public void load() {
        LibBpf.log();
        int result = library.objectLoad(object);
        if (result < 0) {
            throw new BpfException("loading BPF object " + name, -result, LibBpf.log());
        }
    }

    /** Attaches a loaded program where its section says. */
    public BpfLink attach(String program) {
        LibBpf.log();
        return link("attaching BPF program " + program, library.programAttach(program(program)));
    }

    /** Attaches a struct_ops map where its value says. After that link is closed it can be attached again. */
    public BpfLink attachMap(String map) {
        LibBpf.log();
        return link("attaching BPF map " + map, library.mapAttach(findMap(map)));
    }

    private BpfLink link(String what, MemorySegment link) {
        if (link.address() == 0) {
            throw new BpfException(what, library.errno(), LibBpf.log());
        }
        BpfLink attached = new BpfLink(library, link);
        links.removeIf(BpfLink::isClosed);
        links.add(attached);
        return attached;
    }

    /**
     * Runs a loaded program of type syscall once, here and now.
     *
     * @param context native memory that it reads and may change, of the size that it expects at least
     * @throws BpfException if the kernel does not run it
     */
    public void run(String program, MemorySegment context) {
        int result = library.programRun(program(program), context);
        if (result < 0) {
            throw new BpfException("running BPF program " + program, -result, LibBpf.log());
        }
    }

    /** A map, of the loaded object unless it says otherwise. */
    public BpfMap map(String map) {
        return new BpfMap(library, map, findMap(map));
    }

    private MemorySegment findMap(String map) {
        MemorySegment found = library.objectFindMap(object, map);
        if (found.address() == 0) {
            throw new IllegalArgumentException("BPF object " + name + " has no map " + map);
        }
        return found;
    }

    private MemorySegment program(String program) {
        MemorySegment found = library.objectFindProgram(object, program);
        if (found.address() == 0) {
            throw new IllegalArgumentException("BPF object " + name + " has no program " + program);
        }
        return found;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            links.forEach(BpfLink::close);
            library.objectClose(object);
        }
    }
}
