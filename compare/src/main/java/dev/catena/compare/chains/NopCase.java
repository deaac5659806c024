package dev.catena.compare.chains;

import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import java.nio.file.Path;
import java.util.Map;

/**
 * Chains of steps that do nothing: what is left is the interpreter and io_uring's own way round. The program's own time for a step is
 * in its counters.
 */
final class NopCase extends ChainCase {
    private static final int STEPS = 4096;
    private static final int WINDOW = 1;

    private final int chains;

    NopCase(String name, int chains) {
        super(name, "chains of " + STEPS + " steps without I/O: the cost of a step itself");
        this.chains = Math.max(1, chains);
    }

    @Override
    public void prepare(Path directory) {}

    @Override
    public Pass open(Setting setting) {
        return new NopPass(setting);
    }

    private final class NopPass implements Pass {
        private final ChainRuntime runtime;
        private final Lane lane;
        private final Chain chain;

        NopPass(Setting setting) {
            runtime = setting.runtime();
            lane = setting.lane(runtime);
            chain = lane.chain(STEPS, "nop");
        }

        @Override
        public Figures run() {
            Stopwatch watch = new Stopwatch();
            for (int i = 0; i < chains; i++) {
                chain.begin().window(WINDOW);
                for (int step = 0; step < STEPS; step++) {
                    chain.nop();
                }
                watch.start();
                chain.run().throwIfFailed();
                watch.stop(STEPS);
            }
            return watch.figures(0);
        }

        @Override
        public Map<String, Long> counters() {
            return runtime.counters();
        }

        @Override
        public void close() {
            chain.close();
            lane.close();
            runtime.close();
        }
    }
}
