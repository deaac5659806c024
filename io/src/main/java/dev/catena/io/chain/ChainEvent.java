package dev.catena.io.chain;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** JFR: a chain, from its start until its end was seen. */
@Name("dev.catena.Chain")
@Label("Chain")
@Category({"Catena", "Chains"})
@Description("A chain of I/O steps, from its start until its end was seen")
@StackTrace(false)
final class ChainEvent extends Event {
    private static final ChainEvent ANY = new ChainEvent();

    @Label("Kind")
    String kind = "";

    @Label("Lane")
    int lane;

    @Label("Placement")
    String placement = "";

    @Label("Result")
    @Description("0, or the negative error number")
    int result;

    @Label("Steps")
    int steps;

    @Label("Issued by Program")
    int issuedByProgram;

    @Label("Issued by Java")
    int issuedByUser;

    @Label("Bytes")
    @DataAmount
    long bytes;

    @Label("Retries")
    int retries;

    @Label("Short I/Os")
    int shortIos;

    /** Whether a recording wants these. */
    static boolean isWanted() {
        return ANY.isEnabled();
    }
}
