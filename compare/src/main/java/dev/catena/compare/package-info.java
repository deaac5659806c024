/**
 * The {@code catena} command: comparison with RocksDB, doctor, and a look into a store.
 */
@NullMarked
package dev.catena.compare;

import org.jspecify.annotations.NullMarked;
