/** Workloads and the recorder that measures them. */
module dev.catena.bench {
    requires static transitive org.jspecify;
    requires transitive dev.catena.engine;
    requires transitive HdrHistogram;
    requires transitive jmh.core;

    exports dev.catena.bench;
    exports dev.catena.bench.station;
}
