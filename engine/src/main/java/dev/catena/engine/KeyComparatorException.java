package dev.catena.engine;

import org.jspecify.annotations.Nullable;

/** A key comparator failed: it threw, does not keep to an order, or is known by name only. */
public final class KeyComparatorException extends StoreException {
    private static final long serialVersionUID = 1L;

    /**
     * @param name the comparator's
     * @param why in words
     * @param cause what the comparator threw, if it did
     */
    public KeyComparatorException(String name, String why, @Nullable Throwable cause) {
        super("key comparator '" + name + "' " + why, cause);
    }
}
