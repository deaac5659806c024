package dev.catena.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.IntFunction;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * One run of a workload on a store, in two steps so that somebody outside can count just what the operations cost: the constructor
 * starts the threads and opens their sessions, {@link #run} lets them go and waits.
 *
 * <p>Each thread records into a histogram of its own. The clock is read once an operation, as in db_bench: an operation's time runs
 * from the end of the one before and so includes the making of its key and value (some tens of nanoseconds). A run ends after so
 * many operations or so much time, whichever comes first.
 *
 * <p>Progress is published for a reader in any process: thread n's count of operations is the 64-bit number at byte
 * {@code n * PROGRESS_STRIDE} of a segment that the caller gives, stored every {@value #PROGRESS_EVERY} operations and at the end.
 */
public final class WorkloadRun implements AutoCloseable {
    /** Bytes from one thread's progress to the next: a cache line. */
    public static final int PROGRESS_STRIDE = 64;

    /** From one key touched to the next: about half of those that lie in a 4 KiB block. */
    static final int TOUCH_STRIDE = 16;

    private static final int PROGRESS_EVERY = 64;
    private static final VarHandle PROGRESS = ValueLayout.JAVA_LONG.varHandle();
    private static final long LONGEST_NANOS = 120_000_000_000L;
    private static final int DIGITS = 3;
    /** Odd, so that threads' seeds differ in many bits after mixing. */
    private static final long THREAD_SEED = 0xD1B54A32D192ED03L;

    private final List<Worker> workers = new ArrayList<>();
    private final CountDownLatch ready;
    private final CountDownLatch go = new CountDownLatch(1);
    private volatile boolean cancelled;

    /**
     * What to run.
     *
     * @param keys how many keys there are
     * @param operations at most so many, over all threads
     * @param nanos at most so long, in nanoseconds
     * @param seed decides every key and value
     */
    public record Plan(long keys, long operations, long nanos, long seed) {}

    private WorkloadRun(int threads, Plan plan, MemorySegment progress, IntFunction<Operation> operations) {
        ready = new CountDownLatch(threads);
        for (int thread = 0; thread < threads; thread++) {
            long share = plan.operations / threads + (thread < plan.operations % threads ? 1 : 0);
            int number = thread;
            workers.add(new Worker(thread, share, plan.nanos, progress, () -> operations.apply(number)));
        }
        workers.forEach(Thread::start);
        try {
            ready.await();
        } catch (InterruptedException e) {
            close();
            throw new IllegalStateException("interrupted while starting", e);
        }
    }

    /** Prepares a workload. The progress segment holds {@link #PROGRESS_STRIDE} bytes a thread. */
    public static WorkloadRun of(Workload workload, KeyValueStore store, Plan plan, MemorySegment progress) {
        return new WorkloadRun(
                workload.threads(),
                plan,
                progress,
                thread ->
                        Operation.of(workload, store.session(), plan.keys, Mix.mix(plan.seed + thread * THREAD_SEED)));
    }

    /** Prepares the load of every key once, in random order, by one thread. */
    public static WorkloadRun load(KeyValueStore store, long keys, long seed, MemorySegment progress) {
        Plan plan = new Plan(keys, keys, Long.MAX_VALUE, seed);
        return new WorkloadRun(1, plan, progress, thread -> Operation.load(store.session(), keys, seed));
    }

    /** Prepares gets that read every block of a loaded store once, by one thread, so that its cache holds what it can. */
    public static WorkloadRun touch(KeyValueStore store, long keys, MemorySegment progress) {
        Plan plan = new Plan(keys, (keys + TOUCH_STRIDE - 1) / TOUCH_STRIDE, Long.MAX_VALUE, 0);
        return new WorkloadRun(1, plan, progress, thread -> Operation.touch(store.session(), keys));
    }

    /** Runs it. Throws what a thread threw, if one did. */
    public RunResult run() throws InterruptedException {
        long begin = System.nanoTime();
        go.countDown();
        for (Worker worker : workers) {
            worker.join();
        }
        long nanos = System.nanoTime() - begin;
        Histogram latencies = new Histogram(LONGEST_NANOS, DIGITS);
        long operations = 0;
        long wrong = 0;
        for (Worker worker : workers) {
            if (worker.failure != null) {
                throw new IllegalStateException("a thread failed: " + worker.failure.getMessage(), worker.failure);
            }
            latencies.add(worker.latencies);
            operations += worker.done;
            wrong += worker.wrong;
        }
        return new RunResult(operations, nanos, latencies, wrong);
    }

    /** Ends the threads if {@link #run} was not called. */
    @Override
    public void close() {
        cancelled = true;
        go.countDown();
        for (Worker worker : workers) {
            try {
                worker.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private interface OperationMaker {
        Operation make();
    }

    private final class Worker extends Thread {
        private final long limit;
        private final long limitNanos;
        private final MemorySegment progress;
        private final long slot;
        private final OperationMaker maker;
        private final Histogram latencies = new Histogram(LONGEST_NANOS, DIGITS);
        private long done;
        private long wrong;
        private @Nullable Throwable failure;

        Worker(int number, long limit, long limitNanos, MemorySegment progress, OperationMaker maker) {
            super("workload-" + number);
            this.limit = limit;
            this.limitNanos = limitNanos;
            this.progress = progress;
            this.slot = (long) number * PROGRESS_STRIDE;
            this.maker = maker;
        }

        @Override
        public void run() {
            boolean announced = false;
            try (Operation operation = maker.make()) {
                ready.countDown();
                announced = true;
                go.await();
                loop(operation);
            } catch (Throwable thrown) {
                failure = thrown;
                cancelled = true;
            } finally {
                if (!announced) {
                    ready.countDown();
                }
            }
        }

        private void loop(Operation operation) {
            long begin = System.nanoTime();
            long last = begin;
            long count = 0;
            while (count < limit && last - begin < limitNanos && !cancelled) {
                operation.run();
                long now = System.nanoTime();
                latencies.recordValue(Math.min(now - last, LONGEST_NANOS));
                last = now;
                count++;
                if (count % PROGRESS_EVERY == 0) {
                    PROGRESS.setOpaque(progress, slot, count);
                }
            }
            PROGRESS.setOpaque(progress, slot, count);
            done = count;
            wrong = operation.wrong;
        }
    }
}
