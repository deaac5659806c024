package dev.catena.compare.chains;

import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainAccount;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainResult;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Region;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Copies a file by one chain, onto a file that has its blocks already and is synced before. The chain is a loop: pairs of a read and a
 * write take turns with the blocks ({@link dev.catena.io.chain.Step#stride}), so that a few requests are in flight, until each finds
 * the end of the file. So the whole copy is handed over at once, however long the file.
 */
final class CopyCase extends ChainCase {
    /** Pairs, and so requests in flight. */
    static final int PAIRS = 4;

    private static final String KIND = "copy";
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
        try (FileChannel file = FileChannel.open(
                path, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
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

    /** Of a histogram by powers of two: within an element, times are taken to be spread evenly. */
    private static double percentile(long[] histogram, double share) {
        double left = share * Arrays.stream(histogram).sum();
        int element = 0;
        while (element < histogram.length - 1 && left > histogram[element]) {
            left -= histogram[element++];
        }
        return Math.scalb(1 + left / Math.max(1, histogram[element]), element);
    }

    private final class CopyPass implements Pass {
        private final ChainRuntime runtime;
        private final ChainFile from;
        private final ChainFile to;
        private final Region buffer;
        private final Lane lane;
        private final Chain chain;

        CopyPass(Setting setting) {
            runtime = setting.runtime();
            from = runtime.open(source, ChainFile.Mode.READ, access);
            to = runtime.open(target, ChainFile.Mode.READ_WRITE, access);
            to.sync();
            buffer = runtime.allocate((long) PAIRS * block, KIND);
            lane = setting.lane(runtime);
            chain = lane.chain(4 * PAIRS, KIND);
        }

        @Override
        public Figures run() {
            int end = 1 + 2 * PAIRS;
            chain.begin().budget((int) (2 * bytes / block) + end + PAIRS);
            chain.nop().next(1, PAIRS);
            for (int pair = 0; pair < PAIRS; pair++) {
                long at = (long) pair * block;
                chain.read(from, buffer, at, block, at)
                        .stride(PAIRS)
                        .join(1)
                        .next(1 + PAIRS + pair)
                        .jumpOnShort(end + pair);
            }
            for (int pair = 0; pair < PAIRS; pair++) {
                long at = (long) pair * block;
                chain.write(to, buffer, at, block, at).stride(PAIRS).join(1).next(1 + pair);
            }
            for (int pair = 0; pair < PAIRS; pair++) {
                chain.nop().join(1);
            }
            long began = System.nanoTime();
            ChainResult result = chain.run().throwIfFailed("copy to", target, 0);
            long nanos = System.nanoTime() - began;
            if (result.bytes() != 2 * bytes) {
                throw new AssertionError("copied " + result.bytes() / 2 + " bytes, not " + bytes);
            }
            ChainAccount account = runtime.accounts().stream()
                    .filter(each -> each.kind().equals(KIND))
                    .findFirst()
                    .orElseThrow();
            return new Figures(
                    result.completedSteps(),
                    bytes,
                    percentile(account.requestLatency(), 0.50),
                    percentile(account.requestLatency(), 0.99),
                    nanos);
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
