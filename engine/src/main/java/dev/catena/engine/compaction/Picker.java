package dev.catena.engine.compaction;

import dev.catena.engine.Options;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.TableMeta;
import dev.catena.engine.version.Version;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Chooses what to compact.
 *
 * <p><b>By size.</b> Level 0 scores its table count by the trigger, the others their bytes by what they may hold ({@link LevelSizes}). The
 * level with the highest score from 1 up is compacted: level 0 with all its tables; another level with the table that has the
 * least below it to be rewritten, for its size. To these come the tables of the level below whose keys overlap. What level 0 has beyond its
 * trigger counts little: with more tables it goes down the cheaper, and into a level that is too full the dearer; writers
 * hardly mind until it has five times the trigger.
 *
 * <p><b>Deletions</b> weigh as much as what they delete, about: an entry of the last level each. So tables with many go down before
 * others, and when the sizes alone would not ask for it. In the last level what no snapshot sees any more is dropped by merging a table with
 * nothing.
 *
 * <p><b>For space.</b> When nothing else is to be done, levels are compacted, from the last but one up, until what is above the last level is at
 * most a twelfth of it: overwritten values so take no more than that. Then deletions of ranges go down, until they have met all that they
 * delete.
 *
 * <p><b>Damaged tables</b> stay where they are, and so do those that could only be compacted together with them; but those go whose keys deletions of
 * ranges in the same compaction delete all, unread. In level 0 tables older than a damaged one still go down, and newer ones are
 * merged with each other, the like with the like: so they stay few, and writers need not stop.
 */
final class Picker {
    /** The last level's bytes for each byte above it that a store at rest may have. */
    private static final int REST = 12;

    /** A table of the last level is rewritten when it has more than one entry in so many that nobody sees. */
    private static final int GARBAGE = 10;

    /** What {@code compact} merges at a time has so many tables' bytes, about, where there are neighbours that share no keys. */
    private static final int TOGETHER = 25;

    /** How many tables of level 0 beyond its trigger weigh as much as one of those before. */
    private static final double PATIENCE = 8;

    private final Version version;
    private final Options options;
    private final LevelSizes sizes;
    private final int last;

    private final long oldestSnapshot;
    private final Set<Long> rewritten;
    private final BiPredicate<TableMeta, RangeDeletions> isDeleted;

    /** Bytes that an entry of the last level takes, about: what a deletion above it gives back. */
    private final double entryBytes;

    /**
     * @param oldestSnapshot the sequence number of the oldest open snapshot
     * @param rewritten numbers of tables that a merge of their own has made
     * @param isDeleted whether nobody sees anything of a table under deletions of ranges
     */
    Picker(
            Version version,
            Options options,
            long oldestSnapshot,
            Set<Long> rewritten,
            BiPredicate<TableMeta, RangeDeletions> isDeleted) {
        this.version = version;
        this.options = options;
        this.oldestSnapshot = oldestSnapshot;
        this.rewritten = rewritten;
        this.isDeleted = isDeleted;
        sizes = LevelSizes.of(version, options);
        last = version.levels() - 1;
        long entries = 0;
        for (TableFile table : version.level(last)) {
            entries += table.meta().entries();
        }
        entryBytes = entries == 0 ? 0 : (double) version.bytes(last) / entries;
    }

    /** Bytes of a table, and those that its deletions may give back below. */
    private double weight(TableFile table) {
        return table.meta().bytes() + table.meta().garbage() * entryBytes;
    }

    private double weight(int level) {
        double weight = 0;
        for (TableFile table : version.level(level)) {
            weight += weight(table);
        }
        return weight;
    }

    /** The most urgent compaction; null when none is due. */
    @Nullable
    Compaction urgent() {
        Compaction bySize = IntStream.range(0, last)
                .filter(level -> score(level) >= 1)
                .boxed()
                .sorted(Comparator.comparingDouble(this::score).reversed())
                .map(level -> down(
                        level,
                        null,
                        level == 0
                                ? "level 0 has " + version.levelZeroTables() + " tables, and is compacted from "
                                        + options.levelZeroTrigger() + " on" + deletions(0)
                                : "level " + level + " has " + version.bytes(level) + " bytes, and is compacted from "
                                        + sizes.limits()[level] + " on" + deletions(level)))
                .filter(Objects::nonNull)
                .findFirst()
                .orElse(null);
        return bySize != null ? bySize : ofGarbage();
    }

    private double score(int level) {
        if (level > 0) {
            return sizes.score(level, weight(level));
        }
        double tables = (double) version.levelZeroTables() / options.levelZeroTrigger();
        return Math.max(
                tables < 1 ? tables : 1 + (tables - 1) / PATIENCE,
                (weight(0) - version.bytes(0)) / options.levelOneBytes());
    }

    /** Whether damaged tables keep level 0 from being compacted. */
    boolean isStuck() {
        return !version.level(0).isEmpty() && ofLevelZero("") == null;
    }

