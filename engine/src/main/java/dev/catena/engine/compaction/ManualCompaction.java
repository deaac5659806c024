package dev.catena.engine.compaction;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A compaction that a user asked for. Of a range it goes level by level, of all keys by tables that share keys, and between these parts other
 * compactions may go on. Used by the compaction thread, but for the future.
 */
final class ManualCompaction {
    /** Completed at the end; cancelled by the user. */
    final CompletableFuture<@Nullable Void> future = new CompletableFuture<>();

    /** The smallest key of the range; null for no bound. */
    final byte @Nullable [] begin;

    /** The smallest key above the range; null for no bound. */
    final byte @Nullable [] end;

    /** The newest operation in tables when it was asked for. */
    final long sequence;

    /** What ended it; null for nothing. */
    @Nullable
    RuntimeException failure;

    /** The level to do next. */
    int level;

    ManualCompaction(byte @Nullable [] begin, byte @Nullable [] end, long sequence) {
        this.begin = begin;
        this.end = end;
        this.sequence = sequence;
    }

    /** What is damaged in a table that may have keys of the range; null for nothing. */
    @Nullable
    CorruptionException damage(Version version) {
        for (TableFile table : version.tables()) {
            if (table.damage() != null
                    && (begin == null || version.order().compare(table.meta().largest(), begin) >= 0)
                    && (end == null || version.order().compare(table.meta().smallest(), end) < 0)) {
                return table.damage();
            }
        }
        return null;
    }

    boolean isWhole() {
        return begin == null && end == null;
    }
}
