package dev.catena.engine.compaction;

import dev.catena.engine.Compression;
import dev.catena.engine.Options;
import dev.catena.engine.StoreClosedException;
import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MemoryAccount;
import dev.catena.engine.entry.MemoryAccount.Owner;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.table.TableBuilder;
import dev.catena.engine.table.TableProperties;
import dev.catena.engine.table.TableReader;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.TableMeta;
import dev.catena.engine.version.VersionSet;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.ChunkMismatchException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Writes what is needed of sorted entries ({@link Survivors}) to new tables: for the newest reader, and for open snapshots.
 *
 * <p>No other reader needs older versions: an iterator holds on to the memtables and tables that it was made over, and a lookup to those
 * current when it began.
 *
 * <p>All versions of a key go into one table, so that tables of a level do not overlap.
 *
 * <p>If anything goes wrong what was written is deleted, and the inputs stay as they were. One use, one thread.
 */
public final class TableWriter {
    /** How often progress is told: after so many entries, or bytes of values. */
    private static final int CHECK_ENTRIES = 1000;

    private static final long CHECK_BYTES = 1 << 20;

    private final ChainRuntime runtime;
    private final StoreDirectory directory;
    private final VersionSet versions;
    private final Options options;
    private final Supplier<long[]> snapshots;
    private final BooleanSupplier cancelled;
    private final MemoryAccount account;

    /** Whether data may lie below the level that is written. */
    @FunctionalInterface
    public interface Below {
        /** Whether a deeper level may have the key. Keys are asked for in ascending order. */
        boolean mayHave(long key, int length);

        /** Whether a deeper level may have keys from begin to end, which itself does not count. */
        default boolean mayHaveIn(byte[] begin, byte[] end) {
            return true;
        }
    }

    /** Copies runs of the input, which stand in it as entries of kind {@link Keys#RUN}. */
    @FunctionalInterface
    public interface Copier {
        /** No input has any. */
        Copier NONE = (table, to) -> {
            throw new AssertionError("a run in an input without runs");
        };

        /** Copies the run of a table that the input stands at, and returns its bytes. */
        long copy(long table, TableBuilder to);
    }

    /** Hears how a table grows. May wait, which slows the writing down, and throw, which ends it. */
    @FunctionalInterface
    public interface Progress {
        /** So many bytes, about, were written since the last call. */
        void written(long bytes);
    }

    /**
     * @param snapshots tells the sequence numbers of open snapshots, ascending
     * @param cancelled asked now and then; when true, writing stops with {@link StoreClosedException}
     * @param account charged with buffers
     */
    public TableWriter(
            ChainRuntime runtime,
            StoreDirectory directory,
            VersionSet versions,
            Options options,
            Supplier<long[]> snapshots,
            BooleanSupplier cancelled,
            MemoryAccount account) {
        this.runtime = runtime;
        this.directory = directory;
        this.versions = versions;
        this.options = options;
        this.snapshots = snapshots;
        this.cancelled = cancelled;
        this.account = account;
    }

    /**
     * Writes all that is needed of the input.
     *
     * @param input positioned nowhere, of entries that snapshots opened from now on all see; not closed
     * @param ranges deletions of ranges, of all sources of the input: what of them is needed is written, too. Where the input ends
     *     before them, because more of the same sources is written elsewhere, they are to be cut at a key with a zero byte added: what is
     *     before that is a table's up to the key
     * @param ends where tables end
     * @param expectedBytes how many bytes all tables will have together, about or at most: what is reserved
     * @param lastLevel whether the tables go to the last level, for which compression and filters may be set apart
     * @param copier copies the input's runs
     * @param progress called every few milliseconds
     * @return the tables, durable, opened, and retained for the caller
     */
    public List<TableFile> write(
            InternalIterator input,
            RangeDeletions ranges,
            Below below,
            TableEnds ends,
            long expectedBytes,
            boolean lastLevel,
            Copier copier,
            Progress progress) {
        List<TableFile> finished = new ArrayList<>();
        Output output = null;
        try (Survivors entries = new Survivors(input, ranges, below, snapshots.get(), options.mergeOperator())) {
            RangeDeletions left = entries.ranges();
            int untilCheck = 0;
            long unchecked = 0;
            long told = 0; // bytes of the output
            long expected = expectedBytes;
            while (entries.next()) {
                if (untilCheck-- == 0 || unchecked > CHECK_BYTES) {
                    untilCheck = CHECK_ENTRIES;
                    unchecked = 0;
                    if (cancelled.getAsBoolean()) {
                        throw new StoreClosedException("store " + directory.path());
                    }
                    long now = output == null ? 0 : output.builder.estimatedBytes();
                    progress.written(now - told);
                    told = now;
                }
                if (output != null
                        && entries.isFirstOfKey()
                        && ends.isDue(entries.keyAddress(), entries.keyLength(), output.builder.estimatedBytes())
                        && mayEndBefore(entries, left)) {
                    byte[] after = afterLastKey(output.builder, entries);
                    output.builder.setRangeDeletions(left.before(after));
                    left = left.from(after);
                    progress.written(output.builder.estimatedBytes() - told);
                    expected -= output.builder.estimatedBytes();
                    finished.add(output.finish());
                    output = null;
                    told = 0;
                }
                if (output == null) {
                    output = new Output(lastLevel);
                    ends.begin();
                    // A table is a little larger than it is to be.
                    long tableBytes = ends.tableBytes();
                    output.builder.expect(
                            Math.min(expected, tableBytes == Long.MAX_VALUE ? expected : tableBytes + tableBytes / 16));
                }
                if (Keys.kind(entries.trailer()) == Keys.RUN) {
                    unchecked += copier.copy(Memory.getLong(entries.valueAddress()), output.builder);
                    continue;
                }
                output.builder.add(
                        entries.keyAddress(),
                        entries.keyLength(),
                        entries.trailer(),
                        entries.valueAddress(),
                        entries.valueLength(),
                        options.keyChecksums() ? entries.checksum() : 0);
                unchecked += entries.valueLength();
            }
            if (output == null && !left.isEmpty()) {
                output = new Output(lastLevel);
                addFirst(left, output.builder);
            }
            if (output != null) {
                output.builder.setRangeDeletions(left);
                progress.written(output.builder.estimatedBytes() - told);
                finished.add(output.finish());
                output = null;
            }
            directory.sync();
            return finished;
        } catch (RuntimeException | Error e) {
            if (output != null) {
                output.abandon(e);
            }
            for (TableFile table : finished) {
                table.markObsolete();
                table.release();
            }
            versions.deleteObsolete();
            if (e instanceof ChunkMismatchException damage) {
                throw TableReader.corruption(damage);
            }
            throw e;
        }
    }

