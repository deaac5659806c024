/**
 * Which tables make up the store at a moment, and the manifest that records it.
 */
@NullMarked
package dev.catena.engine.version;

import org.jspecify.annotations.NullMarked;
