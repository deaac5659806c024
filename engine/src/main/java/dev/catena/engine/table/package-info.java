/**
 * Immutable sorted files: blocks, filters, checksums, and the cache in front of them.
 */
@NullMarked
package dev.catena.engine.table;

import org.jspecify.annotations.NullMarked;