    /** Whether what is in a table is as it would be written: parts of it can be copied. */
    boolean isLike(TableReader table, boolean lastLevel) {
        return table.isCopyable(options.blockBytes(), filterBits(lastLevel), compression(lastLevel));
    }

    private int filterBits(boolean lastLevel) {
        return lastLevel ? options.lastLevelFilterBitsPerKey() : options.filterBitsPerKey();
    }

    private Compression compression(boolean lastLevel) {
        return lastLevel ? options.lastLevelCompression() : options.compression();
    }

    /** Whether deletions of ranges delete all that a table holds, and no snapshot sees any of it. */
    boolean isDeleted(TableMeta table, RangeDeletions ranges) {
        return isDeleted(table, ranges, Long.MAX_VALUE)
                && Arrays.stream(snapshots.get())
                        .allMatch(
                                snapshot -> snapshot < table.smallestSequence() || isDeleted(table, ranges, snapshot));
    }

    private static boolean isDeleted(TableMeta table, RangeDeletions ranges, long snapshot) {
        return ranges.newestOfAll(table.smallest(), table.largest(), snapshot) > table.largestSequence();
    }

    /**
     * Where deletions of ranges are cut that go on behind a table: after its last key, before any other. So its key range, ends included,
     * ends with its last key, and the next table's begins after that. Only in the order of unsigned bytes there is such a place in any
     * range; else tables end where no range is cut.
     */
    private byte[] afterLastKey(TableBuilder builder, Survivors next) {
        if (versions.order() == KeyOrder.BYTES) {
            byte[] last = builder.lastKey();
            return Arrays.copyOf(last, last.length + 1);
        }
        return next.keyLength() == 0 ? new byte[0] : Memory.toArray(next.keyAddress(), next.keyLength());
    }

    private boolean mayEndBefore(Survivors next, RangeDeletions ranges) {
        return versions.order() == KeyOrder.BYTES || ranges.areApartAt(next.keyAddress(), next.keyLength());
    }

    /** Adds an entry to a table that has deletions of ranges only, as it needs one: the deletion of the first key that they delete anyway. */
    private static void addFirst(RangeDeletions ranges, TableBuilder builder) {
        byte[] first = ranges.begin(0);
        try (Buffer key = new Buffer(Math.max(1, first.length), "compaction")) {
            MemorySegment.copy(first, 0, key.segment(), ValueLayout.JAVA_BYTE, 0, first.length);
            builder.add(key.address(), first.length, Keys.trailer(ranges.sequences(0)[0], Keys.DELETE), 0, 0);
        }
    }

    /** The sequence number of the oldest open snapshot; the largest number there is if there is none. */
    long oldestSnapshot() {
        long[] open = snapshots.get();
        return open.length == 0 ? Long.MAX_VALUE : open[0];
    }

    /** One table being written. */
    private final class Output {
        final long number = versions.nextNumber();
        final Path path = directory.table(number);
        final ChainFile file;
        final TableBuilder builder;
        private boolean closed;

        Output(boolean lastLevel) {
            file = runtime.open(path, ChainFile.Mode.CREATE, ChainFile.Access.DIRECT);
            TableBuilder made = null;
            try {
                made = new TableBuilder(
                        runtime,
                        file,
                        number,
                        options.blockBytes(),
                        filterBits(lastLevel),
                        compression(lastLevel),
                        versions.order());
            } finally {
                if (made == null) {
                    file.close();
                }
            }
            if (options.keyChecksums()) {
                made.checkEntries(
                        directory.path(),
                        "a block of " + path.getFileName() + ", column family '" + versions.name() + "',");
            }
            builder = made;
            account.charge(Owner.COMPACTION, TableBuilder.MEMORY_BYTES);
        }

        TableFile finish() {
            TableProperties built = builder.finish();
            TableFile table = versions.open(TableMeta.of(number, built), builder.end());
            close(null);
            return table;
        }

        void abandon(Throwable why) {
            close(why);
            try {
                directory.delete(path);
            } catch (RuntimeException e) {
                why.addSuppressed(e);
            }
        }

        private void close(@Nullable Throwable why) {
            if (closed) {
                return;
            }
            closed = true;
            account.charge(Owner.COMPACTION, -TableBuilder.MEMORY_BYTES);
            try {
                builder.close();
            } catch (RuntimeException e) {
                if (why == null) {
                    throw e;
                }
                why.addSuppressed(e);
            } finally {
                file.close();
            }
        }
    }
}
