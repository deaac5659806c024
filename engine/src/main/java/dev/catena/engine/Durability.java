package dev.catena.engine;

/** When a write counts as done. */
public enum Durability {
    /**
     * When it is in the store's memory: readers see it at once. It is handed to the operating system within about 20 ms, and is
     * durable with the next synced write, the next flush or a clean close. A crash may lose the newest buffered writes, but
     * never one write and not a later one.
     */
    BUFFERED,

    /** When it, and every write before it, is on the device: it survives a crash of the process and of the machine. */
    SYNCED
}
