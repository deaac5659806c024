/**
 * Which tables make up the store at a moment, and the manifest that records it.
 *
 * <p>A {@link dev.catena.engine.version.Version} is a set of tables by level, immutable and counted; a change makes a new one. Each
 * column family has a {@link dev.catena.engine.version.VersionSet}, which makes changes, and the store a
 * {@link dev.catena.engine.version.Catalog} of them, which makes them one at a time: it writes a
 * {@link dev.catena.engine.version.Manifest} that says what is to be, and when that is durable lets readers have it. A table whose
 * last version goes is closed, and deleted if no manifest names it.
 *
 * <p>The manifest is one small file, a whole snapshot with a checksum, replaced at once: nothing to replay, nothing to truncate. At the
 * sizes meant here (thousands of tables) writing it anew costs less than the sync that follows.
 *
 * <p>{@link dev.catena.engine.version.StoreHealth} is where the first failure is noted that makes a store read-only.
 */
@NullMarked
package dev.catena.engine.version;

import org.jspecify.annotations.NullMarked;
