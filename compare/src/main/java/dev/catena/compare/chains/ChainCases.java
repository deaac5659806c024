package dev.catena.compare.chains;

import dev.catena.io.chain.ChainFile.Access;
import java.util.ArrayList;
import java.util.List;

/** The cases there are. */
public final class ChainCases {
    private static final long MIB = 1L << 20;

    private ChainCases() {}

    /** New ones, in the order in which they run. {@code scale} multiplies what each does; 1 is about a second each. */
    public static List<ChainCase> all(double scale) {
        List<ChainCase> cases = new ArrayList<>();
        for (Access access : Access.values()) {
            boolean direct = access == Access.DIRECT;
            String suffix = direct ? "-direct" : "";
            cases.add(new CopyCase("copy-4k" + suffix, 4 << 10, bytes(scale, direct ? 16 : 256), access));
            cases.add(new CopyCase("copy-64k" + suffix, 64 << 10, bytes(scale, direct ? 128 : 256), access));
            cases.add(new CopyCase("copy-1m" + suffix, 1 << 20, bytes(scale, 256), access));
        }
        for (int block : new int[] {512, 4096}) {
            String size = block == 512 ? "-512" : "-4k";
            for (int depth : new int[] {1, 3, 6}) {
                cases.add(new LookupCase(
                        "lookup-" + depth + size, depth, block, count(scale, 20_000), Access.BUFFERED, 0));
            }
            cases.add(new LookupCase(
                    "lookup-6" + size + "-asleep",
                    6,
                    block,
                    count(scale, 75),
                    Access.BUFFERED,
                    LookupCase.PAUSE_NANOS));
        }
        cases.add(new LookupCase("lookup-60-512", 60, 512, count(scale, 2_000), Access.BUFFERED, 0));
        cases.add(new LookupCase("lookup-6-4k-direct", 6, 4096, count(scale, 1_000), Access.DIRECT, 0));
        cases.add(new LogCase("log-1", 1, count(scale, 1_500)));
        cases.add(new LogCase("log-16", 16, count(scale, 600)));
        cases.add(new NopCase("step", count(scale, 50)));
        cases.add(new ChecksumCase("xxh64", ChecksumCase.Algorithm.XXH64, count(scale, 40)));
        cases.add(new ChecksumCase("crc32c", ChecksumCase.Algorithm.CRC32C, count(scale, 10)));
        cases.add(new OthersCase("others", count(scale, 100)));
        return cases;
    }

    private static long bytes(double scale, long mebibytes) {
        return Math.round(scale * mebibytes * MIB);
    }

    private static int count(double scale, int full) {
        return (int) Math.max(1, Math.round(scale * full));
    }
}
