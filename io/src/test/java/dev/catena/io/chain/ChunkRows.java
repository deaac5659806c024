package dev.catena.io.chain;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/** Rows: whole files of checksummed chunks, the chains that the store lives on. */
final class ChunkRows {
    private ChunkRows() {}

    static void addTo(Conformance.Table table) {
        table.row("chunks-written-and-read-back", ChunkRows::chunks);
        table.row("chunks-written-with-less-room-than-is-reserved", ChunkRows::littleRoom);
    }

    private static void chunks(Fixture on) throws IOException {
        int large = Fixture.scaled(20 << 20, 1 << 20) + 12_345;
        for (int length : new int[] {0, 1, 4096, 65_536, 65_537, large}) {
            for (ChainFile.Access access : ChainFile.Access.values()) {
                byte[] content = Fixture.random(length, length);
                Path path = on.path("chunks" + length + access);
                ChunkSummary summary;
                try (ChainFile file = on.runtime.open(path, ChainFile.Mode.CREATE, access)) {
                    summary = write(on, file, content);
                }
                Check.equal(Files.size(path), summary.fileBytes(), "bytes of the file");
                long sum = 0;
                byte[] body = Arrays.copyOf(content, (int) summary.bodyBytes());
                for (int at = 0; at < body.length; at += ChunkWriter.CHUNK) {
                    sum += Fixture.hash(body, at, Math.min(ChunkWriter.CHUNK, body.length - at), at);
                }
                Check.equal(sum, summary.fileChecksum(), "the file's checksum");
                readBack(on, path, body, summary, -1);
                if (length > 0) {
                    int damaged = new Random(Fixture.SEED + length).nextInt(length);
                    byte[] file = Files.readAllBytes(path);
                    file[damaged] ^= 4;
                    Files.write(path, file);
                    readBack(on, path, body, summary, damaged);
                }
                Files.delete(path);
            }
        }
    }

    private static ChunkSummary write(Fixture on, ChainFile file, byte[] content) {
        try (ChunkWriter writer = new ChunkWriter(on.runtime, file)) {
            MemorySegment bytes = MemorySegment.ofArray(content);
            writer.write(bytes, 0, content.length / 3);
            writer.write(bytes, content.length / 3, content.length - content.length / 3);
            MemorySegment footer = MemorySegment.ofArray(new byte[128]);
            footer.set(ValueLayout.JAVA_LONG_UNALIGNED, ChunkTail.BODY_BYTES_AT, writer.bodyBytes());
            return writer.finish(footer);
        }
    }

    private static void readBack(Fixture on, Path path, byte[] body, ChunkSummary summary, int damaged) {
        try (ChainFile file = on.open(path, ChainFile.Mode.READ);
                ChunkTail tail = ChunkTail.read(file);
                ChunkReader reader = new ChunkReader(
                        on.runtime, file, tail.checksums(), tail.bodyBytes(), ChunkReader.all(tail.bodyBytes()), 16)) {
            Check.equal(summary.bodyBytes(), tail.bodyBytes(), "bytes of the body");
            Check.equal(summary.fileChecksum(), tail.fileChecksum(), "the checksum in the footer");
            int at = 0;
            for (MemorySegment chunk = reader.next(); chunk != null; chunk = reader.next()) {
                Check.equal(at, reader.chunkOffset(), "the chunk's offset");
                long end = at + chunk.byteSize();
                Check.that(
                        MemorySegment.mismatch(chunk, 0, chunk.byteSize(), MemorySegment.ofArray(body), at, end) < 0,
                        "the chunk at " + at + " differs");
                at = (int) end;
            }
            Check.equal(body.length, at, "bytes read");
            Check.equal(-1, damaged, "damage not found, at");
        } catch (ChunkMismatchException e) {
            Check.that(damaged >= 0, e.getMessage());
            Check.equal(damaged / ChunkWriter.CHUNK * (long) ChunkWriter.CHUNK, e.offset(), "place of the damage");
            Check.that(e.getMessage().contains(path.toString()), e.getMessage());
        }
    }

    private static void littleRoom(Fixture on) throws IOException {
        try (SmallFileSystem small = SmallFileSystem.mount(on.directory)) {
            Files.write(small.path().resolve("ballast"), new byte[12 << 20]);
            Path path = small.path().resolve("target");
            try (ChainFile file = on.open(path, ChainFile.Mode.CREATE)) {
                Check.equal(write(on, file, Fixture.random(300_000, 50)).fileBytes(), Files.size(path), "bytes");
            }
        }
    }
}
