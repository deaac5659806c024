package dev.catena.engine;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A damaged place in a table. Reading what is there throws {@link CorruptionException}; keys elsewhere are read as ever. If that is where the table
 * says what it holds, or its file is missing, it cannot be opened: then whatever needs to know what it has of a key throws. The table is not
 * compacted any more.
 *
 * <p>To be rid of it, delete all keys from the smallest to the largest by {@code deleteRange}, whose end is the key behind the largest (with
 * a zero byte added, where keys have the order of unsigned bytes), put again what is known of them, and {@code compact}.
 *
 * @param columnFamily whose table it is
 * @param file the table
 * @param offset where in it the damaged block or chunk starts, in bytes
 * @param expected what should be there, in words
 * @param found what is there, in words
 * @param smallestKey of the table: keys from here on may be concerned
 * @param largestKey of the table: and to here, inclusive
 */
public record StoreDamage(
        String columnFamily,
        Path file,
        long offset,
        String expected,
        String found,
        byte[] smallestKey,
        byte[] largestKey) {
    /** One line for people. */
    @Override
    public String toString() {
        return file + " at offset " + offset + ": expected " + expected + ", found " + found + "; keys "
                + text(smallestKey) + " to " + text(largestKey) + " of column family '" + columnFamily + "'";
    }

    private static String text(byte[] key) {
        StringBuilder text = new StringBuilder();
        for (char c : new String(key, StandardCharsets.ISO_8859_1).toCharArray()) {
            text.append(c > ' ' && c < 127 && c != '\\' ? String.valueOf(c) : "\\x%02x".formatted((int) c));
        }
        return text.toString();
    }
}
