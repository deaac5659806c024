/**
 * Workloads, and the recorder that measures them on any store.
 *
 * <p>{@link dev.catena.bench.Workload} names them. {@link dev.catena.bench.WorkloadRun} runs one: its threads each draw a stream of
 * operations that the seed decides, through a {@link dev.catena.bench.KeyValueStore} session with buffers of its own, and record
 * each operation's time in a histogram of their own. {@link dev.catena.bench.CatenaStore} is Catena behind that interface; what it
 * is compared with comes from the module above.
 *
 * <p>Keys ({@link dev.catena.bench.KeyFormat}), values ({@link dev.catena.bench.ValueSource}) and the choice of keys
 * ({@link dev.catena.bench.Permutation}, {@link dev.catena.bench.ScrambledZipfian}) follow db_bench and YCSB, so that figures can
 * be set beside published ones.
 */
@NullMarked
package dev.catena.bench;

import org.jspecify.annotations.NullMarked;
