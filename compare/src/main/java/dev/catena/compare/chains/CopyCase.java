package dev.catena.compare.chains;

import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Region;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Copies a file by one chain, a read and a write for each block, one after the other, onto a file that has its blocks already and
 * is synced before. The chain grows while it runs, a part at a time, because its place for steps is smaller than the file. On a
 * resident lane parts are published ahead, as far as there is place: whoever steers finds them without being told, as long as
 * something is in flight; so the caller makes system calls only to start and at the end, and sleeps by the clock in between.
 * Elsewhere each part is waited for before the next one is published.
 */
final class CopyCase extends ChainCase {
    private static final int CAPACITY = 4096;
    /** Steps published at once, and timed together, at most: a power of two. */
    private static final int LARGEST_PART = 256;
    /** Parts of a copy, at least, if it has as many steps. */
    private static final int PARTS = 16;

    private static final int PIECE = 1 << 20;

    private final int block;
    private final long bytes;
    private final ChainFile.Access access;
    private Path source = Path.of("");
    private Path target = Path.of("");

    CopyCase(String name, int block, long bytes, ChainFile.Access access) {
        super(
                name,
                "copies " + (bytes >> 20) + " MiB in steps of " + (block >> 10) + " KiB, "
                        + (access == ChainFile.Access.DIRECT ? "direct" : "buffered"));
        this.block = block;
        this.bytes = Math.max(block, bytes / block * block);
        this.access = access;
    }

    @Override
    public void prepare(Path directory) throws IOException {
        source = directory.resolve("source");
        target = directory.resolve("target");
        fill(source, 1);
        fill(target, 2);
    }

    private void fill(Path path, long seed) throws IOException {
        byte[] piece = new byte[PIECE];
        new SplittableRandom(seed).nextBytes(piece);
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (long at = 0; at < bytes; ) {
                at += file.write(ByteBuffer.wrap(piece, 0, (int) Math.min(PIECE, bytes - at)), at);
            }
            file.force(true);
        }
    }

    @Override
    public Pass open(Setting setting) {
        return new CopyPass(setting);
    }

    /** For tests: whether the target is the source now. */
    boolean isCopied() throws IOException {
        return Files.mismatch(source, target) < 0;
    }

    private final class CopyPass implements Pass {
        private final boolean resident;
        private final ChainRuntime runtime;
        private final ChainFile from;
        private final ChainFile to;
        private final Region buffer;
        private final Lane lane;
        private final Chain chain;

        CopyPass(Setting setting) {
            resident = setting.isResident();
            runtime = setting.runtime();
            from = runtime.open(source, ChainFile.Mode.READ, access);
            to = runtime.open(target, ChainFile.Mode.READ_WRITE, access);
            to.sync();
            buffer = runtime.allocate(block, "copy");
            lane = setting.lane(runtime);
            chain = lane.chain(CAPACITY, "copy");
        }

        @Override
        public Figures run() {
            int blocks = (int) (bytes / block);
            int part = Math.clamp(Integer.highestOneBit(2 * blocks / PARTS), 2, LARGEST_PART);
            int ahead = resident ? CAPACITY - part : 0;
            Stopwatch watch = new Stopwatch();
            int timed = 0;
            watch.start();
            for (int i = 0; i < blocks; i++) {
                chain.read(from, buffer, 0, block, (long) i * block);
                chain.write(to, buffer, 0, block, (long) i * block);
                if (chain.size() % part == 0 || i == blocks - 1) {
                    if (timed == 0 && chain.size() <= part) {
                        chain.start();
                    } else {
                        chain.publish();
                    }
                    timed = await(timed, chain.size() - ahead, part, watch);
                }
            }
            await(timed, chain.size(), part, watch);
            chain.seal();
            long moved = chain.await().throwIfFailed("copy to", target, 0).bytes();
            if (moved != 2 * bytes) {
                throw new AssertionError("copied " + moved / 2 + " bytes, not " + bytes);
            }
            return watch.figures(bytes);
        }

        /** Waits, part by part, until the steps below {@code until} are done; returns up to where they are. */
        private int await(int from, int until, int part, Stopwatch watch) {
            int at = from;
            while (at < until) {
                int end = Math.min(at + part, chain.size());
                if (resident) {
                    Wait.napUntilDone(chain, end - 1);
                }
                chain.awaitStep(end - 1);
                watch.lap(end - at);
                at = end;
            }
            return at;
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
            to.close();
            from.close();
            runtime.close();
        }
    }
}
