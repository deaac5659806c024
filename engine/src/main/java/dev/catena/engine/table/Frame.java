package dev.catena.engine.table;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.Memory;
import dev.catena.io.memory.Xxh64;
import java.nio.file.Path;

/**
 * The frame around each part of a table, as {@link TableFormat} lays it out: its header, its checksum, its compression. Stateless;
 * thread safe.
 */
final class Frame {
    private Frame() {}

    static long storedBytes(long frame) {
        return Integer.toUnsignedLong(Memory.getInt(frame + TableFormat.FRAME_STORED));
    }

    static long rawBytes(long frame) {
        return Memory.getInt(frame + TableFormat.FRAME_RAW) & TableFormat.FRAME_RAW_MASK;
    }

    /** The number of the codec that packed it. */
    private static int codec(long frame) {
        return Memory.getInt(frame + TableFormat.FRAME_RAW) >>> TableFormat.FRAME_CODEC_SHIFT;
    }

    /**
     * Fills in the header of a frame whose payload follows it in memory.
     *
     * @param place that seeds its checksum: see {@link TableFormat}
     * @param codec what packed the payload; 0 when it is the raw bytes
     */
    static void seal(long frame, long place, int storedBytes, int rawBytes, int codec) {
        Memory.putInt(frame + TableFormat.FRAME_STORED, storedBytes);
        Memory.putInt(frame + TableFormat.FRAME_RAW, rawBytes | codec << TableFormat.FRAME_CODEC_SHIFT);
        Memory.putLong(frame, hash(frame, place, storedBytes));
    }

    /**
     * Checks sizes and checksum.
     *
     * @param place that seeds its checksum
     * @param bytes of the frame, as known from where the next one starts
     */
    static void verify(Path file, long offset, long place, long frame, long bytes) {
        checkSizes(file, offset, frame, bytes);
        long found = hash(frame, place, storedBytes(frame));
        long expected = Memory.getLong(frame);
        if (found != expected) {
            throw new CorruptionException(
                    file,
                    offset,
                    "block checksum " + TableFormat.hex(expected),
                    "block checksum " + TableFormat.hex(found));
        }
    }

    /** Checks the sizes in the header against the frame's place in the file. */
    static void checkSizes(Path file, long offset, long frame, long bytes) {
        long stored = storedBytes(frame);
        if (stored + TableFormat.FRAME_HEADER != bytes) {
            throw new CorruptionException(
                    file, offset, "a block of " + bytes + " bytes", (stored + TableFormat.FRAME_HEADER) + " bytes");
        }
        long raw = rawBytes(frame);
        if (raw < stored || raw > TableFormat.RAW_MAX) {
            throw new CorruptionException(
                    file,
                    offset,
                    "a block of " + stored + " to " + TableFormat.RAW_MAX + " bytes unpacked",
                    raw + " bytes");
        }
        if (!Codec.isKnown(codec(frame))) {
            throw new CorruptionException(file, offset, "a block packed by LZ4 or ZSTD", "codec " + codec(frame));
        }
    }

    /** Whether the payload is the raw bytes themselves. */
    static boolean isPlain(long frame) {
        return storedBytes(frame) == rawBytes(frame);
    }

    /** Copies or decompresses a checked frame's payload to memory with room for its raw bytes. */
    static void unpack(Path file, long offset, long frame, long to) {
        long payload = frame + TableFormat.FRAME_HEADER;
        long stored = storedBytes(frame);
        long raw = rawBytes(frame);
        if (stored == raw) {
            Memory.copy(payload, to, raw);
        } else {
            Codec codec = Codec.of(codec(frame));
            if (!codec.decompress(payload, (int) stored, to, (int) raw)) {
                throw new CorruptionException(file, offset, raw + " bytes packed by " + codec, "other bytes");
            }
        }
    }

    private static long hash(long frame, long place, long storedBytes) {
        return Xxh64.hash(
                Memory.ALL,
                frame + TableFormat.FRAME_STORED,
                TableFormat.FRAME_HEADER - TableFormat.FRAME_STORED + storedBytes,
                place);
    }
}
