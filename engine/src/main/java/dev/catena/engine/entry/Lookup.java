package dev.catena.engine.entry;

/** What one sorted source knows of a key at a snapshot. */
public enum Lookup {
    /** Nothing: older sources decide. */
    ABSENT,

    /** The newest visible version deletes the key. */
    DELETED,

    /** The newest visible version has a value, which the sink was given. */
    FOUND
}
