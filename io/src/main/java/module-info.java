/** Chains of I/O steps, the memory they work on, and the backends that run them. */
module dev.catena.io {
    requires static transitive org.jspecify;
    requires dev.catena.bpf;
    requires jdk.jfr;

    exports dev.catena.io.chain;
    exports dev.catena.io.memory;
}
