package dev.catena.io.chain;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

/** Rows: chains that grow, many lanes, and ends of every kind: closed, killed, left by the program. */
final class LifeRows {
    private static final int BLOCK = 4_096;

    private LifeRows() {}

    static void addTo(Conformance.Table table) {
        table.row("growing-chain", LifeRows::growing);
        table.row("growing-chain-of-a-million-steps", LifeRows::million);
        table.row("woken-after-pauses", LifeRows::pauses);
        table.row("64-lanes-at-once", LifeRows::manyLanes);
        table.row("lanes-of-many-threads", LifeRows::manyThreads);
        table.row("threads-come-and-go", LifeRows::threads);
        table.row("chains-of-a-lane-in-order", LifeRows::laneOrder);
        table.row("accounts-add-up", LifeRows::accounts);
        table.row("close-with-chains-in-flight", LifeRows::close);
        table.row("killed-with-chains-in-flight", KilledProcess::check);
        table.detachingRow("program-misses-events", LifeRows::missedEvents);
        table.detachingRow("woken-after-pauses-without-program", LifeRows::pausesWithoutProgram);
        table.detachingRow("woken-after-pauses-without-bell", LifeRows::pausesWithoutBell);
        table.detachingRow("program-detached-in-mid-chain", LifeRows::detached);
        table.detachingRow("program-detached-with-requests-in-flight", LifeRows::detachedInFlight);
        table.detachingRow("program-detached-under-many-lanes", LifeRows::detachedUnderLanes);
    }

    private static void growing(Fixture on) throws IOException {
        byte[] content = Fixture.random(1 << 20, 60);
        Random random = new Random(Fixture.SEED);
        long sum = 0;
        Chain chain = on.chain;
        try (ChainFile target = on.target()) {
            on.put(0, content);
            chain.begin().window(8);
            chain.start();
            for (int i = 0; i < 1_024; i++) {
                if (i >= Fixture.CAPACITY) {
                    chain.awaitStep(i - Fixture.CAPACITY);
                }
                chain.write(target, on.region, i * 1024L, 1024, i * 1024L).accumulate();
                sum += Fixture.hash(content, i * 1024, 1024, i * 1024L);
                if (random.nextInt(8) == 0 || i % 32 == 31) {
                    chain.publish();
                }
            }
            chain.awaitStep(1_024 - Fixture.CAPACITY);
            chain.sync(target).barrier();
            chain.seal();
            ChainResult result = chain.await().throwIfFailed();
            Check.equal(1_025, result.completedSteps(), "steps done");
            Check.equal(sum, result.sum(), "sum");
        }
        Check.equal(content, on.targetBytes(), "what was written");
    }

    /** No-ops, with a read of a block now and then. */
    private static void million(Fixture on) throws IOException {
        int steps = Fixture.scaled(1_000_000, 10_000);
        int capacity = 1_024;
        int batch = 256;
        byte[] content = Fixture.random(BLOCK, 61);
        try (ChainFile source = on.source(content);
                Chain chain = on.lane.chain(capacity)) {
            chain.window(4).start();
            long reads = 0;
            for (int i = 0; i < steps; i++) {
                if (i % batch == 0) {
                    chain.publish();
                    if (i >= capacity) {
                        chain.awaitStep(i - capacity + batch - 1);
                    }
                }
                if (i % 997 == 0) {
                    chain.read(source, on.region, reads % 16 * BLOCK, BLOCK, 0).accumulate();
                    reads++;
                } else {
                    chain.nop();
                }
            }
            chain.seal();
            ChainResult result = chain.await().throwIfFailed();
            Check.equal(steps, result.completedSteps(), "steps done");
            Check.equal(reads * BLOCK, result.bytes(), "bytes");
            Check.equal(reads * Fixture.hash(content, 0, BLOCK, 0), result.sum(), "sum");
            Check.equal(steps, Fixture.issued(result), "requests");
        }
    }

