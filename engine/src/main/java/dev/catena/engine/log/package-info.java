/**
 * The write-ahead log: what makes a synced write durable.
 */
@NullMarked
package dev.catena.engine.log;

import org.jspecify.annotations.NullMarked;
