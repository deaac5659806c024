/** The store. */
module dev.catena.engine {
    requires static transitive org.jspecify;
    requires dev.catena.io;
    requires aircompressor.v3;
    requires jdk.jfr;

    exports dev.catena.engine;
}
