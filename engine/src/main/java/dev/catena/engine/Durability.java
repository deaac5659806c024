package dev.catena.engine;

/** When a write counts as done. */
public enum Durability {
    /**
     * When it is in the store's memory, as {@link #BUFFERED}, but it never is in the log: {@link ColumnFamily#flush}, {@link Db#checkpoint}
     * for the copy, and a clean close make it durable, and nothing else does, a later synced write neither. A crash loses what was
     * written so since, or some of it: of each family the newest writes, whatever becomes of logged ones before, between and after them; so a batch
     * over several families may be there in part. For what can be written again, such as bulk loads that end with a flush.
     */
    UNLOGGED,

    /**
     * When it is in the store's memory: readers see it at once. It is handed to the operating system within about 20 ms, and is
     * durable with the next synced write, the next flush or a clean close. A crash may lose the newest buffered writes, but
     * never one write and not a later one of those that are logged.
     */
    BUFFERED,

    /** When it, and every logged write before it, is on the device: it survives a crash of the process and of the machine. */
    SYNCED
}
