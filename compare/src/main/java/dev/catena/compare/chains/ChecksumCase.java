package dev.catena.compare.chains;

import dev.catena.bpf.BpfException;
import dev.catena.bpf.BpfObject;
import dev.catena.io.memory.Xxh64;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.zip.CRC32C;

/** How fast a block of 128 KiB, the most that a step hashes, is hashed in BPF ({@code checksum.bpf.c}) and in Java. */
final class ChecksumCase extends ChainCase {
    private static final Setting BPF = new Setting("bpf", null);
    private static final Setting JAVA = new Setting("java", null);

    private static final int BLOCK = 128 << 10;
    /** Blocks hashed and timed together, so that what it costs to run a BPF program from Java does not show. */
    private static final int TOGETHER = 64;

    /** Where the BPF program expects them. */
    private static final int TABLES_OFFSET = 4096;

    private static final int BLOCK_OFFSET = 16384;
    private static final long ARENA_BYTES = 1L << 32;
    private static final int CRC32C_REVERSED_POLYNOMIAL = 0x82F63B78;

    /** The checksums. */
    enum Algorithm {
        /** What steps are verified with. */
        XXH64,
        /** For comparison. */
        CRC32C
    }

    private final Algorithm algorithm;
    private final int rounds;

    ChecksumCase(String name, Algorithm algorithm, int rounds) {
        super(name, algorithm + " of blocks of 128 KiB, in BPF and in Java");
        this.algorithm = algorithm;
        this.rounds = rounds;
    }

    @Override
    public List<Setting> settings(List<Setting> available) {
        List<Setting> settings = new ArrayList<>();
        if (available.stream().anyMatch(Setting::isKernel)) {
            settings.add(BPF);
        }
        settings.add(JAVA);
        return settings;
    }

    @Override
    public void prepare(Path directory) {}

    @Override
    public Pass open(Setting setting) {
        return setting.equals(BPF) ? new BpfPass() : new JavaPass();
    }

    private static void fill(MemorySegment block) {
        SplittableRandom random = new SplittableRandom(1);
        for (long at = 0; at < BLOCK; at += 8) {
            block.set(ValueLayout.JAVA_LONG, at, random.nextLong());
        }
    }

    private abstract class HashPass implements Pass {
        /** Hashes the block {@link #TOGETHER} times and returns the hash. */
        abstract long hash();

        @Override
        public Figures run() {
            Stopwatch watch = new Stopwatch();
            for (int i = 0; i < rounds; i++) {
                watch.start();
                long hash = hash();
                watch.stop(TOGETHER);
                if (hash != expected()) {
                    throw new AssertionError(algorithm + " is " + Long.toHexString(hash));
                }
            }
            return watch.figures((long) rounds * TOGETHER * BLOCK);
        }
    }

    private long expected() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment block = arena.allocate(BLOCK, 8);
            fill(block);
            return hash(block, block.asByteBuffer());
        }
    }

    private long hash(MemorySegment block, ByteBuffer bytes) {
        if (algorithm == Algorithm.XXH64) {
            return Xxh64.hash(block, 0, BLOCK, 0);
        }
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate());
        return crc.getValue();
    }

    private final class JavaPass extends HashPass {
        private final Arena arena = Arena.ofConfined();
        private final MemorySegment block = arena.allocate(BLOCK, 64);
        private final ByteBuffer bytes = block.asByteBuffer();

        JavaPass() {
            fill(block);
        }

        @Override
        long hash() {
            long hash = 0;
            for (int i = 0; i < TOGETHER; i++) {
                hash = ChecksumCase.this.hash(block, bytes);
            }
            return hash;
        }

        @Override
        public void close() {
            arena.close();
        }
    }

    private final class BpfPass extends HashPass {
        private final Arena arena = Arena.ofConfined();
        /** struct order {u32 length; u32 times; u64 hash;} */
        private final MemorySegment order = arena.allocate(16, 8);

        private final BpfObject object = BpfObject.open("checksum");

        BpfPass() {
            try {
                object.load();
            } catch (BpfException e) {
                object.close();
                throw e;
            }
            MemorySegment memory = object.map("arena").memory(ARENA_BYTES);
            fill(memory.asSlice(BLOCK_OFFSET, BLOCK));
            int[] first = new int[256];
            for (int i = 0; i < 8 * 256; i++) {
                int value = i < 256 ? i : memory.get(ValueLayout.JAVA_INT, TABLES_OFFSET + (i - 256) * 4L);
                if (i < 256) {
                    for (int bit = 0; bit < 8; bit++) {
                        value = value >>> 1 ^ (CRC32C_REVERSED_POLYNOMIAL & -(value & 1));
                    }
                    first[i] = value;
                } else {
                    value = value >>> 8 ^ first[value & 0xff];
                }
                memory.set(ValueLayout.JAVA_INT, TABLES_OFFSET + i * 4L, value);
            }
        }

        @Override
        long hash() {
            order.set(ValueLayout.JAVA_INT, 0, BLOCK);
            order.set(ValueLayout.JAVA_INT, 4, TOGETHER);
            object.run(algorithm == Algorithm.XXH64 ? "run_xxh64" : "run_crc32c", order);
            return order.get(ValueLayout.JAVA_LONG, 8);
        }

        @Override
        public void close() {
            object.close();
            arena.close();
        }
    }
}
