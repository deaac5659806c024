/**
 * Off-heap memory that a chain's steps may read and write.
 */
@NullMarked
package dev.catena.io.memory;

import org.jspecify.annotations.NullMarked;
