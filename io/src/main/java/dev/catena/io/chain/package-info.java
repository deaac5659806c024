/**
 * Chains: short programs of I/O steps that run to one completion, whichever backend steers them.
 *
 * <p>{@link dev.catena.io.chain.ChainRuntime} is the way in: it opens the best backend that works and gives out memory
 * ({@link dev.catena.io.chain.Region}), files ({@link dev.catena.io.chain.ChainFile}) and lanes
 * ({@link dev.catena.io.chain.Lane}). A {@link dev.catena.io.chain.Chain} is made on a lane, filled with steps, run.
 * {@link dev.catena.io.chain.ChunkWriter} and {@link dev.catena.io.chain.ChunkReader} are chains that grow: whole files,
 * written and read back with a checksum for every 64 KiB.
 *
 * <p>The model, the costs and the backends are described in {@code docs/CHAINS.md}.
 */
@NullMarked
package dev.catena.io.chain;

import org.jspecify.annotations.NullMarked;
