/** The store. */
module dev.catena.engine {
    requires static transitive org.jspecify;
    requires dev.catena.io;
    requires aircompressor.v3;
    requires jdk.jfr;

    exports dev.catena.engine;
    exports dev.catena.engine.entry to
            dev.catena.bench;
    exports dev.catena.engine.memtable to
            dev.catena.bench;
}