    /**
     * Begins a chain, adds to one that has run dry, and waits for both, after pauses in which whoever submits has gone to sleep, or is about to:
     * nobody has to be woken a second time, but for some that a busy machine left asleep for long.
     */
    private static void pauses(Fixture on) throws IOException {
        int rounds = Fixture.scaled(60, 10);
        byte[] content = Fixture.random(2 * BLOCK, 72);
        long sum = Fixture.hash(content, 0, BLOCK, 0) + Fixture.hash(content, BLOCK, BLOCK, BLOCK);
        Random random = new Random(Fixture.SEED);
        Chain chain = on.chain;
        Map<String, Long> before = on.runtime.counters();
        try (ChainFile source = on.source(content)) {
            for (int i = 0; i < rounds; i++) {
                LockSupport.parkNanos(random.nextInt(12_000_000));
                chain.begin();
                chain.read(source, on.region, 0, BLOCK, 0).accumulate();
                chain.start();
                chain.awaitStep(0);
                LockSupport.parkNanos(random.nextInt(12_000_000));
                chain.read(source, on.region, 0, BLOCK, BLOCK).accumulate();
                chain.seal();
                Check.equal(sum, chain.await().throwIfFailed().sum(), "sum");
            }
        }
        for (Map.Entry<String, Long> counter : on.runtime.counters().entrySet()) {
            if (counter.getKey().startsWith("watchdog.")) {
                long more = counter.getValue() - before.get(counter.getKey());
                long allowed = counter.getKey().endsWith("lost-wakes") ? 0 : rounds / 10;
                Check.that(more <= allowed, counter.getKey() + " acted " + more + " times");
            }
        }
    }

    /** The program no longer sees that the submission thread's bell is rung, where there is one. */
    private static void pausesWithoutBell(Fixture on) throws IOException {
        RawChain raw = new RawChain(on);
        on.chain.nop();
        Fixture.succeeds(on.chain, 1);
        raw.stopSteeringOthers();
        pauses(on);
    }

    private static void pausesWithoutProgram(Fixture on) throws IOException {
        on.runtime.detachProgram();
        pauses(on);
    }

    /** Copies of a file, each by a lane of its own, all begun before the first is waited for. */
    private static final class Copies implements AutoCloseable {
        private static final int STEPS = 32;

        private final Fixture on;
        private final ChainFile source;
        private final byte[] content;
        private final List<Lane> lanes = new ArrayList<>();
        private final List<Chain> chains = new ArrayList<>();
        private final List<ChainFile> targets = new ArrayList<>();
        private final Region memory;
        private int more;

        Copies(Fixture on, int count) throws IOException {
            this.on = on;
            content = Fixture.random(STEPS / 2 * BLOCK, 62);
            source = on.source(content);
            memory = on.runtime.allocate((long) count * BLOCK, "row");
            for (int i = 0; i < count; i++) {
                Lane lane = on.runtime.lane(on.placement);
                lanes.add(lane);
                chains.add(lane.chain(STEPS));
                targets.add(on.open(on.path("copy" + i), ChainFile.Mode.CREATE));
            }
        }

        void start() {
            for (int i = 0; i < chains.size(); i++) {
                Chain chain = chains.get(i);
                for (int at = 0; at < content.length; at += BLOCK) {
                    chain.read(source, memory, (long) i * BLOCK, BLOCK, at).accumulate();
                    chain.write(targets.get(i), memory, (long) i * BLOCK, BLOCK, at);
                }
                chain.start();
            }
        }

        /** Has each chain read the first block once more. */
        void more() {
            more++;
            for (int i = 0; i < chains.size(); i++) {
                Chain chain = chains.get(i);
                chain.awaitStep(more - 1); // whose place it gets
                chain.read(source, memory, (long) i * BLOCK, BLOCK, 0).accumulate();
                chain.publish();
            }
        }

        void await() {
            long sum = more * Fixture.hash(content, 0, BLOCK, 0);
            for (int at = 0; at < content.length; at += BLOCK) {
                sum += Fixture.hash(content, at, BLOCK, at);
            }
            for (Chain chain : chains) {
                chain.seal();
            }
            for (Chain chain : chains) {
                ChainResult result = chain.await().throwIfFailed();
                Check.equal(STEPS + more, result.completedSteps(), "steps done");
                Check.equal(STEPS + more, Fixture.issued(result), "requests");
                Check.equal(sum, result.sum(), "sum");
            }
        }

        @Override
        public void close() {
            chains.forEach(Chain::close);
            lanes.forEach(Lane::close);
            targets.forEach(ChainFile::close);
            memory.close();
            source.close();
        }

