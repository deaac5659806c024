package dev.catena.compare;

import dev.catena.bench.CatenaStore;
import dev.catena.bench.KeyValueStore;
import dev.catena.bench.StoreSettings;
import java.nio.file.Path;

/** The two sides of the comparison. */
enum Engine {
    CATENA("catena"),
    ROCKSDB("rocksdb");

    private final String label;

    Engine(String label) {
        this.label = label;
    }

    /** Its name in tables and JSON. */
    String label() {
        return label;
    }

    /** Opens a store in a directory, or makes one. */
    KeyValueStore open(Path directory, StoreSettings settings, int rocksRecycledLogs) {
        return switch (this) {
            case CATENA -> new CatenaStore(directory, settings);
            case ROCKSDB -> new RocksStore(directory, settings, rocksRecycledLogs);
        };
    }
}
