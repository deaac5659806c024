package dev.catena.engine.table;

import dev.catena.io.chain.ChunkWriter;

/**
 * The table file, version 3. All numbers are little-endian.
 *
 * <pre>
 * file       = body, tail
 * body       = data*, filter*, index*, root, properties, ranges?, zeros to a multiple of 4096
 * tail       = checksum (u64) of each 64 KiB chunk of the body, zeros, footer     (written and checked by chains)
 *
 * each of data, filter, index, root, properties, ranges is one frame:
 * frame      = u64 xxh64 of the frame's bytes from 8 on, seeded with the frame's offset in the file
 *              u32 stored bytes, u32 raw bytes in the lower 30 bits, codec in the upper 2: 0 LZ4, 1 ZSTD
 *              payload, stored bytes long; the raw bytes packed by the codec, or the raw bytes themselves when stored = raw
 *
 * data       = entry*, u32 restart*, u32 restart count                            (see {@link Block})
 * index,root = separators and offsets                                             (see {@link IndexBlock})
 * filter     = 64-byte lines                                                      (see {@code Filter})
 * properties = u64 entries, u64 garbage, u64 smallest sequence, u64 largest sequence, u64 raw bytes,
 *              u32 length of the smallest user key, u32 length of the largest, their bytes
 * ranges     = fragments of deleted ranges, if there are any                      (see {@link RangeBlock})
 *
 * footer, 128 bytes:
 *   0 u64 magic                8 u32 version        12 u32 chunk bytes    16 u64 body bytes
 *  24 u64 end of data         32 u64 end of filters 40 u64 end of index   48 u64 end of root
 *  56 u64 end of properties   64 u64 entries        72 u32 filter probes  76 u32 0
 *  80 u64 end of ranges, 0 when there are none       88 zeros
 * 112 u64 xxh64 of the bytes before it, seeded with the magic
 * 120 u64 file checksum: the sum of the chunks' checksums
 * </pre>
 *
 * <p>Data frames follow one another without gaps, as do filter and index frames: where one ends, the next begins. Index frame n has
 * the separators of a run of data frames, a <b>partition</b>; filter frame n has the keys of the same run; the root has one
 * separator a partition. So a lookup reads three small frames whatever the table's size, and only the root stays in memory.
 */
final class TableFormat {
    /** "CATENATB" in ASCII. */
    static final long MAGIC = 0x42544154454e4143L;

    static final int VERSION = 3;

    /** The oldest version that is read. It had LZ4 only: its frames' codec is 0.  */
    static final int VERSION_MIN = 1;

    static final int CHUNK_BYTES = ChunkWriter.CHUNK;
    static final int BODY_ALIGNMENT = 4096;

    static final int FRAME_HEADER = 16;
    static final int FRAME_STORED = 8;
    static final int FRAME_RAW = 12;
    static final int FRAME_RAW_MASK = (1 << 30) - 1;
    static final int FRAME_CODEC_SHIFT = 30;

    /** A frame's raw bytes at most: the largest value and key, and a block around them. */
    static final long RAW_MAX = 512L << 20;

    static final int FOOTER_BYTES = 128;
    static final int FOOTER_VERSION = 8;
    static final int FOOTER_CHUNK_BYTES = 12;
    static final int FOOTER_BODY_BYTES = 16;
    static final int FOOTER_DATA_END = 24;
    static final int FOOTER_FILTER_END = 32;
    static final int FOOTER_INDEX_END = 40;
    static final int FOOTER_ROOT_END = 48;
    static final int FOOTER_PROPERTIES_END = 56;
    static final int FOOTER_ENTRIES = 64;
    static final int FOOTER_FILTER_PROBES = 72;
    static final int FOOTER_RANGES_END = 80;
    static final int FOOTER_HASH = 112;
    static final int FOOTER_FILE_CHECKSUM = 120;

    static final int PROPERTIES_BYTES = 48;

    /** A partition ends with the data frame that reaches one of these. */
    static final int PARTITION_FRAMES = 256;

    static final int PARTITION_KEYS = 16_384;
    static final int PARTITION_SEPARATOR_BYTES = 16_384;

    private TableFormat() {}

    static String hex(long checksum) {
        return String.format("%016x", checksum);
    }
}
