/**
 * What was written since the last flush, sorted, off the heap.
 *
 * <p>Every write goes to the log and to the newest {@link dev.catena.engine.memtable.Memtable}. When that is full, a new one takes
 * its place and the full one, which nobody writes any more, is read in order and written as a table; readers that still use it keep
 * it alive. The heap holds nothing but the {@code Memtable} object: a store's garbage does not grow with its data.
 *
 * <p>A skip list, because one writer can add to it while any number of readers search it, without a lock between them, and because
 * keys and values are copied once, to where they stay until the memtable is freed as a whole.
 */
@NullMarked
package dev.catena.engine.memtable;

import org.jspecify.annotations.NullMarked;
