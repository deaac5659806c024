/** Workloads and the recorder that measures them. */
module dev.catena.bench {
    requires static transitive org.jspecify;
    requires transitive dev.catena.engine;
    requires transitive HdrHistogram;

    exports dev.catena.bench;
}
