package dev.catena.engine.event;

import dev.catena.engine.StoreEvent;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** JFR: tables were merged, or one was moved. */
@Name("dev.catena.Compaction")
@Label("Compaction")
@Category({"Catena", "Store"})
@StackTrace(false)
final class CompactionEvent extends Event implements Recorded {
    @Label("Reason")
    String reason = "";

    @Label("From Level")
    int level;

    @Label("To Level")
    int output;

    @Label("Move")
    boolean move;

    @Label("Input Tables")
    int inputTables;

    @Label("Input Bytes")
    @DataAmount
    long inputBytes;

    @Label("Tables")
    int tables;

    @Label("Bytes")
    @DataAmount
    long bytes;

    @Label("Copied Bytes")
    @DataAmount
    long copiedBytes;

    @Override
    public void fill(StoreEvent event) {
        StoreEvent.Compaction compaction = (StoreEvent.Compaction) event;
        reason = compaction.reason();
        level = compaction.level();
        output = compaction.output();
        move = compaction.move();
        inputTables = compaction.inputTables();
        inputBytes = compaction.inputBytes();
        tables = compaction.tables();
        bytes = compaction.bytes();
        copiedBytes = compaction.copiedBytes();
    }
}
