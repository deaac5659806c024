/**
 * How chains run: the shared memory, the rings, the interpreter, the drivers of lanes. Not for use outside this module.
 *
 * <p>{@link dev.catena.io.internal.Backend} names the ways; a {@link dev.catena.io.internal.Driver} runs the chains of
 * one lane: {@code RingDriver} in the caller's context (all of {@code user}, and the in-context placement of the kernel
 * backends; on {@code kernel-loop} {@code LoopDriver} chooses the calling thread's), {@code ResidentDriver} on a {@code
 * ResidentRing}: the lane's own, which the kernel's submission thread serves ({@code PolledRing}), or that of all lanes,
 * which a thread of ours serves ({@code LoopRing}), {@code PortableDriver} over file channels. {@code Interpreter} is the program in Java; {@link dev.catena.io.internal.ChainLayout} and
 * {@link dev.catena.io.internal.SharedMemory} are what it shares with the kernel. Chains are named by number here, and
 * everything is an offset.
 */
@NullMarked
package dev.catena.io.internal;

import org.jspecify.annotations.NullMarked;
