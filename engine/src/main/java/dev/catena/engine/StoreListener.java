package dev.catena.engine;

/**
 * Hears what a store does in the background.
 *
 * <p>Called by a thread of the store's own for this, one call at a time and in order, soon after things have happened; so it may take
 * its time and use the store. When more than a thousand events wait for it, further ones are dropped, which the file {@code LOG}
 * notes. What it throws is noted there too and does no harm. Closing the store waits until all that has happened was heard.
 */
public interface StoreListener {
    /** Hears nothing. */
    StoreListener NONE = new StoreListener() {};

    /** Something has begun. It ends with {@link #ended}, or with {@link #postponed}, {@link #damaged} or {@link #failed}, or with the store. */
    default void began(StoreEvent event) {}

    /** Something has ended. */
    default void ended(StoreEvent event) {}

    /** Damage was found in a table, perhaps when the store was opened: each place is told once while it is open. See {@link Db#damages}. */
    default void damaged(StoreDamage damage) {}

    /**
     * A compaction has found no room on the device. What it wrote was deleted, nothing is lost, and it is tried again later; writes go on until
     * level 0 has too many tables.
     */
    default void postponed(StoreIoException why) {}

    /** Writing has failed: the store is read-only from now on. Called at most once. */
    default void failed(Throwable cause) {}
}
