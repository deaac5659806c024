package dev.catena.engine.event;

import dev.catena.engine.StoreEvent;
import java.util.Locale;

/** Events as lines of text. */
final class EventText {
    private EventText() {}

    static String began(StoreEvent event) {
        return what(event) + " begins: " + event.reason();
    }

    static String ended(StoreEvent event) {
        String result = switch (event) {
            case StoreEvent.Flush flush -> tables(flush.tables(), flush.bytes());
            case StoreEvent.Compaction compaction ->
                tables(compaction.tables(), compaction.bytes())
                        + (compaction.copiedBytes() == 0
                                ? ""
                                : ", " + Events.bytes(compaction.copiedBytes()) + " copied as they were");
            case StoreEvent.SlowDown slow -> slow.writes() + " writes held for " + millis(slow.heldNanos());
        };
        return what(event) + " ended after " + millis(event.nanos()) + ": " + result;
    }

    private static String what(StoreEvent event) {
        return switch (event) {
            case StoreEvent.Flush flush ->
                "flush of %d entries, %s".formatted(flush.entries(), Events.bytes(flush.memoryBytes()));
            case StoreEvent.Compaction compaction ->
                "%s of %s, %s to level %d"
                        .formatted(
                                compaction.move() ? "move" : "compaction",
                                tables(compaction.inputTables(), compaction.inputBytes()),
                                compaction.level() < 0 ? "all levels" : "level " + compaction.level(),
                                compaction.output());
            case StoreEvent.SlowDown _ -> "slow-down";
        };
    }

    private static String tables(int count, long bytes) {
        return count + (count == 1 ? " table, " : " tables, ") + Events.bytes(bytes);
    }

    private static String millis(long nanos) {
        return String.format(Locale.ROOT, "%.1f ms", nanos / 1e6);
    }
}
