package dev.catena.io.chain;

/** Rows: descriptors that make no sense are refused by Java before anything is issued, and by whoever steers. */
final class MalformedRows {
    private MalformedRows() {}

    static void addTo(Conformance.Table table) {
        table.row("malformed-refused-by-the-builder", MalformedRows::builder);
    }

    private static void builder(Fixture on) {
        Class<IllegalArgumentException> argument = IllegalArgumentException.class;
        Chain chain = on.chain.begin();
        for (int capacity : new int[] {-1, 0, 3, 8_192}) {
            Check.refused(argument, () -> on.lane.chain(capacity), "capacity " + capacity);
        }
        for (int window : new int[] {-1, 0, 65}) {
            Check.refused(argument, () -> chain.window(window), "window " + window);
        }
        for (int count : new int[] {-1, 0, 33}) {
            Check.refused(argument, () -> chain.nop().next(0, count), count + " successors");
        }
        for (long offset : new long[] {-8, 4, (1 << 20) - 4, 1 << 20}) {
            Check.refused(argument, () -> chain.nop().verify(on.region, offset), "a value at " + offset);
            Check.refused(argument, () -> chain.nop().storeSum(on.region, offset), "a value at " + offset);
            Check.refused(argument, () -> chain.nop().positionAt(on.region, offset), "an offset at " + offset);
        }
        chain.begin();
        for (int i = 0; i < Fixture.CAPACITY; i++) {
            chain.nop();
        }
        Check.refused(IllegalStateException.class, chain::nop, "a step more than the capacity");
        chain.begin();
    }
}
