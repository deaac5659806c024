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
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a frame's payload is packed: the native library where the platform has it, else Java. From and to memory outside the heap, without
 * copies. Thread safe, but for a {@link #compressor()}, which is one thread's at a time.
 *
 * <p>A codec's library is loaded when it is needed first, or before that by {@link #load}, as it takes some hundredths of a second.
 */
enum Codec {
    /** Fast. */
    LZ4(0),

    /** Smaller; half as fast to unpack. Level 1: on blocks of some KiB the higher levels cost time and save next to nothing. */
    ZSTD(1);

    private static final class Lz4 {
        static final boolean NATIVE = loaded(Lz4NativeCompressor.isEnabled() && Lz4NativeDecompressor.isEnabled());
        static final Decompressor DECOMPRESSOR = NATIVE ? new Lz4NativeDecompressor() : new Lz4JavaDecompressor();
    }

    private static final class Zstd {
        static final boolean NATIVE = loaded(ZstdNativeCompressor.isEnabled() && ZstdNativeDecompressor.isEnabled());
        static final Decompressor DECOMPRESSOR = NATIVE ? new ZstdNativeDecompressor() : new ZstdJavaDecompressor();
    }

    private static final Codec[] ALL = values();

    private static final Path MAPPED = Path.of("/proc/self/maps");

    /** A copy of a native library that the compression library made, in a line of {@link #MAPPED}. */
    private static final Pattern COPY = Pattern.compile("(/.*/(?:lz4|zstd)\\d+\\.tmp)$");

    /** What says so in a frame. */
    final int number;

    Codec(int number) {
        this.number = number;
    }

    /** Whether a number is a codec's. */
    static boolean isKnown(int number) {
        return number < ALL.length;
    }

    /** By its number, which is known. */
    static Codec of(int number) {
        return ALL[number];
    }

    /** Loads what it needs. */
    void load() {
        decompressor();
    }

    private Decompressor decompressor() {
        return this == LZ4 ? Lz4.DECOMPRESSOR : Zstd.DECOMPRESSOR;
    }

    /** For one thread at a time. */
    Compressor compressor() {
        return switch (this) {
            case LZ4 -> Lz4.NATIVE ? new Lz4NativeCompressor() : new Lz4JavaCompressor();
            case ZSTD -> Zstd.NATIVE ? new ZstdNativeCompressor(1) : new ZstdJavaCompressor();
        };
    }

    /** Unpacks; false when the input is not exactly {@code toBytes} packed by this. Writes inside the output only. */
    boolean decompress(long from, int fromBytes, long to, int toBytes) {
        try {
            return decompressor().decompress(Memory.ALL.asSlice(from, fromBytes), Memory.ALL.asSlice(to, toBytes))
                    == toBytes;
        } catch (RuntimeException malformed) {
            return false;
        }
    }

    /**
     * Deletes the files that native libraries were loaded from: copies in the directory for temporary files, which a process that is
     * killed would leave there. What is mapped needs no name. Where the kernel does not say what is mapped they stay until the JVM ends.
     */
    private static boolean loaded(boolean isNative) {
        if (isNative && Files.exists(MAPPED)) {
            try {
                List<String> copies = Files.readAllLines(MAPPED).stream()
                        .map(COPY::matcher)
                        .filter(Matcher::find)
                        .map(line -> line.group(1))
                        .distinct()
                        .toList();
                for (String copy : copies) {
                    Files.deleteIfExists(Path.of(copy));
                }
            } catch (IOException e) {
                // the compression library deletes them when the JVM ends
            }
        }
        return isNative;
    }
}
