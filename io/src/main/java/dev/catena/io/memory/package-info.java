/**
 * Off-heap memory of one owner each, the hash that kernel and user space share, and what threads wait on.
 *
 * <p>{@link dev.catena.io.memory.NativeMemory} is for what only Java reads (memtables, cached blocks); what chains read
 * and write is a {@link dev.catena.io.chain.Region}.
 */
@NullMarked
package dev.catena.io.memory;

import org.jspecify.annotations.NullMarked;
