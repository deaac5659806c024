package dev.catena.compare;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Keys and values on the command line. As text: UTF-8, in which {@code \xNN} is the byte with that hexadecimal number and
 * {@code \\} a backslash; bytes that are not printable ASCII are shown as {@code \xNN}. Or, with {@code --hex}, two digits a byte.
 */
final class Text {
    private static final HexFormat HEX = HexFormat.of();
    private static final int ESCAPE_LENGTH = 4;

    private Text() {}

    /** The bytes that an argument stands for. */
    static byte[] parse(String text, boolean hex) {
        if (hex) {
            try {
                return HEX.parseHex(text);
            } catch (IllegalArgumentException e) {
                throw new CommandFailure("not hexadecimal, two digits a byte: " + text, e);
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        int at = 0;
        while (at < text.length()) {
            int backslash = text.indexOf('\\', at);
            int end = backslash < 0 ? text.length() : backslash;
            bytes.writeBytes(text.substring(at, end).getBytes(StandardCharsets.UTF_8));
            at = end;
            if (backslash >= 0) {
                at += escaped(text, backslash, bytes);
            }
        }
        return bytes.toByteArray();
    }

    private static int escaped(String text, int at, ByteArrayOutputStream bytes) {
        if (text.startsWith("\\\\", at)) {
            bytes.write('\\');
            return 2;
        }
        int end = at + ESCAPE_LENGTH;
        if (text.startsWith("\\x", at)
                && end <= text.length()
                && HexFormat.isHexDigit(text.charAt(at + 2))
                && HexFormat.isHexDigit(text.charAt(at + 3))) {
            bytes.write(HexFormat.fromHexDigits(text, at + 2, end));
            return ESCAPE_LENGTH;
        }
        throw new CommandFailure("after a backslash comes xNN or another backslash: " + text);
    }

    /** How bytes are shown: {@link #parse} reads it back. */
    static String format(byte[] bytes, boolean hex) {
        if (hex) {
            return HEX.formatHex(bytes);
        }
        StringBuilder text = new StringBuilder();
        for (byte b : bytes) {
            if (b == '\\') {
                text.append("\\\\");
            } else if (b >= ' ' && b <= '~') {
                text.append((char) b);
            } else {
                text.append("\\x").append(HEX.toHexDigits(b));
            }
        }
        return text.toString();
    }
}
