package dev.catena.engine;

import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.version.StoreDirectory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How a store is opened. Immutable: each {@code with…} method returns a changed copy. Every option may differ from one opening to
 * the next; files written under other options stay readable. The store keeps them in its file {@code OPTIONS}, for people and for
 * {@link #stored}.
 */
public final class Options {
    /** A hundred years, which nanoseconds can still count. */
    private static final Duration SCRUB_INTERVAL_MAX = Duration.ofDays(36_500);

    /** The text for the best backend that works. */
    private static final String BEST = "best";

    /** The text for the compression that all levels have. */
    private static final String SAME = "same";

    /** The name of no merge operator. */
    static final String NONE = "none";

    private static final Options DEFAULTS = new Options();

    private boolean createIfMissing = true;
    private static final long MEMTABLE_BYTES = 64L << 20;

    private long memtableBytes; // 0 when not set
    private int memtables = 2;
    private long cacheBytes = 64L << 20;
    private long memoryBudget;
    private int blockBytes = 4096;
    private int filterBitsPerKey = 10;
    private @Nullable Integer lastLevelFilterBitsPerKey;
    private Compression compression = Compression.LZ4;
    private @Nullable Compression lastLevelCompression;
    private @Nullable String backend;
    private long tableBytes = 64L << 20;
    private long levelOneBytes = 256L << 20;
    private int levelZeroTrigger = 4;
    private int maxSubcompactions = Math.clamp(Runtime.getRuntime().availableProcessors() / 2, 1, 4);

    private @Nullable MergeOperator mergeOperator;

    /** Its name, also where a store tells the name of an operator that is not here; {@link #NONE} for none. */
    private String mergeOperatorName = NONE;

    private KeyComparator keyComparator = KeyComparators.unsignedBytes();
    private long writeBufferBytes;
    private Map<String, Options> families = Map.of();
    private long backgroundBytesPerSecond;

    private StoreListener listener = StoreListener.NONE;
    private long scrubBytesPerSecond = 4L << 20;
    private boolean keyChecksums = true;
    private Duration scrubInterval = Duration.ofDays(1);

    /** An option as text. */
    private record Kept(String name, Function<Options, Object> value, BiFunction<Options, String, Options> change) {}

    private static final List<Kept> KEPT = List.of(
            new Kept("memtableBytes", Options::memtableBytes, (o, text) -> o.withMemtableBytes(Long.parseLong(text))),
            new Kept("memtables", Options::memtables, (o, text) -> o.withMemtables(Integer.parseInt(text))),
            new Kept(
                    "writeBufferBytes",
                    o -> o.writeBufferBytes,
                    (o, text) -> o.withWriteBufferBytes(Long.parseLong(text))),
            new Kept("cacheBytes", Options::cacheBytes, (o, text) -> o.withCacheBytes(Long.parseLong(text))),
            new Kept("memoryBudget", Options::memoryBudget, (o, text) -> o.withMemoryBudget(Long.parseLong(text))),
            new Kept("blockBytes", Options::blockBytes, (o, text) -> o.withBlockBytes(Integer.parseInt(text))),
            new Kept(
                    "filterBitsPerKey",
                    Options::filterBitsPerKey,
                    (o, text) -> o.withFilterBitsPerKey(Integer.parseInt(text))),
            new Kept(
                    "lastLevelFilterBitsPerKey",
                    o -> o.lastLevelFilterBitsPerKey == null ? SAME : o.lastLevelFilterBitsPerKey,
                    (o, text) -> o.withLastLevelFilterBitsPerKey(text.equals(SAME) ? null : Integer.valueOf(text))),
            new Kept("compression", Options::compression, (o, text) -> o.withCompression(Compression.valueOf(text))),
            new Kept(
                    "lastLevelCompression",
                    o -> o.lastLevelCompression == null ? SAME : o.lastLevelCompression,
                    (o, text) -> o.withLastLevelCompression(text.equals(SAME) ? null : Compression.valueOf(text))),
            new Kept(
                    "backend",
                    o -> Objects.requireNonNullElse(o.backend, BEST),
                    (o, text) -> o.withBackend(text.equals(BEST) ? null : text)),
            new Kept("tableBytes", Options::tableBytes, (o, text) -> o.withTableBytes(Long.parseLong(text))),
            new Kept("levelOneBytes", Options::levelOneBytes, (o, text) -> o.withLevelOneBytes(Long.parseLong(text))),
            new Kept(
                    "levelZeroTrigger",
                    Options::levelZeroTrigger,
                    (o, text) -> o.withLevelZeroTrigger(Integer.parseInt(text))),
            new Kept(
                    "maxSubcompactions",
                    Options::maxSubcompactions,
                    (o, text) -> o.withMaxSubcompactions(Integer.parseInt(text))),
            new Kept(
                    "backgroundBytesPerSecond",
                    Options::backgroundBytesPerSecond,
                    (o, text) -> o.withBackgroundBytesPerSecond(Long.parseLong(text))),
            new Kept(
                    "scrubBytesPerSecond",
                    Options::scrubBytesPerSecond,
                    (o, text) -> o.withScrubBytesPerSecond(Long.parseLong(text))),
            new Kept(
                    "keyChecksums", Options::keyChecksums, (o, text) -> o.withKeyChecksums(Boolean.parseBoolean(text))),
            new Kept("scrubInterval", Options::scrubInterval, (o, text) -> o.withScrubInterval(Duration.parse(text))),
            new Kept(
                    OptionsFile.KEY_ORDER,
                    o -> o.keyComparator.name(),
                    (o, text) -> o.with(copy -> copy.keyComparator = KeyComparators.named(text))),
            new Kept(OptionsFile.MERGE_OPERATOR, o -> o.mergeOperatorName, Options::withMergeOperatorNamed));

    private Options() {}

    private Options(Options other) {
        createIfMissing = other.createIfMissing;
        memtableBytes = other.memtableBytes;
        memtables = other.memtables;
        scrubBytesPerSecond = other.scrubBytesPerSecond;
        keyChecksums = other.keyChecksums;
        scrubInterval = other.scrubInterval;
        cacheBytes = other.cacheBytes;
        memoryBudget = other.memoryBudget;
        blockBytes = other.blockBytes;
        filterBitsPerKey = other.filterBitsPerKey;
        lastLevelFilterBitsPerKey = other.lastLevelFilterBitsPerKey;
        compression = other.compression;
        lastLevelCompression = other.lastLevelCompression;
        backend = other.backend;
        tableBytes = other.tableBytes;
        levelOneBytes = other.levelOneBytes;
        levelZeroTrigger = other.levelZeroTrigger;
        maxSubcompactions = other.maxSubcompactions;
        mergeOperator = other.mergeOperator;
        mergeOperatorName = other.mergeOperatorName;
        keyComparator = other.keyComparator;
        writeBufferBytes = other.writeBufferBytes;
        families = other.families;
        backgroundBytesPerSecond = other.backgroundBytesPerSecond;
        listener = other.listener;
    }

    /** What suits most uses: 64 MiB memtables and cache, 4 KiB LZ4 blocks, 10 filter bits a key. */
    public static Options defaults() {
        return DEFAULTS;
    }

    /** Whether a store is made in a directory that holds none; otherwise opening one is an error. Default true. */
    public Options withCreateIfMissing(boolean create) {
        return with(copy -> copy.createIfMissing = create);
    }

    /** Bytes that a memtable takes before it is written as a table: 64 KiB to 4 GiB. Default 64 MiB, and a quarter of {@link #withMemoryBudget} at most. */
    public Options withMemtableBytes(long bytes) {
        check("memtableBytes", bytes, 64L << 10, 4L << 30);
        return with(copy -> copy.memtableBytes = bytes);
    }

    /** Memtables in memory at most, the one that takes writes included: 2 to 16. Default 2. */
    public Options withMemtables(int count) {
        check("memtables", count, 2, 16);
        return with(copy -> copy.memtables = count);
    }

    /**
     * Bytes that the memtables of all column families may take together: 128 KiB or more, or 0 for 256 MiB, or as many as the default
     * family's memtables may take if that is more. Of the store as a whole. Default 0.
     *
     * <p>When active memtables take half of it the largest is written as a table; when all is taken writers wait. A family whose
     * memtable holds up more bytes of log than this has it written, too.
     */
    public Options withWriteBufferBytes(long bytes) {
        if (bytes != 0) {
            check("writeBufferBytes", bytes, 128L << 10, 1L << 40);
        }
        return with(copy -> copy.writeBufferBytes = bytes);
    }

    /**
     * What a column family is opened with; without that it is opened with these options themselves. Names that no family has mean
     * nothing.
     */
    public Options withColumnFamily(String name, Options options) {
        Map<String, Options> changed = new TreeMap<>(families);
        changed.put(checkFamilyName(name), options.in(options));
        return with(copy -> copy.families = Map.copyOf(changed));
    }

    /** Bytes of table blocks kept in memory: 1 MiB or more. Default 64 MiB. */
    public Options withCacheBytes(long bytes) {
        check("cacheBytes", bytes, 1L << 20, 1L << 40);
        return with(copy -> copy.cacheBytes = bytes);
    }

    /**
     * Bytes outside the Java heap for all of the store together: memtables, of which all get half at most, cached blocks with index and
     * filters, open tables, iterators, the log and compaction. The cache has what the others leave, whatever {@link #withCacheBytes}
     * says. 0 for no common budget, or 64 MiB and more, of which a memtable is at most a quarter. {@link Stats.Memory} shows who has
     * what. Default 0.
     */
    public Options withMemoryBudget(long bytes) {
        if (bytes != 0) {
            check("memoryBudget", bytes, 64L << 20, 1L << 40);
        }
        return with(copy -> copy.memoryBudget = bytes);
    }

    /** Bytes of a table's block before compression, about: 512 B to 1 MiB. Default 4 KiB. */
    public Options withBlockBytes(int bytes) {
        check("blockBytes", bytes, 512, 1 << 20);
        return with(copy -> copy.blockBytes = bytes);
    }

    /** Bits a key of a table's bloom filter, in the last level unless said otherwise, 0 for none: 0 to 32. Default 10, which errs about once in a hundred. */
    public Options withFilterBitsPerKey(int bits) {
        check("filterBitsPerKey", bits, 0, 32);
        return with(copy -> copy.filterBitsPerKey = bits);
    }

    /**
     * Bits a key of the filters of tables in the last level, 0 for none: 0 to 32, or null for as many as in the others. Nine in ten keys are
     * there, and their filters only spare reads for keys that are nowhere. So where most gets find something, few bits here and more in the
     * others ({@link #withFilterBitsPerKey}) save memory and reads. Default null.
     */
    public Options withLastLevelFilterBitsPerKey(@Nullable Integer bits) {
        check("lastLevelFilterBitsPerKey", bits == null ? 0 : bits, 0, 32);
        return with(copy -> copy.lastLevelFilterBitsPerKey = bits);
    }

    /** How new tables' blocks are stored, but for the last level's. Default LZ4. */
    public Options withCompression(Compression kind) {
        return with(copy -> copy.compression = Objects.requireNonNull(kind));
    }

    /** How new tables' blocks are stored in the last level, where most of the data is; null as in the others. Default null. */
    public Options withLastLevelCompression(@Nullable Compression kind) {
        return with(copy -> copy.lastLevelCompression = kind);
    }

    /** What runs I/O chains, by name; null for the best that works here, or what CATENA_BACKEND says. Default null. */
    public Options withBackend(@Nullable String name) {
        return with(copy -> copy.backend = name);
    }

    /** Bytes at which a compaction begins its next table: 64 KiB to 4 GiB. Default 64 MiB. */
    public Options withTableBytes(long bytes) {
        check("tableBytes", bytes, 64L << 10, 4L << 30);
        return with(copy -> copy.tableBytes = bytes);
    }

    /**
     * Bytes that the uppermost level in use below level 0 may hold at least, before it is compacted; a level comes into use when a tenth of
     * the level below it is two fifths of that. Default 256 MiB.
     */
    public Options withLevelOneBytes(long bytes) {
        check("levelOneBytes", bytes, 64L << 10, 1L << 50);
        return with(copy -> copy.levelOneBytes = bytes);
    }

    /** Tables in level 0 that start a compaction: 1 to 16. Default 4. */
    public Options withLevelZeroTrigger(int tables) {
        check("levelZeroTrigger", tables, 1, 16);
        return with(copy -> copy.levelZeroTrigger = tables);
    }

    /**
     * Threads that merge parts of a large compaction at the same time: 1 to 16. Default half of the processors, 4 at most; so with two processors one,
     * since writers want the other.
     */
    public Options withMaxSubcompactions(int threads) {
        check("maxSubcompactions", threads, 1, 16);
        return with(copy -> copy.maxSubcompactions = threads);
    }

    /**
     * What {@link Db#merge(byte[], byte[])} does. A store that was opened with an operator once is only opened with one of the same
     * name. Default none: merging is refused.
     *
     * @throws IllegalArgumentException when its name is empty, {@code none}, or more than a line
     */
    public Options withMergeOperator(MergeOperator operator) {
        String name = checkName(operator.name(), "a merge operator");
        return with(copy -> {
            copy.mergeOperator = operator;
            copy.mergeOperatorName = name;
        });
    }

    /**
     * The order of keys. A store or column family that was made with a comparator is only opened with one of the same name. Default
     * {@link KeyComparators#unsignedBytes}.
     *
     * @throws IllegalArgumentException when its name is empty, {@code none}, more than a line, or one of {@link KeyComparators}
     */
    public Options withKeyComparator(KeyComparator comparator) {
        String name = checkName(comparator.name(), "a key comparator");
        KeyComparator named = KeyComparators.named(name);
        if (!KeyComparators.isUnknown(named) && !named.equals(comparator)) {
            throw new IllegalArgumentException("'" + name + "' is the name of another key comparator");
        }
        return with(copy -> copy.keyComparator = comparator);
    }

    private static String checkName(String name, String of) {
        if (name.isEmpty()
                || name.equals(NONE)
                || !name.equals(name.strip())
                || name.lines().count() > 1) {
            throw new IllegalArgumentException("'" + name + "' cannot be the name of " + of);
        }
        return name;
    }

    /** With an operator of {@link MergeOperators}, or just the name of another: then operands are neither merged nor shown. */
    private Options withMergeOperatorNamed(String name) {
        return with(copy -> {
            copy.mergeOperator = MergeOperators.named(name);
            copy.mergeOperatorName = name;
        });
    }

    /**
     * Bytes a second that flushes and compactions write at most, flushes first: 0 for no bound, or 64 KiB or more. Writers are held
     * back when that is less than they need. Default 0.
     */
    public Options withBackgroundBytesPerSecond(long bytes) {
        check("backgroundBytesPerSecond", bytes, bytes == 0 ? 0 : 64L << 10, 1L << 50);
        return with(copy -> copy.backgroundBytesPerSecond = bytes);
    }

    /** Who hears of flushes, compactions, slow-downs and failures. Default nobody. */
    public Options withListener(StoreListener hears) {
        return with(copy -> copy.listener = Objects.requireNonNull(hears));
    }

    /** See {@link #withMergeOperator}; null for none, and when it is none that this program knows by its name ({@link #stored}). */
    public @Nullable MergeOperator mergeOperator() {
        return mergeOperator;
    }

    /** See {@link #withKeyComparator}; one that is nothing but a name when it is none that this program knows by its name ({@link #stored}). */
    public KeyComparator keyComparator() {
        return keyComparator;
    }

    KeyOrder keyOrder() {
        KeyOrder order = KeyOrder.of(keyComparator);
        order.checkKnown();
        return order;
    }

    /** See {@link #withBackgroundBytesPerSecond}. */
    public long backgroundBytesPerSecond() {
        return backgroundBytesPerSecond;
    }

    /**
     * How fast tables are read in the background to see whether they are still whole: bytes a second; 0 for never. What is
     * damaged is told to the listener and in {@link Db#damages}. Default 4 MiB.
     */
    public Options withScrubBytesPerSecond(long bytes) {
        check("scrubBytesPerSecond", bytes, 0, 1L << 40);
        return with(copy -> copy.scrubBytesPerSecond = bytes);
    }

    /** How often all tables are read so: from the beginning of a pass to that of the next. Default a day; the first begins 10 minutes after opening, or sooner with a shorter interval. */
    public Options withScrubInterval(Duration interval) {
        if (interval.isNegative() || interval.isZero() || interval.compareTo(SCRUB_INTERVAL_MAX) > 0) {
            throw new IllegalArgumentException(
                    "scrubInterval is " + interval + ": more than zero, up to " + SCRUB_INTERVAL_MAX + ", is allowed");
        }
        return with(copy -> copy.scrubInterval = interval);
    }

    /**
     * Whether each key and value has a checksum from when it is handed in until it is in a table's block, which has its own: so that what changes in
     * memory meanwhile is told with a {@link CorruptionException}, and not written. Of the store as a whole. Costs some ten
     * nanoseconds a write, and as much for each time that an entry is written to a table. Default true.
     */
    public Options withKeyChecksums(boolean on) {
        return with(copy -> copy.keyChecksums = on);
    }

    /** See {@link #withKeyChecksums}. */
    public boolean keyChecksums() {
        return keyChecksums;
    }

    /** See {@link #withScrubBytesPerSecond}. */
    public long scrubBytesPerSecond() {
        return scrubBytesPerSecond;
    }

    /** See {@link #withScrubInterval}. */
    public Duration scrubInterval() {
        return scrubInterval;
    }

    /** See {@link #withListener}. */
    public StoreListener listener() {
        return listener;
    }

    /** See {@link #withCreateIfMissing}. */
    public boolean createIfMissing() {
        return createIfMissing;
    }

    /** See {@link #withMemtableBytes}. */
    public long memtableBytes() {
        if (memtableBytes != 0) {
            return memtableBytes;
        }
        return memoryBudget == 0 ? MEMTABLE_BYTES : Math.min(MEMTABLE_BYTES, memoryBudget / 4);
    }

    /** See {@link #withMemtables}. */
    public int memtables() {
        return memtables;
    }

    /** See {@link #withWriteBufferBytes}: bytes, never 0. */
    public long writeBufferBytes() {
        return writeBufferBytes != 0 ? writeBufferBytes : Math.max(256L << 20, memtables * memtableBytes());
    }

    /** What a family is opened with: see {@link #withColumnFamily}. */
    Options ofFamily(String name) {
        return families.getOrDefault(name, this).in(this);
    }

    /** These as options of a family in a store that has other ones: what is of the store as a whole is as the store has it. */
    Options in(Options store) {
        return with(copy -> {
            copy.families = Map.of();
            copy.createIfMissing = store.createIfMissing;
            copy.writeBufferBytes = store.writeBufferBytes;
            copy.cacheBytes = store.cacheBytes;
            copy.memoryBudget = store.memoryBudget;
            copy.backend = store.backend;
            copy.backgroundBytesPerSecond = store.backgroundBytesPerSecond;
            copy.scrubBytesPerSecond = store.scrubBytesPerSecond;
            copy.scrubInterval = store.scrubInterval;
            copy.keyChecksums = store.keyChecksums;
            copy.listener = store.listener;
        });
    }

    /** Checks that a family may have this name. */
    static String checkFamilyName(String name) {
        boolean allowed = !name.isEmpty()
                && name.length() <= 200
                && name.equals(name.strip())
                && name.chars().noneMatch(c -> c == '[' || c == ']' || Character.isISOControl(c));
        if (!allowed) {
            throw new IllegalArgumentException("'" + name + "' is no name for a column family: 1 to 200 characters are"
                    + " allowed, no control characters or brackets, no space at either end");
        }
        return name;
    }

    /** See {@link #withCacheBytes}. */
    public long cacheBytes() {
        return cacheBytes;
    }

    /** See {@link #withMemoryBudget}. */
    public long memoryBudget() {
        return memoryBudget;
    }

    /** See {@link #withBlockBytes}. */
    public int blockBytes() {
        return blockBytes;
    }

    /** See {@link #withFilterBitsPerKey}. */
    public int filterBitsPerKey() {
        return filterBitsPerKey;
    }

    /** See {@link #withLastLevelFilterBitsPerKey}. */
    public int lastLevelFilterBitsPerKey() {
        return lastLevelFilterBitsPerKey == null ? filterBitsPerKey : lastLevelFilterBitsPerKey;
    }

    /** See {@link #withCompression}. */
    public Compression compression() {
        return compression;
    }

    /** See {@link #withLastLevelCompression}. */
    public Compression lastLevelCompression() {
        return lastLevelCompression == null ? compression : lastLevelCompression;
    }

    /** See {@link #withBackend}. */
    public @Nullable String backend() {
        return backend;
    }

    /** See {@link #withTableBytes}. */
    public long tableBytes() {
        return tableBytes;
    }

    /** See {@link #withLevelOneBytes}. */
    public long levelOneBytes() {
        return levelOneBytes;
    }

    /** See {@link #withMaxSubcompactions}. */
    public int maxSubcompactions() {
        return maxSubcompactions;
    }

    /** See {@link #withLevelZeroTrigger}. */
    public int levelZeroTrigger() {
        return levelZeroTrigger;
    }

    /**
     * The options that the store in a directory was last opened with, as its file {@code OPTIONS} says. A store of its own machine and
     * program: listener and {@link #createIfMissing} are the defaults, and a merge operator that is not of {@link MergeOperators} is known
     * by name only: opened so, the store shows all but merged values, which throw {@link MergeException}, and compaction keeps operands.
     * So is a key comparator that is not of {@link KeyComparators}: the store can only be opened for reading then, and whatever needs the
     * order of keys throws {@link KeyComparatorException}; figures are shown, and what can be verified without it is.
     *
     * @throws StoreIoException when there is no such file
     * @throws CorruptionException when it says something else than options
     */
    public static Options stored(Path directory) {
        return OptionsFile.read(new StoreDirectory(directory));
    }

    /** What is kept of them in a file, by name. */
    Map<String, String> texts() {
        Map<String, String> texts = new LinkedHashMap<>();
        KEPT.forEach(option -> texts.put(option.name, String.valueOf(option.value.apply(this))));
        return texts;
    }

    /**
     * A copy with an option read from text. An option that is not known is left out: another version may have it.
     *
     * @throws IllegalArgumentException when the value is not one
     */
    Options withText(String name, String text) {
        for (Kept option : KEPT) {
            if (option.name.equals(name)) {
                return option.change.apply(this, text);
            }
        }
        return this;
    }

    /**
     * Checks what options mean together; each for itself was checked when it was set.
     *
     * @throws IllegalArgumentException when they do not go together
     */
    void check() {
        if (memoryBudget > 0 && memtableBytes() > memoryBudget / 4) {
            throw new IllegalArgumentException("memtableBytes is " + memtableBytes
                    + ": at most a quarter of memoryBudget, " + memoryBudget / 4 + ", is allowed");
        }
        if (blockBytes > tableBytes || blockBytes > cacheBytes / 4) {
            throw new IllegalArgumentException("blockBytes is " + blockBytes + ": at most tableBytes, " + tableBytes
                    + ", and a quarter of cacheBytes, " + cacheBytes / 4 + ", are allowed");
        }
    }

    /** All options that are kept, in one line. */
    @Override
    public String toString() {
        return texts().entrySet().stream().map(Object::toString).collect(Collectors.joining(" "));
    }

    private Options with(Consumer<Options> change) {
        Options copy = new Options(this);
        change.accept(copy);
        return copy;
    }

    private static void check(String option, long value, long min, long max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(option + " is " + value + ": " + min + " to " + max + " are allowed");
        }
    }
}
