package dev.catena.io.internal;

import static org.junit.jupiter.api.Assertions.*;

import dev.catena.bpf.Btf;
import java.lang.reflect.Field;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The Java mirror of the chain ABI is what the compiler made of the header, told by the compiled program's BTF. */
class ChainLayoutTest {
    private static Btf btf() {
        try {
            return Btf.ofObject("layout");
        } catch (UnsupportedOperationException e) {
            return Assumptions.abort(e.getMessage());
        }
    }

    @Test
    void everyFieldIsWhereTheHeaderHasIt() throws IllegalAccessException {
        try (Btf btf = btf()) {
            compare(btf, "catena_header", ChainLayout.Header.class);
            compare(btf, "catena_file", ChainLayout.File.class);
            compare(btf, "catena_ring", ChainLayout.Ring.class);
            compare(btf, "catena_step", ChainLayout.Step.class);
            compare(btf, "catena_chain", ChainLayout.Chain.class);
            compare(btf, "catena_account", ChainLayout.Account.class);
        }
    }

    private static void compare(Btf btf, String struct, Class<?> mirror) throws IllegalAccessException {
        Map<String, Integer> header = new TreeMap<>();
        btf.structFields(struct).forEach((name, offset) -> {
            if (!name.startsWith("reserved")) {
                header.put(name.toUpperCase(Locale.ROOT), offset);
            }
        });
        // BYTES is the struct's size in the mirror; the one field of that name is BYTES_MOVED there.
        Integer bytes = header.remove("BYTES");
        if (bytes != null) {
            header.put("BYTES_MOVED", bytes);
        }
        header.put("BYTES", btf.structBytes(struct));
        Map<String, Integer> java = new TreeMap<>();
        for (Field field : mirror.getDeclaredFields()) {
            java.put(field.getName(), field.getInt(null));
        }
        assertEquals(header, java, struct);
    }

    @Test
    void everyConstantHasTheHeadersValue() throws ReflectiveOperationException {
        try (Btf btf = btf()) {
            for (String name : new String[] {
                "catena_limit",
                "catena_opcode",
                "catena_on_short",
                "catena_on_error",
                "catena_data",
                "catena_step_state",
                "catena_chain_state",
                "catena_chain_flag",
                "catena_kind"
            }) {
                Map<String, Integer> values = btf.enumValues(name);
                assertFalse(values.isEmpty(), name);
                for (Map.Entry<String, Integer> value : values.entrySet()) {
                    if (!value.getKey().equals("CATENA_OPCODES")) {
                        Field mirror = ChainLayout.class.getField(value.getKey().substring("CATENA_".length()));
                        assertEquals(value.getValue(), mirror.getInt(null), value.getKey());
                    }
                }
            }
        }
    }

    @Test
    void userDataHoldsWhatWasPutIn() {
        long data = ChainLayout.userData(ChainLayout.KIND_STEP, 255, 4095, 0xfff, 0x1fff);
        assertTrue(ChainLayout.isTagged(data));
        assertEquals(ChainLayout.KIND_STEP, ChainLayout.kind(data));
        assertEquals(4095, ChainLayout.chain(data));
        assertEquals(0xfff, ChainLayout.slot(data));
        assertEquals(0xfff, ChainLayout.attempt(data));
        assertTrue(ChainLayout.isHandled(0x1fff, data));
        assertTrue(ChainLayout.isHandled(0x2000, data));
        assertFalse(ChainLayout.isHandled(0x1ffe, data));
        assertFalse(ChainLayout.isTagged(~data));
    }
}
