package dev.catena.engine.version;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.StoreFormatException;
import dev.catena.engine.StoreIoException;
import dev.catena.io.memory.NativeMemory;
import dev.catena.io.memory.Xxh64;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What a store consists of, and the file that says so: a whole, checksummed snapshot, replaced at once at every change (written
 * beside it, synced, renamed over it, directory synced). So there is always exactly one, and it is either the old or the new.
 *
 * <p>The file {@code MANIFEST}, version 3, or 2 where all families have the order of unsigned bytes; all numbers little-endian:
 *
 * <pre>
 *  u64 magic "CATENAMF", u32 version, u32 0
 *  u64 file bytes
 *  u64 next file number
 *  u64 sequence              of the newest operation that was in tables when this was written
 *  u64 first log             logs with lower numbers are not needed
 *  u32 logs, each            logs in use when this was written; there may be later ones
 *      u64 number, u64 end   exact end in bytes, all ones while it is growing
 *  u32 next family number    no family has had it or a higher one
 *  u32 families, each        by number; the first is number 0, "default"
 *      u32 number
 *      u32 bytes, name       in UTF-8
 *      u32 bytes, key order  its name, in UTF-8
 *      u64 flushed sequence  every operation of the family up to it is in tables
 *      u32 levels, each
 *          u32 tables, each      level 0: newest first; others: by key
 *              u64 number, u64 bytes, u64 checksum, u64 entries, u64 garbage,
 *              u64 smallest sequence, u64 largest sequence,
 *              u32 bytes, smallest key, u32 bytes, largest key
 *  u64 XXH64 of all before it, seed 0
 * </pre>
 *
 * <p>Version 1 had no families: its flushed sequence lay where the sequence is, and the levels of the default family followed the logs; each began with
 * a key that means nothing any more.
 *
 * @param nextNumber the next file's number
 * @param sequence of the newest operation that was in tables, perhaps of a family that was dropped since
 * @param firstLog logs with lower numbers are not needed
 * @param logs logs in use when it was written
 * @param nextFamily the next family's number
 * @param families by number
 */
