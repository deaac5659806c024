package dev.catena.engine;

import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** The merge operator failed on a key's operands, or there is none. The operands stay stored as they were written. */
public final class MergeException extends StoreException {
    private static final long serialVersionUID = 1L;

    /** Bytes of a key that a message shows. */
    private static final int SHOWN = 100;

    private final byte[] key;

    /**
     * @param key whose operands could not be merged
     * @param why in words
     * @param cause what the operator threw, if it did
     */
    public MergeException(byte[] key, String why, @Nullable Throwable cause) {
        super("cannot merge the operands of key " + text(key) + ": " + why, cause);
        this.key = key.clone();
    }

    /** The key whose operands could not be merged. */
    public byte[] key() {
        return key.clone();
    }

    /** A key for people: as text where it is plain, else as hexadecimal digits. */
    private static String text(byte[] key) {
        StringBuilder plain = new StringBuilder("'");
        for (int i = 0; i < Math.min(key.length, SHOWN); i++) {
            if (key[i] < ' ' || key[i] == 0x7f) {
                return "0x" + HexFormat.of().formatHex(key, 0, Math.min(key.length, SHOWN / 2))
                        + (key.length > SHOWN / 2 ? "… (" + key.length + " bytes)" : "");
            }
            plain.append((char) key[i]);
        }
        return plain + "'" + (key.length > SHOWN ? "… (" + key.length + " bytes)" : "");
    }
}
