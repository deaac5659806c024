/**
 * Workloads and the recorder that measures them, independent of the store under test.
 */
@NullMarked
package dev.catena.bench;

import org.jspecify.annotations.NullMarked;
