package dev.catena.engine;

import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The damage that was seen in tables since the store was opened, by reads, compactions and scrubbing. A place is told once; its table is
 * marked, so that it is left alone. Thread safe.
 */
final class Damages {
    private record Place(Path file, long offset) {}

    private final Store store;
    private final Map<Place, StoreDamage> places = new LinkedHashMap<>();

    Damages(Store store) {
        this.store = store;
    }

    /** Hears of damage; what to throw. */
    CorruptionException seen(CorruptionException e) {
        for (Family family : store.families()) {
            Version version = family.versions.retainCurrent();
            try {
                for (TableFile table : version.tables()) {
                    if (store.directory.table(table.meta().number()).equals(e.file())) {
                        table.markDamaged(e);
                        add(family, table, e);
                    }
                }
            } finally {
                version.release();
            }
        }
        return e;
    }

    private void add(Family family, TableFile table, CorruptionException e) {
        StoreDamage damage = new StoreDamage(
                family.name,
                e.file(),
                e.offset(),
                e.expected(),
                e.found(),
                table.meta().smallest(),
                table.meta().largest());
        boolean isNew;
        synchronized (places) {
            isNew = places.putIfAbsent(new Place(e.file(), e.offset()), damage) == null;
        }
        if (isNew) {
            store.events.damaged(damage);
        }
    }

    /** All, in the order in which they were found. */
    List<StoreDamage> list() {
        synchronized (places) {
            return List.copyOf(places.values());
        }
    }

    /** Throws when a table of this family is damaged. */
    void check(String family) {
        for (StoreDamage damage : list()) {
            if (damage.columnFamily().equals(family)) {
                throw new CorruptionException(damage.file(), damage.offset(), damage.expected(), damage.found());
            }
        }
    }
}
