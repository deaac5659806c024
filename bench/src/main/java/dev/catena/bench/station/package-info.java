/**
 * Micro-benchmarks of the stations that a put, a get and a step of an iterator pass, each by itself: {@code bin/catena jmh}. With
 * {@code -prof gc} they also show that none of them allocates.
 *
 * <p>{@link dev.catena.bench.station.LoadedStore} is the store that is read: where its entries lie is a parameter.
 */
@NullMarked
package dev.catena.bench.station;

import org.jspecify.annotations.NullMarked;
