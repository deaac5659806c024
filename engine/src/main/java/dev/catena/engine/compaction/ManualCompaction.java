package dev.catena.engine.compaction;

import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A compaction that a user asked for. Of a range it goes level by level, in parts between which other compactions may go on; of all keys
 * it is one merge. Used by the compaction thread, but for the future.
 */
final class ManualCompaction {
    /** Completed at the end; cancelled by the user. */
    final CompletableFuture<@Nullable Void> future = new CompletableFuture<>();

    /** The smallest key of the range; null for no bound. */
    final byte @Nullable [] begin;

    /** The smallest key above the range; null for no bound. */
    final byte @Nullable [] end;

    /** The level to do next. */
    int level;

    ManualCompaction(byte @Nullable [] begin, byte @Nullable [] end) {
        this.begin = begin;
        this.end = end;
    }

    boolean isWhole() {
        return begin == null && end == null;
    }
}
