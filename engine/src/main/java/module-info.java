/** The store. */
module dev.catena.engine {
    requires static transitive org.jspecify;
    requires dev.catena.io;
    requires aircompressor.v3;

    exports dev.catena.engine;
}