    private String deletions(int level) {
        long more = (long) weight(level) - version.bytes(level);
        return more == 0 ? "" : "; its deletions count as " + more + " bytes more";
    }

    /** Of a table of the last level with much that nobody sees any more: kept for a snapshot, or moved there. */
    private @Nullable Compaction ofGarbage() {
        for (TableFile table : version.level(last)) {
            if (table.meta().garbage() > table.meta().entries() / GARBAGE && isDroppable(table)) {
                return Compaction.of(
                        version,
                        last,
                        List.of(table),
                        last,
                        "nobody sees " + table.meta().garbage() + " of "
                                + table.meta().entries() + " entries of a table any more");
            }
        }
        return null;
    }

    /** Whether a merge gets rid of a table's garbage. */
    private boolean isDroppable(TableFile table) {
        return isWhole(table)
                && table.meta().garbage() > 0
                && table.meta().largestSequence() <= oldestSnapshot
                && !rewritten.contains(table.meta().number());
    }

    /** A compaction that gives space back, to be done when there is nothing else to do; null when none is worth it. */
    @Nullable
    Compaction forSpace() {
        double above = IntStream.range(0, last).mapToDouble(this::weight).sum();
        String reason = "the store rests, and has " + (long) above
                + " bytes above the last level, deletions counted, more than a twelfth of the " + version.bytes(last)
                + " there";
        for (int level = last - 1; level >= 0 && above * REST > version.bytes(last); level--) {
            Compaction compaction = version.level(level).isEmpty() ? null : down(level, null, reason);
            if (compaction != null) {
                return compaction;
            }
        }
        return forRanges();
    }

    /** Of a table with deletions of ranges, which are few bytes, but may stand for many below. */
    private @Nullable Compaction forRanges() {
        for (int level = 0; level < last; level++) {
            for (TableFile table : version.level(level)) {
                Compaction compaction = table.rangeDeletions().isEmpty()
                        ? null
                        : down(
                                level,
                                table,
                                "the store rests, and table " + table.meta().number() + " in level " + level
                                        + " deletes ranges");
                if (compaction != null) {
                    return compaction;
                }
            }
        }
        return null;
    }

    /**
     * Of tables of a level into the next one that is in use: all when the level is not in use, else the given or the cheapest one. Null if
     * damaged ones are in the way.
     */
    private @Nullable Compaction down(int level, @Nullable TableFile chosen, String reason) {
        if (level == 0) {
            return ofLevelZero(reason);
        }
        int output = output(level);
        boolean all = level < sizes.base();
        TableFile one = all || chosen != null ? chosen : cheapest(level, output);
        if (!all && one == null) {
            return null;
        }
        List<TableFile> upper = all || one == null ? version.level(level) : List.of(one);
        Compaction compaction = Compaction.of(version, level, upper, output, reason);
        return isWhole(compaction) ? compaction : null;
    }

    /** Of all tables of level 0 into the next level in use, or around damaged ones. */
    private @Nullable Compaction ofLevelZero(String reason) {
        List<TableFile> tables = version.level(0); // newest first
        int afterDamaged = tables.size();
        while (afterDamaged > 0 && isWhole(tables.get(afterDamaged - 1))) {
            afterDamaged--;
        }
        for (List<TableFile> upper : List.of(tables, tables.subList(afterDamaged, tables.size()))) {
            if (!upper.isEmpty()) {
                Compaction compaction = Compaction.of(version, 0, upper, output(0), reason);
                if (isWhole(compaction)) {
                    return compaction;
                }
            }
        }
        List<TableFile> alike = new ArrayList<>();
        long bytes = 0;
        for (TableFile table : tables) {
            if (!isWhole(table) || (!alike.isEmpty() && table.meta().bytes() > bytes)) {
                break;
            }
            alike.add(table);
            bytes += table.meta().bytes();
        }
        if (alike.size() < Math.max(2, options.levelZeroTrigger())) {
            return null;
        }
        List<List<TableFile>> inputs = new ArrayList<>(Collections.nCopies(version.levels(), List.of()));
        inputs.set(0, alike);
        return new Compaction(0, 0, inputs, reason + "; damaged tables keep them from going down");
    }

    /** Where tables of a level go. */
    private int output(int level) {
        int output = level < sizes.base() ? sizes.base() : level + 1;
        for (int between = level + 1; between < output; between++) {
            if (!version.level(between).isEmpty()) {
                output = between;
            }
        }
        return output;
    }

    private boolean isWhole(Compaction compaction) {
        List<TableFile> damaged =
                compaction.tables().stream().filter(table -> !isWhole(table)).toList();
        if (damaged.isEmpty()) {
            return true;
        }
        RangeDeletions ranges = compaction.rangeDeletions();
        return damaged.stream().allMatch(table -> isDeleted.test(table.meta(), ranges));
    }

    private static boolean isWhole(TableFile table) {
        return table.damage() == null;
    }

