package dev.catena.engine.event;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;

/** JFR: writing failed, and the store is read-only. */
@Name("dev.catena.Failure")
@Label("Store Failure")
@Category({"Catena", "Store"})
final class FailureEvent extends Event {
    @Label("Reason")
    String reason = "";
}
