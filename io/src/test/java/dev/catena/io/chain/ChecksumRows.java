package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Rows: what is done with a step's data. */
final class ChecksumRows {
    private ChecksumRows() {}

    static void addTo(Conformance.Table table) {
        table.row("accumulate-of-every-length", ChecksumRows::lengths);
        table.row("verify-right-and-wrong-checksum", ChecksumRows::verify);
        table.row("verify-at-each-step", ChecksumRows::verifyAtEachStep);
        table.row("store-checksum-into-a-later-buffer", ChecksumRows::storedHash);
        table.row("accumulate-what-was-moved-by-parts", ChecksumRows::parts);
    }

    private static void lengths(Fixture on) {
        byte[] content = Fixture.random(131_072, 20);
        on.put(0, content);
        for (int length :
                new int[] {0, 1, 3, 4, 7, 8, 15, 31, 32, 33, 63, 64, 65, 100, 4095, 4096, 65_536, 131_071, 131_072}) {
            on.chain.begin();
            on.chain.nop().over(on.region, 0, length).seed(length * 31L).accumulate();
            long sum = on.succeeds(1).sum();
            Check.equal(Fixture.hash(content, 0, length, length * 31L), sum, "sum of " + length + " bytes");
            Check.equal(sum, on.chain.stepHash(0), "the step's hash");
        }
    }

    private static void verify(Fixture on) throws IOException {
        byte[] content = Fixture.random(10_000, 21);
        long hash = Fixture.hash(content, 0, 10_000, 0);
        try (ChainFile source = on.source(content);
                ChainFile target = on.target()) {
            for (long damage : new long[] {0, 1, 1L << 63, hash}) {
                on.putLong(65_536, hash ^ damage);
                on.chain.begin();
                on.chain
                        .read(source, on.region, 0, 10_000, 0)
                        .verify(on.region, 65_536)
                        .accumulate();
                on.chain.write(target, on.region, 0, 10_000, 0);
                ChainResult result = damage == 0 ? on.succeeds(2) : on.fails(Errno.EBADMSG, 0, 0);
                Check.equal(damage == 0 ? 20_000 : 10_000, result.bytes(), "bytes: a dropped step is never issued");
                Check.equal(damage == 0 ? 2 : 1, Fixture.issued(result), "requests");
                Check.equal(damage == 0 ? hash : 0, result.sum(), "sum: what is damaged is not in it");
                Check.equal(hash, on.chain.stepHash(0), "the hash found");
            }
        }
    }

    private static void verifyAtEachStep(Fixture on) throws IOException {
        byte[] content = Fixture.random(5 * 1_000, 22);
        try (ChainFile source = on.source(content)) {
            for (int damaged = 0; damaged <= 5; damaged++) {
                on.chain.begin();
                for (int i = 0; i < 5; i++) {
                    long hash = Fixture.hash(content, i * 1_000, 1_000, i * 1_000L);
                    on.putLong(65_536 + 8 * i, i == damaged ? ~hash : hash);
                    on.chain
                            .read(source, on.region, i * 1_000L, 1_000, i * 1_000L)
                            .verify(on.region, 65_536 + 8L * i);
                }
                ChainResult result = damaged == 5 ? on.succeeds(5) : on.fails(Errno.EBADMSG, damaged, damaged);
                Check.equal(Math.min(5, damaged + 1), Fixture.issued(result), "requests");
            }
        }
    }

    private static void storedHash(Fixture on) throws IOException {
        byte[] content = Fixture.random(5_000, 23);
        on.put(0, content);
        try (ChainFile target = on.target()) {
            on.chain.begin();
            on.chain.write(target, on.region, 0, 5_000, 0).seed(77).accumulate().storeHash(on.region, 8_192);
            on.chain.write(target, on.region, 8_192, 8, 5_000).accumulate();
            on.chain.nop().storeSum(on.region, 8_200);
            on.chain.write(target, on.region, 8_200, 8, 5_008);
            on.succeeds(4);
        }
        MemorySegment written = MemorySegment.ofArray(on.targetBytes());
        long hash = Fixture.hash(content, 0, 5_000, 77);
        Check.equal(hash, written.get(ValueLayout.JAVA_LONG_UNALIGNED, 5_000), "the hash in the file");
        long both = hash + Fixture.hash(on.bytes(8_192, 8), 0, 8, 5_000);
        Check.equal(both, written.get(ValueLayout.JAVA_LONG_UNALIGNED, 5_008), "the sum in the file");
    }

    /** A step that took several requests is hashed once, as a whole. */
    private static void parts(Fixture on) throws IOException {
        byte[] content = Fixture.random(10_000, 24);
        on.put(0, content);
        try (ChainFile target = on.target()) {
            try (FileSizeLimit _ = new FileSizeLimit(4_000)) {
                on.chain.begin();
                on.chain.write(target, on.region, 0, 10_000, 0).accumulate().jumpOnError(1);
                on.chain.nop().join(1);
                Check.equal(0, on.succeeds(1).sum(), "sum: the write was not whole");
            }
            on.chain.begin();
            on.chain.write(target, on.region, 0, 10_000, 0).accumulate();
            Check.equal(Fixture.hash(content, 0, 10_000, 0), on.succeeds(1).sum(), "sum");
        }
    }
}