    /** The table of a level that has the fewest bytes in the level below it, for its own; null if all meet damaged ones. */
    private @Nullable TableFile cheapest(int level, int output) {
        List<TableFile> below = version.level(output);
        TableFile best = null;
        double bestRatio = Double.MAX_VALUE;
        int first = 0;
        for (TableFile table : version.level(level)) {
            while (first < below.size() && isBefore(below.get(first), table)) {
                first++;
            }
            long bytes = 0;
            boolean whole = isWhole(table);
            for (int i = first; i < below.size() && !isBefore(table, below.get(i)); i++) {
                bytes += below.get(i).meta().bytes();
                whole &= isWhole(below.get(i));
            }
            double ratio = bytes / weight(table);
            if (whole && ratio < bestRatio) {
                bestRatio = ratio;
                best = table;
            }
        }
        return best;
    }

    /** Whether all keys of a table are before all of another. */
    private boolean isBefore(TableFile table, TableFile other) {
        return version.order().compare(table.meta().largest(), other.meta().smallest()) < 0;
    }

    /**
     * Of tables into the last level: of those that share keys with a table above it that is as old as the given operation, or of one that has garbage;
     * and of those behind them of which the same holds, until it is {@link #TOGETHER} tables' worth: fewer compactions take fewer system calls. What shares no
     * keys with these is left for another time. Null when there is nothing of that kind, or damaged tables are in the way.
     *
     * @param sequence tables that only have newer operations need not go down
     */
    @Nullable
    Compaction everything(long sequence) {
        List<TableFile> byKey = new ArrayList<>(version.tables());
        byKey.sort(Comparator.comparing(table -> table.meta().smallest(), version.order()::compare));
        List<TableFile> gathered = new ArrayList<>();
        Compaction compaction = null;
        for (int from = 0, to; from < byKey.size(); from = to) {
            to = sharersEnd(byKey, from);
            List<TableFile> sharers = byKey.subList(from, to);
            boolean isDue = together(sharers, sequence) != null;
            if (isDue && (gathered.isEmpty() || to - from > 1)) {
                gathered.addAll(sharers);
                Compaction more = together(gathered, sequence);
                if (more == null) {
                    return compaction;
                }
                compaction = more;
            }
            // What is written may have keys on both sides of those that are left out. One alone may be moved as it is.
            if (compaction != null
                    && (!isDue || to - from == 1 || compaction.bytes() >= TOGETHER * options.tableBytes())) {
                return compaction;
            }
        }
        return compaction;
    }

    /** Where those end, of tables in the order of their first keys, that share keys with each other, from one on. */
    private int sharersEnd(List<TableFile> byKey, int from) {
        byte[] largest = byKey.get(from).meta().largest();
        int end = from + 1;
        while (end < byKey.size()
                && version.order().compare(byKey.get(end).meta().smallest(), largest) <= 0) {
            byte[] next = byKey.get(end++).meta().largest();
            largest = version.order().compare(next, largest) > 0 ? next : largest;
        }
        return end;
    }

    /** Of tables into the last level; null unless it is due, and nothing is in the way. */
    private @Nullable Compaction together(List<TableFile> tables, long sequence) {
        Set<TableFile> wanted = new HashSet<>(tables);
        List<List<TableFile>> inputs = new ArrayList<>();
        boolean needed = false;
        int from = -1;
        for (int level = 0; level <= last; level++) {
            List<TableFile> chosen =
                    version.level(level).stream().filter(wanted::contains).toList();
            inputs.add(chosen);
            for (TableFile table : chosen) {
                needed |= level < last ? table.meta().smallestSequence() <= sequence : isDroppable(table);
                from = level;
            }
        }
        Compaction compaction = new Compaction(tables.size() == 1 ? from : -1, last, inputs, "compact asked for");
        return needed && isWhole(compaction) ? compaction : null;
    }

    /**
     * Of a level's tables with keys of a range, to the level below; those of the last level if one of them has garbage. Null when there are none,
     * or damaged ones are in the way.
     *
     * @param begin the smallest key of the range; null for no bound
     * @param end the smallest key above the range; null for no bound
     */
    @Nullable
    Compaction range(int level, byte @Nullable [] begin, byte @Nullable [] end) {
        List<TableFile> found = version.level(level).stream()
                .filter(table -> (begin == null
                                || version.order().compare(table.meta().largest(), begin) >= 0)
                        && (end == null || version.order().compare(table.meta().smallest(), end) < 0))
                .toList();
        // Neighbours, all of them: what is written takes the place of one run of tables.
        if (found.isEmpty() || (level == last && found.stream().noneMatch(this::isDroppable))) {
            return null;
        }
        // Level 0 goes as a whole: older tables in it may have the same keys.
        Compaction compaction = Compaction.of(
                version,
                level,
                level == 0 ? version.level(0) : found,
                level == last ? last : output(level),
                "compact of a range asked for");
        return isWhole(compaction) ? compaction : null;
    }
}
