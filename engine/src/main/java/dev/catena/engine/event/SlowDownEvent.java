package dev.catena.engine.event;

import dev.catena.engine.StoreEvent;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** JFR: writers were held back. */
@Name("dev.catena.SlowDown")
@Label("Slow-Down of Writers")
@Category({"Catena", "Store"})
@StackTrace(false)
final class SlowDownEvent extends Event implements Recorded {
    @Label("Reason")
    String reason = "";

    @Label("Writes Held")
    long writes;

    @Label("Time Held")
    @Timespan
    long held;

    @Override
    public void fill(StoreEvent event) {
        StoreEvent.SlowDown slow = (StoreEvent.SlowDown) event;
        reason = slow.reason();
        writes = slow.writes();
        held = slow.heldNanos();
    }
}
