/**
 * Micro-benchmarks of chains, for {@code catena chains}. A {@link dev.catena.compare.chains.ChainCase} is what is measured; it is
 * opened in each {@link dev.catena.compare.chains.Setting}, a backend and a placement, for one
 * {@link dev.catena.compare.chains.Pass} at a time, so that nothing of one backend is there while another is measured.
 *
 * <p>They use the public chain API and nothing behind it.
 */
@NullMarked
package dev.catena.compare.chains;

import org.jspecify.annotations.NullMarked;
