package dev.catena.bpf;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Type information: of the running kernel, or of a compiled object. Close it; not thread safe.
 *
 * <p>Layout of a type (linux/btf.h): {u32 name; u32 info = kind&lt;&lt;24 | members; u32 size or type}, then members of 12
 * bytes: {u32 name; u32 type; u32 bit offset} for a struct, {u32 name; s32 value} of 8 bytes for an enum.
 */
public final class Btf implements AutoCloseable {
    private static final int KIND_STRUCT = 4;
    private static final int KIND_ENUM = 6;
    private static final int KIND_TYPEDEF = 8;

    private final LibBpf library;
    private final MemorySegment btf;

    private Btf(LibBpf library, MemorySegment btf) {
        this.library = library;
        this.btf = btf;
        if (btf.address() == 0) {
            throw new BpfException("reading type information", library.errno(), LibBpf.log());
        }
    }

    /** The running kernel's. */
    public static Btf ofKernel() {
        LibBpf library = LibBpf.get();
        return new Btf(library, library.btfVmlinux());
    }

    /** That of a compiled object of this module. */
    public static Btf ofObject(String name) {
        LibBpf library = LibBpf.get();
        byte[] section = elfSection(BpfObject.image(name), ".BTF");
        try (Arena arena = Arena.ofConfined()) {
            return new Btf(
                    library,
                    library.btfParse(arena.allocate(section.length, 8).copyFrom(MemorySegment.ofArray(section))));
        }
    }

    /** Byte offsets of a struct's fields, in order. */
    public Map<String, Integer> structFields(String name) {
        MemorySegment type = type(name, KIND_STRUCT);
        Map<String, Integer> fields = new LinkedHashMap<>();
        for (int i = 0; i < members(type); i++) {
            long member = 12 + i * 12L;
            fields.put(
                    library.btfName(btf, type.get(ValueLayout.JAVA_INT, member)),
                    (type.get(ValueLayout.JAVA_INT, member + 8) & 0xffffff) / 8);
        }
        return fields;
    }

    /** A struct's size in bytes. */
    public int structBytes(String name) {
        return type(name, KIND_STRUCT).get(ValueLayout.JAVA_INT, 8);
    }

    /** Values of an enum's constants. */
    public Map<String, Integer> enumValues(String name) {
        MemorySegment type = type(name, KIND_ENUM);
        Map<String, Integer> values = new LinkedHashMap<>();
        for (int i = 0; i < members(type); i++) {
            long member = 12 + i * 8L;
            values.put(
                    library.btfName(btf, type.get(ValueLayout.JAVA_INT, member)),
                    type.get(ValueLayout.JAVA_INT, member + 4));
        }
        return values;
    }

    /**
     * How many arguments a tracepoint passes to a program.
     *
     * @throws IllegalArgumentException if the kernel has no such tracepoint
     */
    public int tracepointArguments(String tracepoint) {
        MemorySegment definition = type("btf_trace_" + tracepoint, KIND_TYPEDEF);
        MemorySegment pointer = type(definition.get(ValueLayout.JAVA_INT, 8));
        MemorySegment function = type(pointer.get(ValueLayout.JAVA_INT, 8));
        return members(function) - 1; // the first is the kernel's own
    }

    private static int members(MemorySegment type) {
        return type.get(ValueLayout.JAVA_INT, 4) & 0xffff;
    }

    private MemorySegment type(String name, int kind) {
        int id = library.btfFind(btf, name, kind);
        if (id < 0) {
            throw new IllegalArgumentException("no type " + name + " (kind " + kind + ")");
        }
        return type(id);
    }

    private MemorySegment type(int id) {
        return library.btfType(btf, id).reinterpret(12 + 0xffff * 12L);
    }

    /** The bytes of a section of a 64-bit little-endian ELF file. */
    private static byte[] elfSection(byte[] image, String name) {
        ByteBuffer elf = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        int headers = (int) elf.getLong(0x28);
        int headerBytes = elf.getShort(0x3a);
        int count = elf.getShort(0x3c);
        int names = (int) elf.getLong(headers + elf.getShort(0x3e) * headerBytes + 0x18);
        for (int i = 0; i < count; i++) {
            int header = headers + i * headerBytes;
            byte[] wanted = (name + "\0").getBytes(StandardCharsets.US_ASCII);
            int at = names + elf.getInt(header);
            if (new String(image, at, Math.min(wanted.length, image.length - at), StandardCharsets.US_ASCII)
                    .equals(name + "\0")) {
                byte[] section = new byte[(int) elf.getLong(header + 0x20)];
                elf.get((int) elf.getLong(header + 0x18), section);
                return section;
            }
        }
        throw new IllegalArgumentException("no section " + name);
    }

    @Override
    public void close() {
        library.btfFree(btf);
    }
}
