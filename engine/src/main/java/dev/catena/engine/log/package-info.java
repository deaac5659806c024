/**
 * The write-ahead log: what makes a synced write durable, and what a crash leaves.
 *
 * <p><b>The thread that waits is the thread that issues.</b> A record is encoded once, into a ring in chain memory. A thread that wants
 * it durable writes the ring's new bytes itself, in a chain of its own context, along with whatever other threads have added
 * meanwhile; those sleep and are woken together. No thread is in between, and one device write serves as many puts as there are
 * waiting threads ({@link dev.catena.engine.log.FlushOwnership}). But virtual threads, which must not hold their carriers in system
 * calls, and who takes a future instead of waiting, have one thread that commits for all of them ({@link dev.catena.engine.log.Committer}).
 *
 * <p><b>One flush in flight.</b> Two and more were no faster with 16 threads and slower with fewer, on two processors: what a flush costs, and
 * waking threads, is more than what overlapping saves; and each would have to end at a block's end, filling the log with nothing
 * (docs/BENCHMARKS.md has the figures).
 *
 * <p><b>Overwriting, not appending.</b> Files are filled with zeros ahead of use, and used again under a new number when their
 * operations are in tables, so that a flush changes no metadata. What a file held before is never taken for records: their hashes are
 * seeded with the log's number and their position.
 *
 * <p><b>Torn or damaged?</b> After a crash the log ends somewhere, and the last bytes may be torn; that is no damage. But bytes that
 * were durable once must be whole. Each record says how far the log was known to be durable when it was encoded; a valid record
 * beyond an invalid one that was durable proves damage. When nothing more is written a record is added that says so for the last
 * ones. See {@link dev.catena.engine.log.LogReader}.
 *
 * <p>Reading order: {@code LogFormat}, {@link dev.catena.engine.log.Operations}; {@link dev.catena.engine.log.Log}, which encodes and
 * flushes; {@code FlushOwnership}, {@code Committer}, {@code DurableWay}; {@code LogKeeper}, the log's thread; {@code LogFiles}, {@code LogFile};
 * {@code LogReader}.
 */
@NullMarked
package dev.catena.engine.log;

import org.jspecify.annotations.NullMarked;
