/**
 * What a store tells about itself: to a {@link dev.catena.engine.StoreListener}, to Java Flight Recorder, and in the file {@code LOG}.
 *
 * <p>The threads that work only note what happens ({@link dev.catena.engine.event.Events}); a thread of its own tells it on, so that
 * neither a slow listener nor a full disk holds up the store. Flight recorder events are committed by the thread that worked.
 */
@NullMarked
package dev.catena.engine.event;

import org.jspecify.annotations.NullMarked;
