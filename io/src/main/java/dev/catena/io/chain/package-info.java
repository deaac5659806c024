/**
 * Chains: short programs of I/O steps that run to one completion, whichever backend steers them.
 */
@NullMarked
package dev.catena.io.chain;

import org.jspecify.annotations.NullMarked;
