/**
 * How chains run: rings, files, the interpreter and the backends. Not for use outside this module.
 */
@NullMarked
package dev.catena.io.internal;

import org.jspecify.annotations.NullMarked;
