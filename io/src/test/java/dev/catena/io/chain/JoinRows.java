package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** Rows: many steps of a chain in flight: fan-out and join, windows, barriers, full rings. */
final class JoinRows {
    private static final int LEAVES_AT = 0;
    private static final int SUMS_AT = 4_096;

    private JoinRows() {}

    static void addTo(Conformance.Table table) {
        for (int width = 2; width <= 5; width++) {
            int branches = width;
            table.row("join-of-" + width + "-in-every-order", on -> everyOrder(on, branches));
        }
        table.row("join-of-6-to-32-in-many-orders", JoinRows::manyOrders);
        table.row("fan-out-of-reads-and-join", JoinRows::reads);
        table.row("join-of-joins", JoinRows::tree);
        table.row("more-arrivals-than-awaited", JoinRows::moreArrivals);
        table.row("join-in-a-loop", JoinRows::loop);
        table.row("windows-1-to-64", JoinRows::windows);
        table.row("barrier-waits-for-all", JoinRows::barriers);
        table.row("barrier-waits-for-a-long-branch", JoinRows::longBranch);
        table.row("submission-ring-full-of-no-ops", on -> flood(on, false));
        table.row("submission-ring-full-of-reads", on -> flood(on, true));
        table.row("ring-full-of-many-lanes", JoinRows::floodOfLanes);
        table.row("completion-queue-full", JoinRows::completionsPile);
    }

    private static void everyOrder(Fixture on, int width) {
        try (Orders orders = new Orders(on, width)) {
            permutations(new ArrayList<>(), width, orders::run);
        }
    }

    private static void manyOrders(Fixture on) {
        Random random = new Random(Fixture.SEED);
        for (int width = 6; width <= 32; width++) {
            try (Orders orders = new Orders(on, width)) {
                List<Integer> order = new ArrayList<>();
                for (int i = 0; i < width; i++) {
                    order.add(i);
                }
                for (int i = 0; i < Fixture.scaled(width, 1); i++) {
                    orders.run(order);
                    Collections.rotate(order, 1);
                }
                for (int i = 0; i < Fixture.scaled(10, 1); i++) {
                    Collections.shuffle(order, random);
                    orders.run(order);
                }
            }
        }
    }

    private interface OrderTaker {
        void take(List<Integer> order);
    }

    private static void permutations(List<Integer> begun, int width, OrderTaker taker) {
        if (begun.size() == width) {
            taker.take(begun);
        }
        for (int i = 0; i < width; i++) {
            if (!begun.contains(i)) {
                begun.add(i);
                permutations(begun, width, taker);
                begun.removeLast();
            }
        }
    }

    /**
     * A fan-out whose branches complete in an order that is asked for: the branch that is to be the k-th has k no-ops
     * before its last step, which adds its leaf to the chain's sum and stores the sum: so the order shows afterwards.
     */
    private static final class Orders implements AutoCloseable {
        private final Fixture on;
        private final int width;
        private final Chain chain;
        private final long[] hashes;

        Orders(Fixture on, int width) {
            this.on = on;
            this.width = width;
            this.chain = on.lane.chain(Integer.highestOneBit(2 + width * (width + 1) / 2) * 2);
            byte[] leaves = Fixture.random(8 * width, width);
            on.put(LEAVES_AT, leaves);
            hashes = new long[width];
            for (int i = 0; i < width; i++) {
                hashes[i] = Fixture.hash(leaves, 8 * i, 8, 0);
            }
        }

        /** {@code order}: the branches, first to complete first. */
        void run(List<Integer> order) {
            int total = 2 + width * (width + 1) / 2;
            int join = total - 1;
            chain.begin();
            chain.nop().next(1, width);
            int rest = 1 + width; // the next step of the branch's path, after its first
            for (int branch = 0; branch < width; branch++) {
                int place = order.indexOf(branch);
                Step first = chain.nop().join(1);
                if (place == 0) {
                    leaf(first, branch, join);
                } else {
                    first.next(rest);
                    rest += place;
                }
            }
            for (int branch = 0; branch < width; branch++) {
                for (int left = order.indexOf(branch); left > 0; left--) {
                    Step step = chain.nop().join(1);
                    if (left == 1) {
                        leaf(step, branch, join);
                    } else {
                        step.next(chain.size());
                    }
                }
            }
            chain.nop().join(width).storeSum(on.region, SUMS_AT + 8L * width);
            Check.equal(total, chain.size(), "steps added");
            ChainResult result = Fixture.succeeds(chain, total);
            long sum = 0;
            for (int branch : order) {
                sum += hashes[branch];
                Check.equal(sum, on.getLong(SUMS_AT + 8 * branch), "branch " + branch + " of order " + order);
            }
            Check.equal(sum, result.sum(), "sum");
            Check.equal(sum, on.getLong(SUMS_AT + 8 * width), "sum at the join, which comes last");
        }

        private void leaf(Step step, int branch, int join) {
            step.over(on.region, LEAVES_AT + 8L * branch, 8)
                    .seed(0)
                    .accumulate()
                    .storeSum(on.region, SUMS_AT + 8L * branch)
                    .next(join);
        }

