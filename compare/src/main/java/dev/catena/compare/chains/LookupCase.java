package dev.catena.compare.chains;

import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Region;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;

/**
 * A lookup through a tree on disk, boiled down: each block begins with the offset of the next one to read (a u64), so that a
 * request cannot be made before the one before it has completed. A chain of as many reads does it, each taking its offset from the
 * block just read. The blocks of the file are one cycle in random order.
 *
 * <p>With a pause between lookups the kernel's submission thread is asleep when a lookup comes: that tells what waking it costs.
 */
final class LookupCase extends ChainCase {
    private static final long FILE_BYTES = 16L << 20;
    /** Longer than the submission thread polls before it sleeps: up to two ticks of the kernel's clock, 8 ms at 250 Hz. */
    static final long PAUSE_NANOS = 12_000_000;

    private final int depth;
    private final int block;
    private final int lookups;
    private final ChainFile.Access access;
    private final long pauseNanos;
    private final int[] next;
    private Path path = Path.of("");

    LookupCase(String name, int depth, int block, int lookups, ChainFile.Access access, long pauseNanos) {
        super(
                name,
                "dependent reads of " + block + " B, " + depth + " deep, "
                        + (access == ChainFile.Access.DIRECT ? "direct" : "in the page cache")
                        + (pauseNanos > 0 ? ", a pause before each lookup" : ""));
        this.depth = depth;
        this.block = block;
        this.lookups = Math.max(1, lookups);
        this.access = access;
        this.pauseNanos = pauseNanos;
        this.next = cycle((int) (FILE_BYTES / block));
    }

    /** A random permutation of one cycle (Sattolo's). */
    private static int[] cycle(int length) {
        int[] next = new int[length];
        SplittableRandom random = new SplittableRandom(length);
        for (int i = 0; i < length; i++) {
            next[i] = i;
        }
        for (int i = length - 1; i > 0; i--) {
            int j = random.nextInt(i);
            int swapped = next[i];
            next[i] = next[j];
            next[j] = swapped;
        }
        return next;
    }

    @Override
    public boolean isLatency() {
        return true;
    }

    @Override
    public void prepare(Path directory) throws IOException {
        path = directory.resolve("blocks");
        ByteBuffer bytes = ByteBuffer.allocate((int) FILE_BYTES).order(ByteOrder.nativeOrder());
        for (int i = 0; i < next.length; i++) {
            bytes.putLong(i * block, (long) next[i] * block);
        }
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            while (bytes.hasRemaining()) {
                file.write(bytes);
            }
            file.force(true);
        }
    }

    @Override
    public Pass open(Setting setting) {
        return new LookupPass(setting);
    }

    private final class LookupPass implements Pass {
        private final boolean resident;
        private final ChainRuntime runtime;
        private final ChainFile file;
        private final Region buffer;
        private final Lane lane;
        private final Chain chain;

        LookupPass(Setting setting) {
            resident = setting.isResident();
            runtime = setting.runtime();
            file = runtime.open(path, ChainFile.Mode.READ, access);
            buffer = runtime.allocate(block, "lookup");
            lane = setting.lane(runtime);
            chain = lane.chain(Integer.highestOneBit(depth) * 2, "lookup");
        }

        @Override
        public Figures run() {
            Stopwatch watch = new Stopwatch();
            SplittableRandom random = new SplittableRandom(1);
            for (int i = 0; i < lookups; i++) {
                int start = random.nextInt(next.length);
                if (pauseNanos > 0) {
                    LockSupport.parkNanos(pauseNanos);
                }
                watch.start();
                lookUp((long) start * block);
                watch.stop(depth);
                check(start);
            }
            return watch.figures((long) lookups * depth * block);
        }

        private void lookUp(long position) {
            boolean first = chain.size() == 0;
            chain.read(file, buffer, 0, block, position);
            if (resident && !first) {
                chain.publish(); // it is under way while the others are written down
            }
            for (int i = 1; i < depth; i++) {
                chain.read(file, buffer, 0, block, 0).positionAt(buffer, 0);
            }
            if (first) {
                chain.start();
            } else {
                chain.publish();
            }
            int last = chain.size() - 1;
            if (resident) {
                Wait.untilDone(chain, last);
            }
            chain.awaitStep(last);
            if (!chain.isStepDone(last)) {
                chain.await().throwIfFailed("lookup in", path, position);
            }
        }

        /** The last block read must be the right one. */
        private void check(int start) {
            int at = start;
            for (int i = 0; i < depth; i++) {
                at = next[at];
            }
            long found = buffer.segment().get(ValueLayout.JAVA_LONG, 0);
            if (found != (long) at * block) {
                throw new AssertionError("found " + found + ", expected " + (long) at * block);
            }
        }

        @Override
        public Map<String, Long> counters() {
            return runtime.counters();
        }

        @Override
        public void close() {
            chain.close();
            lane.close();
            buffer.close();
            file.close();
            runtime.close();
        }
    }
}
