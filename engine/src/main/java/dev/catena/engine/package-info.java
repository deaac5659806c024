/**
 * The store: an embedded, ordered key-value map on disk.
 *
 * <p>{@link dev.catena.engine.Db} is what a program uses; {@code Store} is the machine behind it:
 *
 * <pre>
 *   put ──▶ log's ring ──▶ memtable ──▶ visible          a synced put then waits for the log
 *             │               │ full
 *             ▼               ▼
 *          log file        flush ──▶ level 0 ──▶ compaction ──▶ … level 6
 *
 *   get ──▶ memtable, full memtables, level 0 newest first, one table of each level below
 * </pre>
 *
 * <p><b>One order.</b> Sequence numbers, the log's bytes and the memtable's entries come to be under one short lock, in one order. So
 * what a crash leaves is always a beginning of what was written, and a snapshot is a number.
 *
 * <p><b>Column families</b> are maps of their own in one store ({@link dev.catena.engine.ColumnFamily}; inside, {@code Family}): each has
 * memtables, tables and options, so that it is flushed, compacted and dropped on its own. Log, sequence numbers and manifest are shared, so
 * that a batch over several families is one record, and a snapshot is of all of them.
 *
 * <p><b>The order of keys</b> is a family's own, too: unsigned bytes, or what a {@link dev.catena.engine.KeyComparator} says, by the name that the
 * manifest keeps. Everything inside asks {@link dev.catena.engine.entry.KeyOrder}.
 *
 * <p><b>Readers take no lock.</b> They pin a {@code ReadState}, the memtables and the version of a moment, which is replaced and never
 * changed; what nobody pins any more is freed. An iterator so sees the store as it was, and compaction need not keep old versions of
 * keys for it: the iterator keeps the tables. A {@link dev.catena.engine.Snapshot}, which may live long, keeps no tables: for it
 * compaction keeps the versions that it sees.
 *
 * <p><b>Closing</b> is safe under use: a gate lets running operations finish and refuses new ones, iterators are closed under their
 * users, who get a {@link dev.catena.engine.StoreClosedException}.
 *
 * <p><b>Failure.</b> Damage is reported with file and offset and never returned as data; a damaged table is left alone
 * ({@code Damages}), one that cannot be opened, too, and the rest goes on. After a failed write nothing is tried again (but a compaction that only lacked room):
 * the store is read-only until it is opened anew, and then has everything that was acknowledged as durable.
 *
 * <p><b>Whole stores.</b> A checkpoint is a second store that shares the tables by hard links; it appears under its name whole or not at
 * all ({@code Checkpoint}). A store opened for reading is read, logs and all, without a byte of the directory changed; any number of
 * processes may, while none writes ({@code DirectoryLock}).
 *
 * <p><b>Telling.</b> Each flush and compaction, with its reason, goes to a listener, the flight recorder and the file {@code LOG}
 * ({@link dev.catena.engine.event}). What the store was opened with stands in the file {@code OPTIONS} ({@code OptionsFile}).
 *
 * <p>Reading order: {@code Db}, {@code Store}, {@code Family}, {@code ReadState}, {@code DbIterator}, {@code Snapshot}; then {@code Recovery},
 * {@code Verifier}. Below: {@link dev.catena.engine.entry}, {@link dev.catena.engine.memtable}, {@link dev.catena.engine.log},
 * {@link dev.catena.engine.table}, {@link dev.catena.engine.version}, {@link dev.catena.engine.compaction}.
 */
@NullMarked
package dev.catena.engine;

import org.jspecify.annotations.NullMarked;
