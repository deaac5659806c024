package dev.catena.engine.event;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;

/** JFR: a table does not hold what was written to it. */
@Name("dev.catena.Damage")
@Label("Store Damage")
@Category({"Catena", "Store"})
final class DamageEvent extends Event {
    @Label("File")
    String file = "";

    @Label("Offset")
    long offset;

    @Label("Found")
    String found = "";
}