public record Manifest(
        long nextNumber,
        long sequence,
        long firstLog,
        List<LogEntry> logs,
        int nextFamily,
        List<FamilyEntry> families) {

    /** Levels that a store has. */
    public static final int LEVELS = 7;

    /** The name of the family that every store has. */
    public static final String DEFAULT_FAMILY = "default";

    /** The name of the order of keys as unsigned bytes. */
    public static final String BYTEWISE = "unsigned bytes";

    /** "CATENAMF" read as a little-endian number. */
    private static final long MAGIC = 0x464D414E45544143L;

    private static final int VERSION = 3;
    private static final int VERSION_BYTEWISE = 2;
    private static final int HEADER_BYTES = 24;
    private static final int HASH_BYTES = 8;

    /**
     * A log in use.
     *
     * @param number its number
     * @param end its exact end in bytes; {@link #GROWING} when it is not known yet
     */
    public record LogEntry(long number, long end) {
        /** The end of a log that may have grown since. */
        public static final long GROWING = -1;
    }

    /**
     * A column family.
     *
     * @param number which no other family has or had
     * @param name which no other family has
     * @param order the name of the order of its keys
     * @param flushedSequence every operation of the family up to it is in tables
     * @param levels of each level: its tables
     */
    public record FamilyEntry(
            int number, String name, String order, long flushedSequence, List<List<TableMeta>> levels) {
        /** Copies the lists. */
        public FamilyEntry {
            levels = levels.stream().map(List::copyOf).toList();
            if (levels.size() != LEVELS) {
                throw new AssertionError(levels.size() + " levels");
            }
        }

        /** Of a family just made. */
        public static FamilyEntry empty(int number, String name, String order) {
            return new FamilyEntry(number, name, order, 0, Collections.nCopies(LEVELS, List.of()));
        }
    }

    /** Copies the lists. */
    public Manifest {
        logs = List.copyOf(logs);
        families = List.copyOf(families);
        if (families.isEmpty() || families.getFirst().number() != 0) {
            throw new AssertionError("no default family");
        }
    }

    /**
     * Of a store just made.
     *
     * @param order the name of the default family's order of keys
     */
    public static Manifest empty(String order) {
        return new Manifest(1, 0, 1, List.of(), 1, List.of(FamilyEntry.empty(0, DEFAULT_FAMILY, order)));
    }

    /** All tables that it names. */
    public List<TableMeta> tables() {
        return families.stream()
                .flatMap(family -> family.levels().stream().flatMap(List::stream))
                .toList();
    }

    /** Replaces the store's manifest with this one; durable on return. */
    public void write(StoreDirectory directory) {
        directory.replace(directory.manifest(), encode().array());
    }

    /**
     * Reads a store's manifest.
     *
     * @throws CorruptionException when it is not what was written
     */
    public static Manifest read(Path path) {
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(path);
        } catch (IOException e) {
            throw new StoreIoException("cannot read " + path + ": " + e, e);
        }
        if (bytes.length < HEADER_BYTES + HASH_BYTES) {
            throw new CorruptionException(path, bytes.length, "a manifest", "the end of the file");
        }
        ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (in.getLong(0) != MAGIC) {
            throw new CorruptionException(
                    path, 0, "%016x, a manifest's first bytes".formatted(MAGIC), "%016x".formatted(in.getLong(0)));
        }
        int body = bytes.length - HASH_BYTES;
        long computed = hash(bytes, body);
        long stored = in.getLong(body);
        if (computed != stored) {
            throw new CorruptionException(
                    path, 0, "%d bytes with XXH64 %016x".formatted(body, stored), "XXH64 %016x".formatted(computed));
        }
        int version = in.getInt(8);
        if (version > VERSION) {
            throw new StoreFormatException(path, "manifest version " + version, VERSION);
        }
        if (version < 1) {
            throw new CorruptionException(path, 8, "manifest version 1 to " + VERSION, "version " + version);
        }
        if (in.getLong(16) != bytes.length) {
            throw new CorruptionException(path, 16, "a file of " + in.getLong(16) + " bytes", bytes.length + " bytes");
        }
        in.position(HEADER_BYTES).limit(body);
        try {
            return decode(in, version);
        } catch (BufferUnderflowException | NegativeArraySizeException | AssertionError e) {
            throw new CorruptionException(
                    path, in.position(), "a manifest's fields", "fields that do not add up: " + e);
        }
    }

    private ByteBuffer encode() {
        long size = HEADER_BYTES + 24 + 4 + 16L * logs.size() + 8 + HASH_BYTES;
        for (FamilyEntry family : families) {
            size += 24 + bytes(family.name).length + bytes(family.order).length;
            for (int level = 0; level < LEVELS; level++) {
                size += 4;
                for (TableMeta table : family.levels.get(level)) {
                    size += 64 + table.smallest().length + table.largest().length;
                }
            }
        }
        ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(size)).order(ByteOrder.LITTLE_ENDIAN);
        // Builds that know version 2 take all orders for that of unsigned bytes.
        boolean bytewise = families.stream().allMatch(family -> family.order.equals(BYTEWISE));
        out.putLong(MAGIC)
                .putInt(bytewise ? VERSION_BYTEWISE : VERSION)
                .putInt(0)
                .putLong(size);
        out.putLong(nextNumber).putLong(sequence).putLong(firstLog);
        out.putInt(logs.size());
        for (LogEntry log : logs) {
            out.putLong(log.number()).putLong(log.end());
        }
        out.putInt(nextFamily).putInt(families.size());
        for (FamilyEntry family : families) {
            out.putInt(family.number);
            put(out, bytes(family.name));
            put(out, bytes(family.order));
            out.putLong(family.flushedSequence);
            put(out, family);
        }
        if (out.position() != size - HASH_BYTES) {
            throw new AssertionError(out.position() + " bytes encoded of " + size);
        }
        out.putLong(hash(out.array(), out.position()));
        return out.flip();
    }

    private static void put(ByteBuffer out, FamilyEntry family) {
        out.putInt(LEVELS);
        for (int level = 0; level < LEVELS; level++) {
            out.putInt(family.levels.get(level).size());
            for (TableMeta table : family.levels.get(level)) {
                out.putLong(table.number()).putLong(table.bytes()).putLong(table.checksum());
                out.putLong(table.entries()).putLong(table.garbage());
                out.putLong(table.smallestSequence()).putLong(table.largestSequence());
                put(out, table.smallest());
                put(out, table.largest());
            }
        }
    }

    private static Manifest decode(ByteBuffer in, int version) {
        long nextNumber = in.getLong();
        long sequence = in.getLong();
        long firstLog = in.getLong();
        List<LogEntry> logs = new ArrayList<>();
        for (int left = in.getInt(); left > 0; left--) {
            logs.add(new LogEntry(in.getLong(), in.getLong()));
        }
        int nextFamily = 1;
        List<FamilyEntry> families = new ArrayList<>();
        if (version == 1) {
            families.add(family(in, version, 0, DEFAULT_FAMILY, BYTEWISE, sequence));
        } else {
            nextFamily = in.getInt();
            for (int left = in.getInt(); left > 0; left--) {
                families.add(family(in, version, in.getInt(), text(get(in)), text(get(in)), in.getLong()));
            }
        }
        if (in.hasRemaining()) {
            throw new AssertionError(in.remaining() + " bytes left over");
        }
        return new Manifest(nextNumber, sequence, firstLog, logs, nextFamily, families);
    }

    private static FamilyEntry family(
            ByteBuffer in, int version, int number, String name, String order, long flushedSequence) {
        List<List<TableMeta>> levels = new ArrayList<>();
        for (int left = in.getInt(); left > 0; left--) {
            if (version == 1) {
                byte[] unused = get(in);
            }
            List<TableMeta> tables = new ArrayList<>();
            for (int more = in.getInt(); more > 0; more--) {
                tables.add(new TableMeta(
                        in.getLong(),
                        in.getLong(),
                        in.getLong(),
                        in.getLong(),
                        in.getLong(),
                        in.getLong(),
                        in.getLong(),
                        get(in),
                        get(in)));
            }
            levels.add(tables);
        }
        return new FamilyEntry(number, name, order, flushedSequence, levels);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static void put(ByteBuffer out, byte[] bytes) {
        out.putInt(bytes.length).put(bytes);
    }

    private static byte[] get(ByteBuffer in) {
        int length = in.getInt();
        if (length > in.remaining()) {
            throw new BufferUnderflowException();
        }
        byte[] bytes = new byte[length];
        in.get(bytes);
        return bytes;
    }

    private static long hash(byte[] bytes, int length) {
        MemorySegment copy = NativeMemory.allocate(length, "manifest");
        try {
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, copy, 0, length);
            return Xxh64.hash(copy, 0, length, 0);
        } finally {
            NativeMemory.free(copy);
        }
    }
}
