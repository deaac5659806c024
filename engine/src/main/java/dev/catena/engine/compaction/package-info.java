/**
 * Background work: writing memtables and merged tables as new tables.
 *
 * <p>Seven levels. Level 0 holds tables as they were flushed, which overlap; when there are a few, all are merged into level 1. Each
 * level from 1 on holds tables that do not overlap, up to ten times the bytes of the level above; what is too much moves down table by
 * table, round robin over the keys ({@code Compaction} picks). A table that overlaps nothing below it moves without being read.
 *
 * <p>The merge ({@link dev.catena.engine.compaction.Compactor}) reads its inputs sequentially, each chunk verified by the chain that
 * reads it, and writes through {@link dev.catena.engine.compaction.TableWriter}, which keeps the newest version of each key and those
 * that open snapshots see, and deletions only as long as older data may lie below. Nothing is replaced before its successor is durable; damage found in an input
 * stops the merge with everything as it was.
 */
@NullMarked
package dev.catena.engine.compaction;

import org.jspecify.annotations.NullMarked;
