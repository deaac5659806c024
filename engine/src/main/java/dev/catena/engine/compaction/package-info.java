/**
 * Background work: flushing memtables to tables and merging tables down the levels.
 */
@NullMarked
package dev.catena.engine.compaction;

import org.jspecify.annotations.NullMarked;