        @Override
        public void close() {
            chain.close();
        }
    }

    private static void reads(Fixture on) throws IOException {
        for (int width : new int[] {2, 3, 7, 16, 31, 32}) {
            byte[] content = Fixture.random(width * 512, 40 + width);
            try (ChainFile source = on.source(content);
                    ChainFile target = on.target()) {
                on.chain.begin();
                on.chain.nop().next(1, width);
                long sum = 0;
                for (int i = 0; i < width; i++) {
                    on.chain
                            .read(source, on.region, i * 512L, 512, i * 512L)
                            .accumulate()
                            .join(1)
                            .next(width + 1);
                    sum += Fixture.hash(content, i * 512, 512, i * 512L);
                }
                on.chain.write(target, on.region, 0, width * 512, 0).join(width);
                Check.equal(sum, on.succeeds(width + 2).sum(), "sum");
            }
            Check.equal(content, on.targetBytes(), "the copy");
        }
    }

    /** 1 to 4 to 16, to 4, to 1. */
    private static void tree(Fixture on) {
        Chain chain = on.chain.begin();
        chain.nop().next(1, 4);
        for (int i = 0; i < 4; i++) {
            chain.nop().join(1).next(5 + 4 * i, 4);
        }
        for (int i = 0; i < 16; i++) {
            chain.nop().over(on.region, 0, 64).accumulate().join(1).next(21 + i % 4);
        }
        for (int i = 0; i < 4; i++) {
            chain.nop().storeSum(on.region, SUMS_AT + 8L * i).join(4).next(25);
        }
        chain.nop().join(4).storeSum(on.region, SUMS_AT + 32);
        long sum = on.succeeds(26).sum();
        Check.equal(16 * Fixture.hash(on.bytes(0, 64), 0, 64, 0), sum, "sum");
        Check.equal(sum, on.getLong(SUMS_AT + 32), "sum at the last join");
    }

    /** Three branches arrive where one is awaited: the first begins the step, the others find it begun, or done. */
    private static void moreArrivals(Fixture on) {
        Chain chain = on.chain.begin();
        chain.nop().next(1, 3);
        for (int i = 0; i < 3; i++) {
            chain.nop().join(1).next(4);
        }
        chain.nop().join(1).over(on.region, 0, 64).accumulate();
        Check.equal(Fixture.hash(on.bytes(0, 64), 0, 64, 0), on.succeeds(5).sum(), "sum: the step was done once");
    }

    /** A fan-out to a short and a long branch, which join and begin again: each round takes as many requests. */
    private static void loop(Fixture on) {
        on.put(0, Fixture.random(64, 45));
        int rounds = 50;
        Chain chain = on.chain.begin().budget(rounds * 6);
        chain.nop().next(1, 2);
        chain.nop().join(1).next(5);
        chain.nop().join(1).next(3);
        chain.nop().join(1).next(4);
        chain.nop().join(1).next(5);
        chain.nop().join(2).over(on.region, 0, 64).accumulate().next(0);
        long sum = on.fails(Errno.ELOOP, 0, rounds * 6).sum();
        Check.equal(rounds * Fixture.hash(on.bytes(0, 64), 0, 64, 0), sum, "sum: the join was passed once a round");
    }

    private static void windows(Fixture on) throws IOException {
        byte[] content = Fixture.random(60 * 4_096, 41);
        try (ChainFile source = on.source(content)) {
            for (int window : new int[] {1, 2, 16, 64}) {
                on.region.segment().fill((byte) 0);
                on.chain.begin().window(window);
                for (int i = 0; i < 60; i++) {
                    on.chain
                            .read(source, on.region, i * 4_096L, 4_096, i * 4_096L)
                            .accumulate();
                }
                on.succeeds(60);
                Check.equal(content, on.bytes(0, content.length), "what was read with a window of " + window);
            }
        }
    }

    /** Groups of reads, a barrier that stores the sum so far after each: exactly the groups before must be in it. */
    private static void barriers(Fixture on) throws IOException {
        byte[] content = Fixture.random(1 << 16, 42);
        try (ChainFile source = on.source(content);
                ChainFile target = on.target()) {
            on.chain.begin().window(64);
            long[] sums = new long[6];
            long sum = 0;
            for (int group = 0; group < 6; group++) {
                for (int i = 0; i < 8; i++) {
                    int at = (group * 8 + i) * 1_024;
                    on.chain.read(source, on.region, at, 1_024, at).accumulate();
                    sum += Fixture.hash(content, at, 1_024, at);
                }
                sums[group] = sum;
                on.chain.nop().barrier().storeSum(on.region, (1 << 19) + 8L * group);
            }
            on.chain.write(target, on.region, 0, 6 * 8 * 1_024, 0).barrier();
            on.chain.sync(target).barrier();
            Check.equal(sum, on.succeeds(56).sum(), "sum");
            for (int group = 0; group < 6; group++) {
                Check.equal(sums[group], on.getLong((1 << 19) + 8 * group), "sum at barrier " + group);
            }
        }
        Check.equal(Arrays.copyOf(content, 6 * 8 * 1_024), on.targetBytes(), "written after the last barrier");
    }

