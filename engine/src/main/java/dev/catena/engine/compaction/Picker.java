package dev.catena.engine.compaction;

import dev.catena.engine.Options;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Chooses what to compact.
 *
 * <p><b>By size.</b> Level 0 scores its table count by the trigger, the others their bytes by what they may hold ({@link LevelSizes}). The
 * level with the highest score from 1 up is compacted: level 0 with all its tables; another level with the table that has the
 * least below it to be rewritten, for its size. To these come the tables of the level below whose keys overlap.
 *
 * <p><b>For space.</b> When nothing else is to be done, levels are compacted, from level 0 down, until what is above the last level is at
 * most a fourth of it: overwritten values so take no more than that.
 */
final class Picker {
    /** The last level's bytes for each byte above it that a store at rest may have. */
    private static final int REST = 4;

    private final Version version;
    private final Options options;
    private final LevelSizes sizes;
    private final int last;

    Picker(Version version, Options options) {
        this.version = version;
        this.options = options;
        sizes = LevelSizes.of(version, options);
        last = version.levels() - 1;
    }

    /** The most urgent compaction; null when none is due. */
    @Nullable
    Compaction urgent() {
        int best = 0;
        double bestScore = (double) version.levelZeroTables() / options.levelZeroTrigger();
        for (int level = 1; level < last; level++) {
            double score = sizes.score(version, level);
            if (score > bestScore) {
                best = level;
                bestScore = score;
            }
        }
        if (bestScore < 1) {
            return null;
        }
        return down(
                best,
                best == 0
                        ? "level 0 has " + version.levelZeroTables() + " tables, and is compacted from "
                                + options.levelZeroTrigger() + " on"
                        : "level " + best + " has " + version.bytes(best) + " bytes, and is compacted from "
                                + sizes.limits()[best] + " on");
    }

    /** A compaction that gives space back, to be done when there is nothing else to do; null when none is worth it. */
    @Nullable
    Compaction forSpace() {
        long above = 0;
        int best = -1;
        for (int level = last - 1; level >= 0; level--) {
            if (!version.level(level).isEmpty()) {
                above += version.bytes(level);
                best = level;
            }
        }
        if (above == 0 || above <= version.bytes(last) / REST) {
            return null;
        }
        return down(
                best,
                "the store rests, and has " + above + " bytes above the last level, more than a fourth of the "
                        + version.bytes(last) + " there");
    }

    /** Of tables of a level into the next one that is in use. */
    private Compaction down(int level, String reason) {
        int output = level < sizes.base() ? sizes.base() : level + 1;
        for (int between = level + 1; between < output; between++) {
            if (!version.level(between).isEmpty()) {
                output = between;
            }
        }
        boolean whole = level < sizes.base();
        List<TableFile> upper = whole ? version.level(level) : List.of(cheapest(level, output));
        return Compaction.of(version, level, upper, output, reason);
    }

    /** The table of a level that has the fewest bytes in the level below it, for its own. */
    private TableFile cheapest(int level, int output) {
        List<TableFile> below = version.level(output);
        TableFile best = version.level(level).getFirst();
        double bestRatio = Double.MAX_VALUE;
        int first = 0;
        for (TableFile table : version.level(level)) {
            while (first < below.size() && isBefore(below.get(first), table)) {
                first++;
            }
            long bytes = 0;
            for (int i = first; i < below.size() && !isBefore(table, below.get(i)); i++) {
                bytes += below.get(i).meta().bytes();
            }
            double ratio = (double) bytes / table.meta().bytes();
            if (ratio < bestRatio) {
                bestRatio = ratio;
                best = table;
            }
        }
        return best;
    }

    /** Whether all keys of a table are before all of another. */
    private static boolean isBefore(TableFile table, TableFile other) {
        return Arrays.compareUnsigned(table.meta().largest(), other.meta().smallest()) < 0;
    }

    /** Of all tables into the last level; null when they are there already, without garbage. */
    @Nullable
    Compaction everything() {
        List<List<TableFile>> inputs = new ArrayList<>();
        boolean needed = false;
        for (int level = 0; level <= last; level++) {
            inputs.add(version.level(level));
            needed |= level < last && !version.level(level).isEmpty();
        }
        for (TableFile table : version.level(last)) {
            needed |= table.meta().garbage() > 0;
        }
        return needed ? new Compaction(-1, last, inputs, "compact asked for") : null;
    }
}
