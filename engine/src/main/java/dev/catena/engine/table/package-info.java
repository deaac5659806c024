/**
 * Immutable sorted files, and the cache in front of them.
 *
 * <p>A table is written once, front to back, from entries in order, and from then on only read. The file, of frames (each with its
 * own checksum) in chunks (each with another, computed and checked by the chains that write and read them), is laid out in
 * {@link dev.catena.engine.table.TableFormat}. Two ways lead through it:
 *
 * <ul>
 *   <li><b>Lookups and iterators</b> ({@link dev.catena.engine.table.TableReader}) go from the root, which is in memory, to a
 *       partition's filter, its index, a data block: small frames, read one by one when the
 *       {@link dev.catena.engine.table.BlockCache} does not have them, checked by the frame's checksum. Lookups of many keys at once
 *       have what the cache lacks read together ({@link dev.catena.engine.table.MissingFrames}). Long walks leave the cache alone: {@link
 *       dev.catena.engine.table.WalkReads} gets many frames at once, and has the next ones read meanwhile ({@link
 *       dev.catena.engine.table.ReadAhead}).
 *   <li><b>Compaction</b> ({@link dev.catena.engine.table.TableScanner}) reads all data from front to back past the cache, in
 *       chunks that the chain verified, but for the partitions that are to be copied as they are
 *       ({@link dev.catena.engine.table.Runs}): these go to the new table in its chain.
 * </ul>
 *
 * <p>Whatever does not match its checksum or its bounds is a {@link dev.catena.engine.CorruptionException} with file and offset, and
 * nothing of it is returned. What is in memory was checked when it came there, so that a lookup in a cached block checks nothing and
 * allocates nothing.
 *
 * <p>Reading order: {@code TableFormat}, {@link dev.catena.engine.table.Block}, {@link dev.catena.engine.table.IndexBlock}, {@link dev.catena.engine.table.Partitions},
 * {@link dev.catena.engine.entry.Filter}; {@link dev.catena.engine.table.TableBuilder} writes them; {@code TableReader},
 * {@code BlockCache}, {@link dev.catena.engine.table.TableIterator} and {@code TableScanner}, both a
 * {@link dev.catena.engine.table.BlockWalk}, the one through the cache, up and down, the other over
 * {@link dev.catena.engine.table.FrameStream}; {@link dev.catena.engine.table.TableVerifier} checks everything.
 */
@NullMarked
package dev.catena.engine.table;

import org.jspecify.annotations.NullMarked;
