package dev.catena.engine.table;

import dev.catena.engine.Compression;
import dev.catena.io.chain.ChunkWriter;

/**
 * The table file, version 4. All numbers are little-endian.
 *
 * <pre>
 * file       = body, tail
 * body       = partition*, root, partitions, properties, ranges?, zeros to a multiple of 4096
 * partition  = data*, filter?, index
 * tail       = checksum (u64) of each 64 KiB chunk of the body, zeros, footer     (written and checked by chains)
 *
 * each of data, filter, index, root, partitions, properties, ranges is one frame:
 * frame      = u64 xxh64 of the frame's bytes from 8 on, seeded with the frame's place
 *              u32 stored bytes, u32 raw bytes in the lower 30 bits, codec in the upper 2: 0 LZ4, 1 ZSTD
 *              payload, stored bytes long; the raw bytes packed by the codec, or the raw bytes themselves when stored = raw
 *
 * data       = entry*, u32 restart*, u32 restart count                            (see {@link Block})
 * index,root = separators and offsets                                             (see {@link IndexBlock})
 * partitions = where partitions lie and what they hold                            (see {@link Partitions})
 * filter     = 64-byte lines                                                      (see {@code Filter})
 * properties = u64 entries, u64 garbage, u64 smallest sequence, u64 largest sequence, u64 raw bytes,
 *              u32 length of the smallest user key, u32 length of the largest, their bytes
 * ranges     = fragments of deleted ranges, if there are any                      (see {@link RangeBlock})
 *
 * footer, 128 bytes:
 *   0 u64 magic                8 u32 version        12 u32 chunk bytes    16 u64 body bytes
 *  24 u64 end of partitions   32 u64 the same       40 u64 the same       48 u64 end of root
 *  56 u64 end of properties   64 u64 entries        72 u32 filter probes  76 u32 0
 *  80 u64 end of ranges, 0 when there are none       88 u64 end of the partitions frame
 *  96 u32 block bytes       100 u32 filter bits a key                     104 u32 compression: 0 none, 1 LZ4, 2 ZSTD
 * 108 u32 0
 * 112 u64 xxh64 of the bytes before it, seeded with the magic
 * 120 u64 file checksum: the sum of the chunks' checksums
 * </pre>
 *
 * <p>A <b>partition</b> is a run of data frames, a filter of their keys and an index of their separators, one behind the other without
 * gaps. The root has one separator a partition. So a lookup reads three small frames whatever the table's size, and only the root and the
 * places of partitions stay in memory.
 *
 * <p>The bytes of a partition are the same wherever it lies: its index counts from the partition's start, and the <b>place</b> that
 * seeds its frames' checksums is a stamp of the partition with that distance. So compaction can copy partitions as they are. The place of
 * all other frames is their offset in the file. Partitions that were copied may have zeros before them.
 *
 * <p>Before version 4 the body was {@code data*, filter*, index*, root, properties, ranges?}: all places were offsets in the file, the
 * root had the offsets of index and filter frames, and the footer had zeros from 88 on.
 */
final class TableFormat {
    /** "CATENATB" in ASCII. */
    static final long MAGIC = 0x42544154454e4143L;

    static final int VERSION = 4;

    /** The first version with partitions that can be copied. */
    static final int VERSION_PARTITIONS = 4;

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
    static final int FOOTER_PARTITIONS_END = 88;
    static final int FOOTER_BLOCK_BYTES = 96;
    static final int FOOTER_FILTER_BITS = 100;
    static final int FOOTER_COMPRESSION = 104;
    static final int FOOTER_HASH = 112;
    static final int FOOTER_FILE_CHECKSUM = 120;

    static final int PROPERTIES_BYTES = 48;

    /** A partition ends with the data frame that reaches one of these. */
    static final int PARTITION_FRAMES = 256;

    static final int PARTITION_KEYS = 16_384;
    static final int PARTITION_SEPARATOR_BYTES = 16_384;

    private TableFormat() {}

    /** How compressions are told in footers. */
    static int number(Compression compression) {
        return switch (compression) {
            case NONE -> 0;
            case LZ4 -> 1;
            case ZSTD -> 2;
        };
    }

    static String hex(long checksum) {
        return String.format("%016x", checksum);
    }
}