    /** The barrier's turn comes at once, but a branch of thirty no-ops is on its way. */
    private static void longBranch(Fixture on) {
        on.put(0, Fixture.random(64, 46));
        Chain chain = on.chain.begin().window(64);
        chain.nop().next(1);
        for (int i = 1; i < 30; i++) {
            chain.nop().join(1).next(i + 1);
        }
        chain.nop().join(1).over(on.region, 0, 64).accumulate();
        chain.nop().barrier().storeSum(on.region, SUMS_AT);
        chain.nop().storeSum(on.region, SUMS_AT + 8);
        long sum = on.succeeds(33).sum();
        Check.equal(Fixture.hash(on.bytes(0, 64), 0, 64, 0), sum, "sum");
        Check.equal(sum, on.getLong(SUMS_AT), "sum at the barrier");
        Check.equal(sum, on.getLong(SUMS_AT + 8), "sum behind the barrier");
    }

    /** 1 to 32 to 1,024 requests at once: more than a ring has entries. All must be done in the end. */
    private static void flood(Fixture on, boolean reads) throws IOException {
        byte[] content = Fixture.random(1_024 * 512, 43);
        try (ChainFile source = on.source(content);
                Chain chain = on.lane.chain(2_048)) {
            on.region.segment().fill((byte) 0);
            flood(on, chain, source, reads);
            long sum = 0;
            for (int i = 0; i < 1_024; i++) {
                sum += Fixture.hash(content, i * 512, 512, i * 512L);
            }
            ChainResult result = Fixture.succeeds(chain, 1 + 32 + 1_024 + 1);
            Check.equal(reads ? sum : 0, result.sum(), "sum");
            Check.equal(result.sum(), on.getLong((1 << 20) - 8), "sum at the join");
            if (reads) {
                Check.equal(content, on.bytes(0, content.length), "what was read");
            }
        }
    }

    private static void flood(Fixture on, Chain chain, ChainFile source, boolean reads) {
        chain.nop().next(1, 32);
        for (int i = 0; i < 32; i++) {
            chain.nop().join(1).next(33 + 32 * i, 32);
        }
        for (int i = 0; i < 1_024; i++) {
            Step step = reads
                    ? chain.read(source, on.region, i * 512L, 512, i * 512L).accumulate()
                    : chain.nop();
            step.join(1).next(33 + 1_024);
        }
        chain.nop().join(1_024).storeSum(on.region, (1 << 20) - 8);
    }

    /** 64 lanes with 64 reads each in flight, past the page cache: where lanes share a ring it is full, of others' requests. */
    private static void floodOfLanes(Fixture on) throws IOException {
        byte[] content = Fixture.random(4_096, 47);
        int lanes = 64;
        int reads = Fixture.scaled(255, 80);
        List<Lane> open = new ArrayList<>();
        List<Chain> chains = new ArrayList<>();
        try (ChainFile written = on.source(content);
                ChainFile source = on.runtime.open(written.path(), ChainFile.Mode.READ, ChainFile.Access.DIRECT)) {
            for (int i = 0; i < lanes; i++) {
                Lane lane = on.runtime.lane(on.placement);
                open.add(lane);
                Chain chain = lane.chain(256).window(64);
                chains.add(chain);
                for (int k = 0; k < reads; k++) {
                    chain.read(source, on.region, i * 4_096L, 4_096, 0).accumulate();
                }
                chain.nop().barrier().storeSum(on.region, (1 << 19) + 8L * i);
            }
            chains.forEach(Chain::start);
            chains.forEach(Chain::seal);
            long sum = reads * Fixture.hash(content, 0, 4_096, 0);
            for (int i = 0; i < lanes; i++) {
                ChainResult result = chains.get(i).await().throwIfFailed();
                Check.equal(reads + 1, result.completedSteps(), "steps done");
                Check.equal(sum, result.sum(), "sum");
                Check.equal(sum, on.getLong((1 << 19) + 8 * i), "sum at the barrier");
            }
            chains.forEach(Chain::close);
        } finally {
            open.forEach(Lane::close);
        }
    }

    /** As before, past the page cache and with nobody reaping for a while: completions pile up. */
    private static void completionsPile(Fixture on) throws IOException {
        byte[] content = Fixture.random(1_024 * 512, 44);
        long sum = 0;
        for (int i = 0; i < 1_024; i++) {
            sum += Fixture.hash(content, i * 512, 512, i * 512L);
        }
        try (ChainFile written = on.source(content);
                ChainFile source = on.runtime.open(written.path(), ChainFile.Mode.READ, ChainFile.Access.DIRECT);
                Chain chain = on.lane.chain(2_048)) {
            flood(on, chain, source, true);
            chain.start();
            for (int i = 0; i < 100; i++) {
                chain.publish();
                Thread.yield();
            }
            chain.seal();
            ChainResult result = chain.await().throwIfFailed();
            Check.equal(1 + 32 + 1_024 + 1, result.completedSteps(), "steps done");
            Check.equal(sum, result.sum(), "sum");
        }
    }
}