        /** The files, once closed. */
        void check() throws IOException {
            for (int i = 0; i < chains.size(); i++) {
                Check.equal(content, Files.readAllBytes(on.path("copy" + i)), "copy " + i);
            }
        }
    }

    private static void manyLanes(Fixture on) throws IOException {
        Copies copies = new Copies(on, 64);
        try (copies) {
            copies.start();
            copies.await();
        }
        copies.check();
    }

    private static void manyThreads(Fixture on) throws Exception {
        byte[] content = Fixture.random(1 << 20, 63);
        int threads = Fixture.scaled(8, 2);
        try (ChainFile source = on.source(content)) {
            inThreads(Thread.ofPlatform(), threads, number -> {
                try (Lane lane = on.runtime.lane(on.placement);
                        Region memory = on.runtime.allocate(65_536, "row");
                        Chain chain = lane.chain(32)) {
                    for (int round = 0; round < 20; round++) {
                        chain.begin();
                        long sum = 0;
                        for (int i = 0; i < 16; i++) {
                            int at = (number * 16 + i) * 8_192;
                            chain.read(source, memory, 0, 8_192, at).accumulate();
                            sum += Fixture.hash(content, at, 8_192, at);
                        }
                        Check.equal(sum, Fixture.succeeds(chain, 16).sum(), "sum");
                    }
                }
            });
        }
    }

    /** More threads at once than rings that can be a thread's own, then others; virtual ones; a lane that goes from one to the next. */
    private static void threads(Fixture on) throws Exception {
        byte[] content = Fixture.random(16 * BLOCK, 71);
        long sum = 0;
        for (int at = 0; at < content.length; at += BLOCK) {
            sum += Fixture.hash(content, at, BLOCK, at);
        }
        long expected = sum;
        try (ChainFile source = on.source(content);
                Lane passed = on.runtime.lane(on.placement);
                Chain passedChain = passed.chain(16)) {
            CountDownLatch all = new CountDownLatch(20);
            inThreads(Thread.ofPlatform(), 20, number -> {
                try (Lane lane = on.runtime.lane(on.placement);
                        Chain chain = lane.chain(16)) {
                    readWhole(on, source, chain, number, expected);
                    all.countDown();
                    all.await(); // so that all live at the same time
                    readWhole(on, source, chain, number, expected);
                }
            });
            inThreads(Thread.ofVirtual(), 2, number -> {
                try (Lane lane = on.runtime.lane(on.placement);
                        Chain chain = lane.chain(16)) {
                    readWhole(on, source, chain, number, expected);
                }
            });
            for (int i = 0; i < 3; i++) {
                long doorbells = on.runtime.counters().get("program.doorbells");
                inThreads(Thread.ofPlatform(), 1, number -> readWhole(on, source, passedChain, number, expected));
                if (on.placement == Placement.IN_CONTEXT) {
                    long rung = on.runtime.counters().get("program.doorbells") - doorbells;
                    Check.equal(0L, rung, "doorbells: the thread has the ring of one that ended");
                }
            }
        }
    }

    private interface Work {
        void of(int number) throws Exception;
    }

    private static void inThreads(Thread.Builder builder, int count, Work work) throws InterruptedException {
        Throwable[] failures = new Throwable[count];
        Thread[] running = new Thread[count];
        for (int t = 0; t < count; t++) {
            int number = t;
            running[t] = builder.start(() -> {
                try {
                    work.of(number);
                } catch (Throwable e) {
                    failures[number] = e;
                }
            });
        }
        for (int t = 0; t < count; t++) {
            running[t].join();
        }
        for (Throwable failure : failures) {
            if (failure != null) {
                throw new AssertionError(failure);
            }
        }
    }

    private static void readWhole(Fixture on, ChainFile source, Chain chain, int number, long expected) {
        chain.begin();
        for (int i = 0; i < 16; i++) {
            chain.read(source, on.region, (long) number * BLOCK, BLOCK, (long) i * BLOCK)
                    .accumulate();
        }
        Check.equal(expected, Fixture.succeeds(chain, 16).sum(), "sum");
    }

