/**
 * The BPF programs as loadable objects, and libbpf through the foreign function API, in two layers: {@code LibBpf} is
 * libbpf's functions as they are, {@link dev.catena.bpf.BpfObject} with its maps and links is what the rest of Catena
 * uses. {@link dev.catena.bpf.Btf} reads type information, to choose a program by what the kernel passes to it and to
 * compare layouts.
 *
 * <p>The programs are in {@code bpf/src/main/bpf}: {@code hook.bpf.c} and {@code loop.bpf.c} steer chains, {@code
 * counter.bpf.c} counts what a process asks of the kernel.
 */
@NullMarked
package dev.catena.bpf;

import org.jspecify.annotations.NullMarked;
