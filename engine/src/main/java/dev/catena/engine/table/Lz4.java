package dev.catena.engine.table;

import dev.catena.engine.entry.Memory;
import io.airlift.compress.v3.lz4.Lz4Compressor;
import io.airlift.compress.v3.lz4.Lz4Decompressor;
import io.airlift.compress.v3.lz4.Lz4JavaCompressor;
import io.airlift.compress.v3.lz4.Lz4JavaDecompressor;
import io.airlift.compress.v3.lz4.Lz4NativeCompressor;
import io.airlift.compress.v3.lz4.Lz4NativeDecompressor;

/**
 * LZ4 blocks: the native library where the platform has it (a third faster here), else Java.
 *
 * <p>One instance compresses for one thread at a time; {@link #decompress} is thread safe.
 */
final class Lz4 {
    private static final boolean NATIVE = Lz4NativeCompressor.isEnabled() && Lz4NativeDecompressor.isEnabled();
    private static final Lz4Decompressor DECOMPRESSOR =
            NATIVE ? new Lz4NativeDecompressor() : new Lz4JavaDecompressor();

    private final Lz4Compressor compressor = NATIVE ? new Lz4NativeCompressor() : new Lz4JavaCompressor();

    /** Bytes that compressing so many bytes can take at most. */
    int bound(int bytes) {
        return compressor.maxCompressedLength(bytes);
    }

    /** Compresses and returns the compressed bytes; {@code toBytes} is at least the {@link #bound}. */
    int compress(long from, int fromBytes, long to, int toBytes) {
        return compressor.compress(Memory.ALL.asSlice(from, fromBytes), Memory.ALL.asSlice(to, toBytes));
    }

    /** Decompresses; false when the input is no LZ4 block of exactly {@code toBytes}. Writes inside the output only. */
    static boolean decompress(long from, int fromBytes, long to, int toBytes) {
        try {
            return DECOMPRESSOR.decompress(Memory.ALL.asSlice(from, fromBytes), Memory.ALL.asSlice(to, toBytes))
                    == toBytes;
        } catch (RuntimeException malformed) {
            return false;
        }
    }
}
