/**
 * What an entry is, and how sorted entries are walked and merged.
 *
 * <p>An <b>entry</b> is one version of one key: the user's key, a <b>trailer</b> and a value. The trailer is a 64-bit number,
 * {@code sequence << 8 | kind}: the sequence number of the write that made the version, and whether it put a value, deleted the
 * key, or added an operand to be merged. Entries are ordered by user key (bytes, unsigned, ascending) and within a key by trailer, descending: newest first. So a
 * reader at snapshot {@code s} that seeks to (key, {@code s << 8 | 0xff}) stands on the newest version it may see.
 *
 * <p>Reading order: {@link dev.catena.engine.entry.Keys} (the order), {@link dev.catena.engine.entry.InternalIterator} (what the
 * memtable, a table, a level and a merge of them all look like, up and down), {@link dev.catena.engine.entry.MergingIterator}; for many
 * lookups at once {@link dev.catena.engine.entry.MultiLookup}.
 *
 * <p>Everything here works on raw off-heap addresses ({@link dev.catena.engine.entry.Memory}), because keys and values of
 * memtable, cache and table builder all live there and a comparison costs a few nanoseconds.
 */
@NullMarked
package dev.catena.engine.entry;

import org.jspecify.annotations.NullMarked;
