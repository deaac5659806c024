/** The BPF programs, the chain ABI and the binding of libbpf. */
module dev.catena.bpf {
    requires static transitive org.jspecify;

    exports dev.catena.bpf to
            dev.catena.io,
            dev.catena.compare;
}
