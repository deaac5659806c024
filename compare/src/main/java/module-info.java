/** The {@code catena} command: comparison with RocksDB, doctor, and a look into a store. */
open module dev.catena.compare {
    requires static transitive org.jspecify;
    requires com.google.gson;
    requires dev.catena.bench;
    requires dev.catena.bpf;
    requires dev.catena.io;
    requires info.picocli;
    requires jmh.core;
    requires java.management;
    requires jdk.management;
    requires rocksdbjni;
}
