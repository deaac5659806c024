package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys and values on the command line. */
final class TextTest {
    @Test
    void everyByteComesBack() {
        byte[] all = new byte[256];
        for (int i = 0; i < all.length; i++) {
            all[i] = (byte) i;
        }
        assertArrayEquals(all, Text.parse(Text.format(all, false), false));
        assertArrayEquals(all, Text.parse(Text.format(all, true), true));
    }

    @Test
    void escapes() {
        assertArrayEquals(new byte[] {'a', 0, (byte) 0xff, '\\', 'b'}, Text.parse("a\\x00\\xFf\\\\b", false));
        assertArrayEquals("ä".getBytes(StandardCharsets.UTF_8), Text.parse("ä", false));
        assertEquals("\\xc3\\xa4 \\\\", Text.format("ä \\".getBytes(StandardCharsets.UTF_8), false));
        assertArrayEquals(new byte[0], Text.parse("", false));
        assertArrayEquals(new byte[] {0x0a, (byte) 0xbc}, Text.parse("0aBC", true));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\\", "\\x", "\\x1", "\\xg0", "a\\n"})
    void refusesOtherEscapes(String text) {
        assertThrows(CommandFailure.class, () -> Text.parse(text, false));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "0g", "0 a"})
    void refusesOtherHex(String text) {
        assertThrows(CommandFailure.class, () -> Text.parse(text, true));
    }
}
