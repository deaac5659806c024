package dev.catena.engine.compaction;

import dev.catena.engine.Options;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import dev.catena.engine.version.VersionSet;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A merge to be done: which tables, to which level.
 *
 * <p><b>Picking.</b> Level 0 scores its table count by the trigger, the others their bytes by what they may hold (level 1 as the
 * options say, each level ten times the one above). The level with the highest score from 1 up is compacted: level 0 with all its
 * tables; another level with the first table past the one compacted last (round robin over the keys, so that all keys sink equally).
 * To these come the tables of the next level whose keys overlap.
 *
 * <p><b>Moving.</b> A single table that overlaps nothing in the next level goes there as it is.
 *
 * @param level where the upper inputs come from; -1 for all levels
 * @param output the level that gets the result
 * @param inputs by level: the tables to merge
 * @param pointer the largest key of the upper inputs
 * @param reason why, in words
 */
record Compaction(int level, int output, List<List<TableFile>> inputs, byte[] pointer, String reason) {
    /** The most urgent compaction of a version; null when nothing needs one. */
    static @Nullable Compaction pick(Version version, VersionSet versions, Options options) {
        int best = -1;
        double bestScore = 1;
        for (int level = 0; level < Manifest.LEVELS - 1; level++) {
            double score = level == 0
                    ? (double) version.levelZeroTables() / options.levelZeroTrigger()
                    : (double) version.bytes(level) / limit(level, options);
            if (score >= bestScore && !version.level(level).isEmpty() && (best < 0 || score > bestScore)) {
                best = level;
                bestScore = score;
            }
        }
        if (best < 0) {
            return null;
        }
        List<TableFile> upper = best == 0 ? version.level(0) : List.of(next(version, best, versions.pointer(best)));
        String reason = best == 0
                ? "level 0 has " + version.levelZeroTables() + " tables, and is compacted from "
                        + options.levelZeroTrigger() + " on"
                : "level " + best + " has " + version.bytes(best) + " bytes, and is compacted from "
                        + limit(best, options) + " on";
        return of(version, best, upper, reason);
    }

    /** Of all tables into one level; null when they are there already, without garbage. */
    static @Nullable Compaction everything(Version version, Options options) {
        int deepest = 0;
        int used = 0;
        long bytes = 0;
        long garbage = 0;
        for (int level = 0; level < version.levels(); level++) {
            if (!version.level(level).isEmpty()) {
                deepest = level;
                used++;
                bytes += version.bytes(level);
                for (TableFile table : version.level(level)) {
                    garbage += table.meta().garbage();
                }
            }
        }
        int output = Math.max(1, deepest);
        while (output < Manifest.LEVELS - 1 && bytes > limit(output, options)) {
            output++;
        }
        if (used == 0 || (used == 1 && deepest == output && garbage == 0)) {
            return null;
        }
        List<List<TableFile>> inputs = new ArrayList<>();
        for (int level = 0; level < version.levels(); level++) {
            inputs.add(version.level(level));
        }
        return new Compaction(-1, output, inputs, new byte[0], "compact asked for");
    }

    /** Bytes that a level from 1 on holds before it is compacted. */
    static long limit(int level, Options options) {
        long limit = options.levelOneBytes();
        for (int i = 1; i < level; i++) {
            limit = Math.multiplyHigh(limit, 10) != 0 || limit > Long.MAX_VALUE / 10 ? Long.MAX_VALUE : limit * 10;
        }
        return limit;
    }

    private static Compaction of(Version version, int level, List<TableFile> upper, String reason) {
        byte[] smallest = upper.getFirst().meta().smallest();
        byte[] largest = upper.getFirst().meta().largest();
        for (TableFile table : upper) {
            if (Arrays.compareUnsigned(table.meta().smallest(), smallest) < 0) {
                smallest = table.meta().smallest();
            }
            if (Arrays.compareUnsigned(table.meta().largest(), largest) > 0) {
                largest = table.meta().largest();
            }
        }
        List<List<TableFile>> inputs = new ArrayList<>();
        for (int i = 0; i < version.levels(); i++) {
            if (i == level) {
                inputs.add(upper);
            } else if (i == level + 1) {
                inputs.add(version.overlapping(i, smallest, largest));
            } else {
                inputs.add(List.of());
            }
        }
        return new Compaction(level, level + 1, inputs, largest, reason);
    }

    private static TableFile next(Version version, int level, byte[] pointer) {
        for (TableFile table : version.level(level)) {
            if (Arrays.compareUnsigned(table.meta().largest(), pointer) > 0) {
                return table;
            }
        }
        return version.level(level).getFirst();
    }

    /** Whether the one input can go down as it is. */
    boolean isMove() {
        return level >= 0 && inputs.get(level).size() == 1 && inputs.get(output).isEmpty();
    }

    /** All inputs. */
    List<TableFile> tables() {
        return inputs.stream().flatMap(List::stream).toList();
    }

    /** Bytes of all inputs. */
    long bytes() {
        return tables().stream().mapToLong(table -> table.meta().bytes()).sum();
    }

    /** Whether no level deeper than the output has tables. */
    boolean isLast(Version version) {
        for (int level = output + 1; level < version.levels(); level++) {
            if (!version.level(level).isEmpty()) {
                return false;
            }
        }
        return true;
    }

    /** Tells for ascending keys whether a level deeper than the output may have them. */
    TableWriter.Below below(Version version) {
        int[] next = new int[version.levels()];
        return (key, length) -> {
            for (int level = output + 1; level < version.levels(); level++) {
                List<TableFile> tables = version.level(level);
                while (next[level] < tables.size()
                        && Keys.compare(tables.get(next[level]).meta().largest(), key, length) < 0) {
                    next[level]++;
                }
                if (next[level] < tables.size()
                        && Keys.compare(tables.get(next[level]).meta().smallest(), key, length) <= 0) {
                    return true;
                }
            }
            return false;
        };
    }

    /** How many tables are read at once: each of level 0, one of each other level. */
    int openAtOnce() {
        int count = inputs.isEmpty() ? 0 : inputs.getFirst().size();
        for (int i = 1; i < inputs.size(); i++) {
            count += inputs.get(i).isEmpty() ? 0 : 1;
        }
        return count;
    }

    /** Opens an iterator for each table of level 0 and one for each other level. */
    List<InternalIterator> open(Opener opener) {
        List<InternalIterator> opened = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            List<TableFile> tables = inputs.get(i);
            if (i == 0) {
                for (TableFile table : tables) {
                    opened.add(opener.table(table));
                }
            } else if (!tables.isEmpty()) {
                opened.add(opener.level(tables));
            }
        }
        return opened;
    }

    /** How inputs are read. */
    interface Opener {
        /** Of one table. */
        InternalIterator table(TableFile table);

        /** Of tables one after another. */
        InternalIterator level(List<TableFile> tables);
    }
}
