package dev.catena.engine;

/** A column family, or an iterator over it, was used after the family had been dropped. */
public final class ColumnFamilyDroppedException extends StoreException {
    private static final long serialVersionUID = 1L;

    /** @param name the family's */
    public ColumnFamilyDroppedException(String name) {
        super("column family '" + name + "' was dropped", null);
    }
}
