/**
 * The store: an embedded, ordered key-value map on disk. {@code Db} is where to start reading.
 */
@NullMarked
package dev.catena.engine;

import org.jspecify.annotations.NullMarked;
