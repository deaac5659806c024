package dev.catena.engine.event;

import dev.catena.engine.StoreEvent;

/**
 * What Java Flight Recorder records of a {@link StoreEvent}; begin and duration are the flight recorder's own. An interface beside
 * classes that extend its event directly: with a class of ours between, JDK 25 fails to load them while a recording runs.
 */
interface Recorded {
    /** See {@link jdk.jfr.Event#begin}. */
    void begin();

    /** See {@link jdk.jfr.Event#end}. */
    void end();

    /** See {@link jdk.jfr.Event#shouldCommit}. */
    boolean shouldCommit();

    /** See {@link jdk.jfr.Event#commit}. */
    void commit();

    /** Takes what came of it. */
    void fill(StoreEvent event);

    /** The one for an event. */
    static Recorded of(StoreEvent event) {
        return switch (event) {
            case StoreEvent.Flush _ -> new FlushEvent();
            case StoreEvent.Compaction _ -> new CompactionEvent();
            case StoreEvent.SlowDown _ -> new SlowDownEvent();
        };
    }
}
