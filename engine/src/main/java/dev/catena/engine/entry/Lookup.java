package dev.catena.engine.entry;

/** What one sorted source knows of a key at a snapshot. */
public enum Lookup {
    /** Nothing: older sources decide. */
    ABSENT,

    /** The newest visible version deletes the key. */
    DELETED,

    /** The newest visible version has a value, which the sink was given. */
    FOUND,

    /** The newest visible version is an operand to be merged with older ones, which the sink did not want. */
    MERGE;

    /**
     * What a version says, the sink being given its value.
     *
     * @param floor the sequence number up to which the key's versions are deleted
     * @return {@link #ABSENT} after an operand that the sink took: older versions decide
     */
    public static Lookup of(long trailer, long floor, ValueSink sink, long value, int valueLength) {
        if (Keys.sequence(trailer) <= floor) {
            return DELETED;
        }
        if (Keys.kind(trailer) == Keys.PUT) {
            sink.accept(Memory.ALL, value, valueLength);
            return FOUND;
        }
        if (Keys.kind(trailer) == Keys.MERGE) {
            return sink.operand(Memory.ALL, value, valueLength) ? ABSENT : MERGE;
        }
        return DELETED;
    }
}
