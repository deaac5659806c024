package dev.catena.engine;

import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The damage that was seen in tables since the store was opened, and at its opening: by reads, compactions, verifying and scrubbing. A place is
 * told once; its table is marked, so that it is left alone. Thread safe.
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
        Place place = new Place(e.file(), e.offset());
        StoreDamage known = known(place);
        if (known == null) {
            find(e);
            known = known(place);
        }
        return known == null ? e : new CorruptionException(known, e);
    }

    private @Nullable StoreDamage known(Place place) {
        synchronized (places) {
            return places.get(place);
        }
    }

    private void find(CorruptionException e) {
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
    }

    /** Tells of the tables of a family that could not be opened. */
    void opened(Family family) {
        Version version = family.versions.retainCurrent();
        try {
            for (TableFile table : version.tables()) {
                CorruptionException damage = table.damage();
                if (damage != null) {
                    add(family, table, damage);
                }
            }
        } finally {
            version.release();
        }
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
                throw new CorruptionException(
                        damage,
                        new CorruptionException(damage.file(), damage.offset(), damage.expected(), damage.found()));
            }
        }
    }
}
