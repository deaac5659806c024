package dev.catena.bpf;

import java.lang.foreign.MemorySegment;

/** A map of a loaded object. Keys and values are native segments of the map's sizes. Thread safe. */
public final class BpfMap {
    private final LibBpf library;
    private final String name;
    private final MemorySegment map;

    BpfMap(LibBpf library, String name, MemorySegment map) {
        this.library = library;
        this.name = name;
        this.map = map;
    }

    /** Sets an element. */
    public void update(MemorySegment key, MemorySegment value) {
        check("update", library.mapUpdate(library.mapFd(map), key, value));
    }

    /** Copies an element's value (of every CPU, for per-CPU maps) into {@code value}. */
    public void lookup(MemorySegment key, MemorySegment value) {
        check("lookup", library.mapLookup(library.mapFd(map), key, value));
    }

    /**
     * The memory of an arena map of {@code bytes} bytes, mapped into this process until the object is closed; or, before
     * the object is loaded, the {@code bytes} bytes that a struct_ops map is loaded with.
     */
    public MemorySegment memory(long bytes) {
        MemorySegment memory = library.mapMemory(map);
        if (memory.address() == 0) {
            throw new BpfException("mapping BPF map " + name, library.errno(), "");
        }
        return memory.reinterpret(bytes);
    }

    private void check(String what, int result) {
        if (result < 0) {
            throw new BpfException(what + " of BPF map " + name, -result, "");
        }
    }
}
