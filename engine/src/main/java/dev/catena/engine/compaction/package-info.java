/**
 * Background work: writing memtables and merged tables as new tables.
 *
 * <p>Seven levels. Level 0 holds tables as they were flushed, which overlap; each other level holds tables that do not. The last one
 * holds most of the store; the levels above it come into use as it grows, from the last up, each with a tenth of the one below
 * ({@code LevelSizes}). When level 0 has a few tables, all are merged into the first level in use; what is too much in a level moves down
 * table by table; what a store at rest has twice is merged ({@code Picker}). What overlaps nothing below moves without being read
 * ({@code Compaction}).
 *
 * <p>The merge ({@link dev.catena.engine.compaction.Compactor}) reads its inputs sequentially, each chunk verified by the chain that
 * reads it, and writes through {@link dev.catena.engine.compaction.TableWriter}, which keeps the newest version of each key and those
 * that open snapshots see, and deletions only as long as older data may lie below. Nothing is replaced before its successor is durable; damage found in an input
 * stops the merge with everything as it was. From then on compactions go around that table, and writers need not stop for it.
 *
 * <p>Runs of partitions that nothing else of the input lies among ({@link dev.catena.engine.table.Runs}) stand in the merge as one entry each. They are copied by the chain that
 * writes the table, without being decoded. So a merge costs what is interleaved, not what its tables hold.
 *
 * <p>A large merge is cut at keys into parts for several threads ({@code KeyPart}); one change of the manifest makes the tables of all of them current. What
 * compactions have before them slows writers down before level 0 does ({@link dev.catena.engine.compaction.Compactor#debt}).
 */
@NullMarked
package dev.catena.engine.compaction;

import org.jspecify.annotations.NullMarked;
