package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
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
        table.row("chunks-read-behind-their-checksums", ChunkRows::behindTheirChecksums);
        table.row("chunks-copied-from-another-file", ChunkRows::copies);
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
                damageTail(on, path, summary);
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

    /** The page cache has a chunk, but not the tail: who reads both waits for the tail before the chunk is verified. */
    private static void behindTheirChecksums(Fixture on) throws IOException {
        byte[] content = Fixture.random(4096, 51);
        for (int i = 0; i < 5; i++) {
            Path path = on.path("behind" + i);
            ChunkSummary summary;
            try (ChainFile file = on.runtime.open(path, ChainFile.Mode.CREATE, ChainFile.Access.DIRECT)) {
                try (ChunkWriter writer = new ChunkWriter(on.runtime, file)) {
                    writer.write(MemorySegment.ofArray(content), 0, content.length);
                    summary = writer.finish(footer(writer), content.length);
                }
            }
            try (ChainFile file = on.open(path, ChainFile.Mode.READ)) {
                file.adviseRandom();
                file.readFully(on.region.segment(), 0, content.length, 0);
                try (ChunkReader reader = reader(on, file, summary)) {
                    MemorySegment chunk = reader.next();
                    Check.that(chunk != null && chunk.mismatch(MemorySegment.ofArray(content)) < 0, "the chunk");
                }
            }
        }
    }

    /** Own bytes and copied chunks in turn, so that these lie at all multiples of 4096, and often across the end of the buffers. */
    private static void copies(Fixture on) throws IOException {
        byte[] content = Fixture.random(Fixture.scaled(12 << 20, 2 << 20), 77);
        Path source = on.path("copied");
        try (ChainFile file = on.runtime.open(source, ChainFile.Mode.CREATE, ChainFile.Access.DIRECT)) {
            write(on, file, content);
        }
        int chunks = content.length / ChunkWriter.CHUNK;
        Random random = new Random(Fixture.SEED + 77);
        int parts = Fixture.scaled(12, 6);
        for (int round = 0; round < 2; round++) {
            boolean isDamaged = round == 1;
            int damaged = 0;
            Path path = on.path("with-copies" + round);
            ByteArrayOutputStream expected = new ByteArrayOutputStream();
            try (ChainFile from = on.open(source, ChainFile.Mode.READ);
                    ChunkTail tail = ChunkTail.read(from);
                    ChainFile file = on.runtime.open(path, ChainFile.Mode.CREATE, ChainFile.Access.DIRECT)) {
                if (isDamaged) {
                    damaged = chunks / 2 * ChunkWriter.CHUNK + random.nextInt(ChunkWriter.CHUNK);
                    byte[] bytes = Files.readAllBytes(source);
                    bytes[damaged] ^= 16;
                    Files.write(source, bytes);
                }
                ChunkSummary summary;
                try (ChunkWriter writer = new ChunkWriter(on.runtime, file)) {
                    for (int part = 0; part < parts; part++) {
                        int own = random.nextInt(60) * 4096;
                        writer.write(MemorySegment.ofArray(content), part, own);
                        expected.write(content, part, own);
                        int first = random.nextInt(chunks / 2 + 1);
                        int count = random.nextInt(chunks - first) + (isDamaged ? 1 : 0);
                        writer.copy(from, first, count, tail.checksums());
                        expected.write(content, first * ChunkWriter.CHUNK, count * ChunkWriter.CHUNK);
                    }
                    if (isDamaged) {
                        writer.copy(from, 0, chunks, tail.checksums());
                    }
                    writer.write(MemorySegment.ofArray(content), 0, 777);
                    expected.write(content, 0, 777);
                    summary = finish(writer);
                    Check.that(!isDamaged, "the damage was copied");
                }
                readBack(on, path, Arrays.copyOf(expected.toByteArray(), (int) summary.bodyBytes()), summary, -1);
            } catch (ChunkMismatchException e) {
                Check.that(isDamaged, e.getMessage());
                Check.that(e.path().equals(source), e.getMessage());
                Check.equal(damaged / ChunkWriter.CHUNK * (long) ChunkWriter.CHUNK, e.offset(), "place of the damage");
            }
            Files.delete(path);
        }
        Files.delete(source);
    }

    private static ChunkSummary write(Fixture on, ChainFile file, byte[] content) {
        try (ChunkWriter writer = new ChunkWriter(on.runtime, file)) {
            MemorySegment bytes = MemorySegment.ofArray(content);
            writer.write(bytes, 0, content.length / 3);
            writer.write(bytes, content.length / 3, content.length - content.length / 3);
            return finish(writer);
        }
    }

    private static ChunkSummary finish(ChunkWriter writer) {
        long endOffset = writer.position() - writer.position() / 3;
        ChunkSummary summary = writer.finish(footer(writer), endOffset);
        checkEnd(writer, summary, endOffset);
        return summary;
    }

    private static MemorySegment footer(ChunkWriter writer) {
        MemorySegment footer = MemorySegment.ofArray(new byte[128]);
        footer.set(ValueLayout.JAVA_LONG_UNALIGNED, ChunkTail.BODY_BYTES_AT, writer.bodyBytes());
        return footer;
    }

    /** What was read back is what is in the file. */
    private static void checkEnd(ChunkWriter writer, ChunkSummary summary, long endOffset) {
        FileBytes end = writer.end();
        boolean fits = summary.fileBytes() - endOffset / 4096 * 4096 <= ChunkWriter.MEMORY_BYTES;
        Check.that(fits == (end != null), "an end of " + summary + " from " + endOffset + ": " + end);
        if (end == null) {
            return;
        }
        Check.equal(summary.fileBytes(), end.size(), "bytes of the file");
        int length = (int) (summary.fileBytes() - endOffset);
        try (Arena arena = Arena.ofConfined();
                RandomAccessFile file = new RandomAccessFile(end.path().toFile(), "r")) {
            MemorySegment found = arena.allocate(length + 1L);
            Check.equal(length, end.read(found, 0, length + 1L, endOffset), "bytes read of the end");
            byte[] expected = new byte[length];
            file.seek(endOffset);
            file.readFully(expected);
            Check.equal(expected, found.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE), "the end");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A bit of the tail is wrong, of the checksums, the zeros behind them, or their sum, or it is missing: no chunk is returned. */
    private static void damageTail(Fixture on, Path path, ChunkSummary summary) throws IOException {
        long body = summary.bodyBytes();
        byte[] tail = new byte[(int) (summary.fileBytes() - body)];
        Random random = new Random(Fixture.SEED + body);
        try (RandomAccessFile access = new RandomAccessFile(path.toFile(), "rw")) {
            access.seek(body);
            access.readFully(tail);
            for (int round = 0; round < 4; round++) {
                int at = round == 0
                        ? tail.length - 1
                        : random.nextInt(round == 1 ? 8 : tail.length - ChunkWriter.FOOTER);
                access.seek(body + at);
                access.write(tail[at] ^ 1 << random.nextInt(8));
                isRefused(on, path, summary, "byte " + at + " of the tail is damaged");
                access.seek(body + at);
                access.write(tail[at]);
            }
            access.setLength(summary.fileBytes() - 4096);
            isRefused(on, path, summary, "the file was cut");
            access.seek(body);
            access.write(tail);
        }
        long other = summary.fileChecksum() + 1;
        isRefused(
                on,
                path,
                new ChunkSummary(body, summary.fileBytes(), other, summary.chunks()),
                "it is another file's tail");
    }

    private static void isRefused(Fixture on, Path path, ChunkSummary summary, String why) {
        try (ChainFile file = on.open(path, ChainFile.Mode.READ);
                ChunkReader reader = reader(on, file, summary)) {
            throw new AssertionError(why + ", read: " + reader.next());
        } catch (ChunkMismatchException e) {
            Check.that(e.path().equals(path), e.getMessage());
        }
    }

    private static ChunkReader reader(Fixture on, ChainFile file, ChunkSummary summary) {
        return new ChunkReader(
                on.runtime,
                file,
                summary.bodyBytes(),
                summary.fileChecksum(),
                ChunkReader.all(summary.bodyBytes()),
                16);
    }

    private static void readBack(Fixture on, Path path, byte[] body, ChunkSummary summary, int damaged) {
        try (ChainFile file = on.open(path, ChainFile.Mode.READ);
                ChunkTail tail = ChunkTail.read(file);
                ChunkReader reader = reader(on, file, summary)) {
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
            try (ChainFile file = on.open(path, ChainFile.Mode.CREATE)) {
                ChunkSummary summary = write(on, file, Fixture.random(8 << 20, 50));
                throw new AssertionError("written without room: " + summary);
            } catch (ChainIoException e) {
                Check.equal(Errno.ENOSPC, e.errno(), e.getMessage());
                Check.that(e.getMessage().startsWith("write of " + path + " at offset "), e.getMessage());
            }
        }
    }
}