    /** The second chain reads what the first wrote. */
    private static void laneOrder(Fixture on) throws IOException {
        byte[] content = Fixture.random(16 * BLOCK, 64);
        on.put(0, content);
        try (ChainFile target = on.target();
                Chain second = on.lane.chain(16)) {
            on.chain.begin();
            for (int i = 0; i < 16; i++) {
                on.chain.write(target, on.region, (long) i * BLOCK, BLOCK, (long) i * BLOCK);
                second.read(target, on.region, (1L << 19) + (long) i * BLOCK, BLOCK, (long) i * BLOCK);
            }
            on.chain.start();
            on.chain.seal();
            Fixture.succeeds(second, 16);
            Check.equal(16, on.chain.await().completedSteps(), "steps of the first chain");
        }
        Check.equal(content, on.bytes(1 << 19, content.length), "what the second chain read");
    }

    /** What the account of a lane's chains of a kind says is what their results said. */
    private static void accounts(Fixture on) throws IOException {
        String kind = "row " + on.placement;
        try (ChainFile source = on.source(Fixture.random(1_000, 67));
                Chain chain = on.lane.chain(16, kind)) {
            ChainAccount before = account(on, kind);
            long steps = 0;
            long bytes = 0;
            long requests = 0;
            for (int i = 0; i < 4; i++) {
                chain.begin();
                chain.read(source, on.region, 0, 1_000, 0).cut(400, 1);
                chain.read(source, on.region, 0, 1_000, 0).fault(5, 2).retryOnError(2);
                on.putLong(8_192, 0);
                Step third = chain.read(source, on.region, 0, 1_000, 0);
                if (i == 3) {
                    third.verify(on.region, 8_192);
                }
                chain.nop();
                ChainResult result = chain.run();
                Check.equal(i == 3 ? -74 : 0, result.result(), "result");
                steps += result.completedSteps();
                bytes += result.bytes();
                requests += Fixture.issued(result);
            }
            ChainAccount after = account(on, kind);
            Check.equal(4, after.chains() - before.chains(), "chains");
            Check.equal(1, after.failed() - before.failed(), "chains that failed");
            Check.equal(steps, after.steps() - before.steps(), "steps");
            Check.equal(bytes, after.bytes() - before.bytes(), "bytes");
            Check.equal(requests, after.completions() - before.completions(), "completions");
            Check.equal(
                    requests,
                    after.issuedByProgram() - before.issuedByProgram() + after.issuedByUser() - before.issuedByUser(),
                    "requests");
            Check.that(on.isKernel() == after.issuedByProgram() > 0, "the program issued " + after.issuedByProgram());
            Check.equal(8, after.retries() - before.retries(), "retries");
            Check.equal(4, after.shortIos() - before.shortIos(), "short transfers");
            Check.equal(1, after.drops() - before.drops(), "steps dropped");
            Check.equal(1, after.mismatches() - before.mismatches(), "wrong checksums");
        }
    }

    private static ChainAccount account(Fixture on, String kind) {
        for (ChainAccount account : on.runtime.accounts()) {
            if (account.kind().equals(kind)) {
                return account;
            }
        }
        throw new AssertionError("no account of kind " + kind);
    }

    private static void close(Fixture on) throws IOException {
        for (int count : new int[] {1, 4}) {
            Copies copies = new Copies(on, count);
            try (copies) {
                copies.start(); // and not sealed: close does that
            }
            copies.check();
        }
    }

    /** The program stays, but sees no more completions of the ring: the watchdog notices and Java carries on. */
    private static void missedEvents(Fixture on) throws IOException {
        if (!on.isKernel()) {
            throw new Skipped("no program, whose events could be missed");
        }
        if (on.backend.equals("kernel-loop")) {
            throw new Skipped("the program is the loop that takes the completions: it can miss none");
        }
        byte[] content = Fixture.random(64 * BLOCK, 68);
        RawChain raw = new RawChain(on);
        try (ChainFile source = on.source(content)) {
            long sum = 0;
            on.chain.begin().start();
            for (int i = 0; i < 64; i++) {
                on.chain
                        .read(source, on.region, (long) i * BLOCK, BLOCK, (long) i * BLOCK)
                        .accumulate();
                sum += Fixture.hash(content, i * BLOCK, BLOCK, (long) i * BLOCK);
                if (i == 20) {
                    on.chain.publish();
                    on.chain.awaitStep(10);
                    raw.stopSteering();
                }
            }
            on.chain.seal();
            ChainResult result = on.chain.await().throwIfFailed();
            Check.equal(64, result.completedSteps(), "steps done");
            Check.equal(64, Fixture.issued(result), "requests: each step issued once");
            Check.equal(sum, result.sum(), "sum");
            Check.that(result.issuedByUser() > 1, "Java issued " + result.issuedByUser());
            if (on.placement == Placement.RESIDENT) {
                Check.equal(1, on.runtime.counters().get("watchdog.hand-overs"), "rings handed over");
            }
        }
    }

