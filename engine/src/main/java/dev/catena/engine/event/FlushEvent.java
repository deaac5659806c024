package dev.catena.engine.event;

import dev.catena.engine.StoreEvent;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** JFR: a memtable was written as tables. */
@Name("dev.catena.Flush")
@Label("Flush")
@Category({"Catena", "Store"})
@StackTrace(false)
final class FlushEvent extends Event implements Recorded {
    @Label("Reason")
    String reason = "";

    @Label("Entries")
    long entries;

    @Label("Tables")
    int tables;

    @Label("Bytes")
    @DataAmount
    long bytes;

    @Override
    public void fill(StoreEvent event) {
        StoreEvent.Flush flush = (StoreEvent.Flush) event;
        reason = flush.reason();
        entries = flush.entries();
        tables = flush.tables();
        bytes = flush.bytes();
    }
}
