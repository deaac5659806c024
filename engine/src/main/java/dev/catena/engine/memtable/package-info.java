/**
 * The sorted, off-heap map that holds what was written since the last flush.
 */
@NullMarked
package dev.catena.engine.memtable;

import org.jspecify.annotations.NullMarked;
