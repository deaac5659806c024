package dev.catena.engine.version;

import dev.catena.engine.entry.KeyOrder;
import dev.catena.io.chain.FileBytes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The current version of a column family, and the only way to change it: write a manifest that says so, then let readers have it.
 *
 * <p>Changes come from the flush thread and the compaction thread. The {@link Catalog}, whose monitor guards all of this, makes one at a
 * time of those of all families.
 */
public final class VersionSet {
    private final Catalog catalog;
    private final int number;
    private final String name;
    private final KeyOrder order;

    // Under the catalog's monitor:
    private Version current;
    private long flushedSequence;
    private boolean dropped;

    /**
     * A change.
     *
     * @param removed tables that go
     * @param level where the added go
     * @param added tables that come, or move
     * @param flushedSequence every operation of the family up to it is in tables now; -1 as before
     * @param firstLog logs with lower numbers are needed by no family now; -1 as before
     */
    public record Edit(List<TableFile> removed, int level, List<TableFile> added, long flushedSequence, long firstLog) {
        /** Of a flush. */
        public static Edit flushed(List<TableFile> added, long flushedSequence, long firstLog) {
            return new Edit(List.of(), 0, added, flushedSequence, firstLog);
        }

        /** Of a compaction. */
        public static Edit compacted(List<TableFile> removed, int level, List<TableFile> added) {
            return new Edit(removed, level, added, -1, -1);
        }
    }

    /** @param current whose first reference this takes over */
    VersionSet(Catalog catalog, Manifest.FamilyEntry entry, Version current) {
        this.catalog = catalog;
        number = entry.number();
        name = entry.name();
        order = current.order();
        flushedSequence = entry.flushedSequence();
        this.current = current;
    }

    /** The family's number. */
    public int number() {
        return number;
    }

    /** The family's name. */
    public String name() {
        return name;
    }

    /** The order of the family's keys. */
    public KeyOrder order() {
        return order;
    }

    /** Opens a table of the family, from its end if that is in memory. The caller holds the first reference. */
    public TableFile open(TableMeta meta, @Nullable FileBytes end) {
        return catalog.open(meta, order, end);
    }

    /** A number that no file has or will have. */
    public long nextNumber() {
        return catalog.nextNumber();
    }

    /** The current version, retained for the caller. */
    public Version retainCurrent() {
        synchronized (catalog) {
            current.retain();
            return current;
        }
    }

    /** Every operation of the family up to it is in tables. */
    public long flushedSequence() {
        synchronized (catalog) {
            return flushedSequence;
        }
    }

    /**
     * Makes a change durable and current. To a family that was dropped meanwhile nothing happens, but that the added tables, which
     * nobody needs, are deleted when the caller gives them back.
     *
     * @param install gets the new version, not retained for it, before the old one is let go
     */
    public void apply(Edit edit, Consumer<Version> install) {
        synchronized (catalog) {
            if (dropped) {
                edit.added().forEach(TableFile::markObsolete);
                return;
            }
            catalog.health().check();
            Version before = current;
            long flushedBefore = flushedSequence;
            Version next = before.with(edit.removed(), edit.level(), edit.added());
            if (edit.flushedSequence() >= 0) {
                flushedSequence = edit.flushedSequence();
            }
            current = next;
            List<Long> unneeded;
            try {
                unneeded = catalog.change(flushedSequence, edit.firstLog());
            } catch (RuntimeException | Error e) {
                current = before;
                flushedSequence = flushedBefore;
                next.release();
                throw e;
            }
            for (TableFile table : edit.removed()) {
                if (!edit.added().contains(table)) {
                    table.markObsolete();
                }
            }
            install.accept(next);
            before.release();
            catalog.deleteLogs(unneeded);
        }
    }

    /** Says, under the catalog's monitor, that no manifest names the family any more; its tables go with their last users. */
    void drop() {
        dropped = true;
        current.tables().forEach(TableFile::markObsolete);
        current.release();
        current = new Version(order, Collections.nCopies(Manifest.LEVELS, List.of())); // for who still asks
    }

    /** Lets go of the current version. Under the catalog's monitor. */
    void release() {
        current.release();
    }

    /** What the manifest says of it, under the catalog's monitor. */
    Manifest.FamilyEntry entry() {
        List<List<TableMeta>> levels = new ArrayList<>();
        for (int level = 0; level < current.levels(); level++) {
            levels.add(current.level(level).stream().map(TableFile::meta).toList());
        }
        return new Manifest.FamilyEntry(number, name, order.name(), flushedSequence, levels);
    }

    /** Deletes the files of tables that nobody uses any more, of all families. */
    public void deleteObsolete() {
        catalog.deleteObsolete();
    }
}
