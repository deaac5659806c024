package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.io.IOException;

/** Rows: what follows on a step: retry, jump, stop, loop, budget. */
final class SteeringRows {
    private static final int EBADF = 9;

    private SteeringRows() {}

    static void addTo(Conformance.Table table) {
        table.row("retry-n", SteeringRows::retries);
        table.row("stop-on-error-drops-what-follows", SteeringRows::stop);
        table.row("jump-on-error", SteeringRows::jump);
        table.row("jump-over-steps-and-back", SteeringRows::jumpBack);
        table.row("step-budget-exhausted", SteeringRows::budget);
        table.row("endless-loop-of-one-step", on -> loop(on, 1));
        table.row("endless-loop-of-seven-steps", on -> loop(on, 7));
        table.row("endless-loop-of-jumps", SteeringRows::loopOfJumps);
    }

    /** The file is open for reading: writing is EBADF, as often as it is tried. */
    private static void retries(Fixture on) throws IOException {
        try (ChainFile source = on.source(new byte[100])) {
            for (int times : new int[] {0, 1, 3, 255}) {
                on.chain.begin();
                on.chain.write(source, on.region, 0, 100, 0).retryOnError(times);
                on.chain.nop();
                ChainResult result = on.fails(EBADF, 0, 0);
                Check.equal(times, result.retries(), "retries");
                Check.equal(times + 1, Fixture.issued(result), "requests");
            }
        }
    }

    private static void stop(Fixture on) throws IOException {
        byte[] content = Fixture.random(4 * 100, 30);
        on.put(0, content);
        for (int failing = 0; failing < 4; failing++) {
            try (ChainFile source = on.source(new byte[100]);
                    ChainFile target = on.target()) {
                on.chain.begin();
                for (int i = 0; i < 4; i++) {
                    on.chain.write(i == failing ? source : target, on.region, i * 100L, 100, i * 100L);
                }
                ChainResult result = on.fails(EBADF, failing, failing);
                Check.equal(failing + 1, Fixture.issued(result), "requests");
                Check.equal(failing * 100L, target.size(), "bytes written");
            }
        }
    }

    private static void jump(Fixture on) throws IOException {
        try (ChainFile source = on.source(new byte[100])) {
            on.chain.begin();
            on.chain.write(source, on.region, 0, 100, 0).jumpOnError(1);
            on.chain.read(source, on.region, 512, 100, 0).join(1);
            Check.equal(100, on.succeeds(1).bytes(), "bytes");

            // Over 1 to 5 steps that are left out, joins and others, and on in order behind the target.
            for (int target = 2; target <= 6; target++) {
                on.chain.begin();
                on.chain.write(source, on.region, 0, 100, 0).jumpOnError(target);
                int steps = 0;
                for (int i = 1; i < 8; i++) {
                    boolean joins = i % 2 == 0;
                    on.chain.read(source, on.region, i * 512L, 100, 0).join(joins ? 1 : 0);
                    steps += i == target || (i > target && !joins) ? 1 : 0;
                }
                ChainResult result = on.succeeds(steps);
                Check.equal(100L * result.completedSteps(), result.bytes(), "bytes");
                Check.equal(result.completedSteps() + 1, Fixture.issued(result), "requests");
            }
        }
    }

    /** 0 fails, jumps to 2; 2 fails, jumps to 1; 1 is done. The order of steps says nothing to jumps. */
    private static void jumpBack(Fixture on) throws IOException {
        try (ChainFile source = on.source(new byte[100])) {
            on.chain.begin().budget(3);
            on.chain.write(source, on.region, 0, 100, 0).jumpOnError(2);
            on.chain.read(source, on.region, 512, 60, 0).join(1);
            on.chain.write(source, on.region, 0, 100, 0).join(1).jumpOnError(1);
            ChainResult result = on.succeeds(1);
            Check.equal(60, result.bytes(), "bytes");
            Check.equal(3, Fixture.issued(result), "requests");
        }
    }

    private static void budget(Fixture on) throws IOException {
        on.put(0, Fixture.random(1_000, 31));
        for (int budget = 1; budget <= 10; budget++) {
            try (ChainFile target = on.target()) {
                on.chain.begin().budget(budget);
                for (int i = 0; i < 10; i++) {
                    on.chain.write(target, on.region, i * 100L, 100, i * 100L);
                }
                ChainResult result = budget == 10 ? on.succeeds(10) : on.fails(Errno.ELOOP, budget, budget);
                Check.equal(budget, Fixture.issued(result), "requests");
                Check.equal(budget * 100L, target.size(), "bytes written");
            }
        }
    }

    private static void loop(Fixture on, int steps) {
        int budget = Fixture.scaled(100_000, 1_000);
        on.chain.begin().budget(budget);
        for (int i = 0; i < steps; i++) {
            on.chain.nop().next((i + 1) % steps).join(i == 0 ? 0 : 1);
        }
        ChainResult result = on.fails(Errno.ELOOP, budget % steps, budget);
        Check.equal(budget, Fixture.issued(result), "requests");
    }

    private static void loopOfJumps(Fixture on) throws IOException {
        try (ChainFile source = on.source(new byte[100])) {
            on.chain.begin().budget(1_000);
            on.chain.write(source, on.region, 0, 100, 0).jumpOnError(1);
            on.chain.write(source, on.region, 0, 100, 0).join(1).jumpOnError(0);
            Check.equal(1_000, Fixture.issued(on.fails(Errno.ELOOP, 0, 0)), "requests");
        }
    }
}
