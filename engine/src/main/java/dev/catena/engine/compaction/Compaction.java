package dev.catena.engine.compaction;

import dev.catena.engine.Options;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.RangeDeletion;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.TableMeta;
import dev.catena.engine.version.Version;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiPredicate;

/**
 * A merge to be done: which tables, to which level.
 *
 * <p><b>Moving.</b> Tables of one level that overlap neither each other nor the level that they are to go to are moved there as they are,
 * unless that is the last level and has another compression or other filters.
 *
 * @param level where the upper inputs come from; -1 for all levels
 * @param output the level that gets the result
 * @param inputs by level: the tables to merge
 * @param reason why, in words
 */
record Compaction(int level, int output, List<List<TableFile>> inputs, String reason) {
    /** Of tables of a level and those of a deeper one whose keys overlap with theirs (or of that level alone); all levels between are empty. */
    static Compaction of(Version version, int level, List<TableFile> upper, int output, String reason) {
        byte[] smallest = upper.getFirst().meta().smallest();
        byte[] largest = upper.getFirst().meta().largest();
        for (TableFile table : upper) {
            if (version.order().compare(table.meta().smallest(), smallest) < 0) {
                smallest = table.meta().smallest();
            }
            if (version.order().compare(table.meta().largest(), largest) > 0) {
                largest = table.meta().largest();
            }
        }
        List<List<TableFile>> inputs = new ArrayList<>();
        for (int i = 0; i < version.levels(); i++) {
            if (i == level) {
                inputs.add(upper);
            } else if (i == output) {
                inputs.add(version.overlapping(i, smallest, largest));
            } else {
                inputs.add(List.of());
            }
        }
        return new Compaction(level, output, inputs, reason);
    }

    /** Whether the upper inputs can go down as they are. */
    boolean isMove(Options options) {
        if (level < 0 || level == output || !inputs.get(output).isEmpty()) {
            return false;
        }
        if (output == inputs.size() - 1
                && (options.lastLevelCompression() != options.compression()
                        || options.lastLevelFilterBitsPerKey() != options.filterBitsPerKey())) {
            return false;
        }
        List<TableFile> tables = new ArrayList<>(inputs.get(level));
        KeyOrder order = order();
        tables.sort(Comparator.comparing(table -> table.meta().smallest(), order::compare));
        for (int i = 1; i < tables.size(); i++) {
            if (order.compare(
                            tables.get(i - 1).meta().largest(),
                            tables.get(i).meta().smallest())
                    >= 0) {
                return false;
            }
        }
        return rangeDeletions().isEmpty();
    }

    /** The deletions of ranges that the inputs hold. */
    RangeDeletions rangeDeletions() {
        List<RangeDeletion> deletions = new ArrayList<>();
        tables().forEach(table -> table.rangeDeletions().addTo(deletions));
        return RangeDeletions.of(order(), deletions);
    }

    /** The order of keys. */
    private KeyOrder order() {
        return tables().getFirst().order();
    }

    /** All inputs. */
    List<TableFile> tables() {
        return inputs.stream().flatMap(List::stream).toList();
    }

    /** Bytes of all inputs. */
    long bytes() {
        return tables().stream().mapToLong(table -> table.meta().bytes()).sum();
    }

    /** Tells for ascending keys whether a level deeper than the output may have them; of level 0, whose older tables stay, always. */
    TableWriter.Below below(Version version) {
        if (output == 0) {
            return (key, length) -> true;
        }
        int[] next = new int[version.levels()];
        return new TableWriter.Below() {
            @Override
            public boolean mayHave(long key, int length) {
                for (int level = output + 1; level < version.levels(); level++) {
                    List<TableFile> tables = version.level(level);
                    while (next[level] < tables.size()
                            && version.order()
                                            .compare(
                                                    tables.get(next[level])
                                                            .meta()
                                                            .largest(),
                                                    key,
                                                    length)
                                    < 0) {
                        next[level]++;
                    }
                    if (next[level] < tables.size()
                            && version.order()
                                            .compare(
                                                    tables.get(next[level])
                                                            .meta()
                                                            .smallest(),
                                                    key,
                                                    length)
                                    <= 0) {
                        return true;
                    }
                }
                return false;
            }

            @Override
            public boolean mayHaveIn(byte[] begin, byte[] end) {
                for (int level = output + 1; level < version.levels(); level++) {
                    if (!version.overlapping(level, begin, end).isEmpty()) {
                        return true;
                    }
                }
                return false;
            }
        };
    }

    /** The same without the tables that are wholly deleted, so that nobody reads them. */
    Compaction without(BiPredicate<TableMeta, RangeDeletions> isDeleted, RangeDeletions ranges) {
        if (ranges.isEmpty()) {
            return this;
        }
        List<List<TableFile>> left = inputs.stream()
                .map(level -> level.stream()
                        .filter(table -> !isDeleted.test(table.meta(), ranges))
                        .toList())
                .toList();
        return new Compaction(level, output, left, reason);
    }

    /** The same with tables only that may have keys of a part. */
    Compaction within(KeyPart part, KeyOrder order) {
        List<List<TableFile>> left = inputs.stream()
                .map(level ->
                        level.stream().filter(table -> part.meets(table, order)).toList())
                .toList();
        return new Compaction(level, output, left, reason);
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