    /** Detached when some steps are done and more are to come. */
    private static void detached(Fixture on) throws IOException {
        byte[] content = Fixture.random(1_024 * BLOCK, 65);
        try (ChainFile source = on.source(content);
                ChainFile target = on.target();
                Chain copy = on.lane.chain(2_048)) {
            long sum = 0;
            copy.start();
            for (int at = 0; at < content.length; at += BLOCK) {
                copy.read(source, on.region, at % Fixture.REGION_BYTES, BLOCK, at)
                        .accumulate();
                copy.write(target, on.region, at % Fixture.REGION_BYTES, BLOCK, at);
                sum += Fixture.hash(content, at, BLOCK, at);
                if (at == content.length / 2) {
                    copy.publish();
                    copy.awaitStep(300);
                    on.runtime.detachProgram();
                }
            }
            copy.seal();
            ChainResult result = copy.await().throwIfFailed();
            Check.equal(2_048, result.completedSteps(), "steps done");
            Check.equal(2L * content.length, result.bytes(), "bytes");
            Check.equal(sum, result.sum(), "sum");
            Check.equal(2_048, Fixture.issued(result), "requests: each step issued once");
            afterwards(on, source, content, 1);
        }
        Check.equal(content, on.targetBytes(), "the copy");
    }

    /** What was carried on goes on being served. */
    private static void afterwards(Fixture on, ChainFile source, byte[] content, int handOvers) {
        if (on.isKernel()) {
            Check.equal(handOvers, on.runtime.counters().get("watchdog.hand-overs"), "rings handed over");
        }
        on.chain.begin();
        on.chain.read(source, on.region, 0, BLOCK, 0).accumulate();
        Check.equal(Fixture.hash(content, 0, BLOCK, 0), on.succeeds(1).sum(), "sum of a chain afterwards");
    }

    /** Many requests in flight, their completions unseen by anyone. */
    private static void detachedInFlight(Fixture on) throws IOException {
        byte[] content = Fixture.random(512 * BLOCK, 66);
        try (ChainFile written = on.source(content);
                ChainFile source = on.runtime.open(written.path(), ChainFile.Mode.READ, ChainFile.Access.DIRECT);
                Region memory = on.runtime.allocate(content.length, "row");
                Chain chain = on.lane.chain(512)) {
            chain.window(32);
            long sum = 0;
            for (int i = 0; i < 512; i++) {
                chain.read(source, memory, (long) i * BLOCK, BLOCK, (long) i * BLOCK)
                        .accumulate();
                sum += Fixture.hash(content, i * BLOCK, BLOCK, (long) i * BLOCK);
            }
            chain.start();
            chain.awaitStep(3);
            on.runtime.detachProgram();
            chain.seal();
            ChainResult result = chain.await().throwIfFailed();
            Check.equal(512, result.completedSteps(), "steps done");
            Check.equal(sum, result.sum(), "sum");
            Check.equal(512, Fixture.issued(result), "requests: each step issued once");
        }
    }

    private static void detachedUnderLanes(Fixture on) throws IOException {
        Copies copies = new Copies(on, 8);
        try (copies) {
            copies.start();
            on.runtime.detachProgram();
            copies.more(); // a lane may have done all it had
            copies.await();
            if (on.isKernel()) {
                // On kernel-loop resident lanes share a ring, and so do those of one thread in context.
                int rings = on.backend.equals("kernel-loop") ? 1 : 8;
                Check.equal(rings, on.runtime.counters().get("watchdog.hand-overs"), "rings handed over");
            }
        }
        copies.check();
    }
}
