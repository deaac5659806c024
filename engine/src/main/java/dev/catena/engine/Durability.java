package dev.catena.engine;

/** When a write counts as done. */
public enum Durability {
    /** When it is in the log's memory: it survives a crash of nothing, and is durable some time later. */
    BUFFERED,

    /** When it is on the device: it survives a crash of the process and of the machine. */
    SYNCED
}
