package dev.catena.engine.table;

import dev.catena.engine.entry.Memory;
import io.airlift.compress.v3.Compressor;
import io.airlift.compress.v3.Decompressor;
import io.airlift.compress.v3.lz4.Lz4JavaCompressor;
import io.airlift.compress.v3.lz4.Lz4JavaDecompressor;
import io.airlift.compress.v3.lz4.Lz4NativeCompressor;
import io.airlift.compress.v3.lz4.Lz4NativeDecompressor;
import io.airlift.compress.v3.zstd.ZstdJavaCompressor;
import io.airlift.compress.v3.zstd.ZstdJavaDecompressor;
import io.airlift.compress.v3.zstd.ZstdNativeCompressor;
import io.airlift.compress.v3.zstd.ZstdNativeDecompressor;
import java.util.function.Supplier;

/**
 * How a frame's payload is packed: the native library where the platform has it, else Java. From and to memory outside the heap, without
 * copies. Thread safe, but for a {@link #compressor()}, which is one thread's at a time.
 */
enum Codec {
    /** Fast. */
    LZ4(
            0,
            Lz4NativeCompressor.isEnabled() && Lz4NativeDecompressor.isEnabled(),
            Lz4NativeCompressor::new,
            Lz4JavaCompressor::new,
            Lz4NativeDecompressor::new,
            Lz4JavaDecompressor::new),

    /** Smaller; half as fast to unpack. Level 1: on blocks of some KiB the higher levels cost time and save next to nothing. */
    ZSTD(
            1,
            ZstdNativeCompressor.isEnabled() && ZstdNativeDecompressor.isEnabled(),
            () -> new ZstdNativeCompressor(1),
            ZstdJavaCompressor::new,
            ZstdNativeDecompressor::new,
            ZstdJavaDecompressor::new);

    private static final Codec[] ALL = values();

    /** What says so in a frame. */
    final int number;

    private final Supplier<Compressor> compressor;
    private final Decompressor decompressor;

    Codec(
            int number,
            boolean isNative,
            Supplier<Compressor> nativeCompressor,
            Supplier<Compressor> javaCompressor,
            Supplier<Decompressor> nativeDecompressor,
            Supplier<Decompressor> javaDecompressor) {
        this.number = number;
        compressor = isNative ? nativeCompressor : javaCompressor;
        decompressor = (isNative ? nativeDecompressor : javaDecompressor).get();
    }

    /** Whether a number is a codec's. */
    static boolean isKnown(int number) {
        return number < ALL.length;
    }

    /** By its number, which is known. */
    static Codec of(int number) {
        return ALL[number];
    }

    /** For one thread at a time. */
    Compressor compressor() {
        return compressor.get();
    }

    /** Unpacks; false when the input is not exactly {@code toBytes} packed by this. Writes inside the output only. */
    boolean decompress(long from, int fromBytes, long to, int toBytes) {
        try {
            return decompressor.decompress(Memory.ALL.asSlice(from, fromBytes), Memory.ALL.asSlice(to, toBytes))
                    == toBytes;
        } catch (RuntimeException malformed) {
            return false;
        }
    }
}
