/**
 * The BPF programs as loadable objects, the chain ABI's constants, and libbpf through the foreign function API.
 */
@NullMarked
package dev.catena.bpf;

import org.jspecify.annotations.NullMarked;
