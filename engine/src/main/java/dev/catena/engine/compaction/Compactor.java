package dev.catena.engine.compaction;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.Options;
import dev.catena.engine.StoreEvent;
import dev.catena.engine.StoreIoException;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.MergingIterator;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.event.Events;
import dev.catena.engine.table.LevelIterator;
import dev.catena.engine.table.Runs;
import dev.catena.engine.table.TableBuilder;
import dev.catena.engine.table.TableReader;
import dev.catena.engine.table.TableScanner;
import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.TableMeta;
import dev.catena.engine.version.Version;
import dev.catena.engine.version.VersionSet;
import dev.catena.io.chain.ChainIoException;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.ChunkWriter;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Does compactions: inputs are read past the cache with every chunk verified on the way, merged, and written as new tables; the
 * change becomes durable in one manifest; then the inputs go. Damage found in an input stops it with the inputs kept, and from
 * then on that table is left alone ({@link Picker}). Where the device has no room for what is written, that is deleted, and tried again later.
 *
 * <p><b>Parts.</b> A large compaction is cut at keys into parts ({@link KeyPart}), merged by a thread each; the tables of all of them become current with
 * one manifest. When one fails the others end soon, and what they wrote is deleted.
 *
 * <p>Used by the compaction thread alone; counters may be read by any.
 */
public final class Compactor {
    /** A store that was not flushed for so long is at rest: what nobody needs is given back then. */
    private static final long REST_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** A part of a compaction is as large as so many tables at least. */
    private static final int PART_TABLES = 2;

    /** Compactions that found no room are tried again after so long, and after twice as long each time that there is none, */
    private static final long RETRY_NANOS_MIN = TimeUnit.SECONDS.toNanos(1);

    /** but not after more. */
    private static final long RETRY_NANOS_MAX = TimeUnit.SECONDS.toNanos(60);

    /** Bytes of a run that is copied at once, about, and at most an eighth of a table's: a table may end before each. */
    private static final long RUN_BYTES = 8L << 20;

    private final ChainRuntime runtime;
    private final VersionSet versions;
    private final Options options;
    private final TableWriter writer;
    private final Consumer<Version> install;
    private final UnaryOperator<CorruptionException> damaged;
    private final Events events;
    private final RateLimiter limiter;

    private final Deque<ManualCompaction> manual = new ArrayDeque<>(); // under its own monitor, as is:
    private @Nullable RuntimeException ended;

    // The compaction thread's:
    private long flushedSeen = -1;
    private long restsFrom;
    private long retryNanos;
    private long retryAt;

    /** Why compactions wait for room; null when they do not. Written by the compaction thread. */
    private volatile @Nullable StoreIoException noRoom;

    /** Tables that were rewritten to get rid of what nobody sees; once is enough. */
    private final Set<Long> rewritten = new HashSet<>();

    private final LongAdder compactions = new LongAdder();
    private final LongAdder moves = new LongAdder();
    private final LongAdder readBytes = new LongAdder();
    private final LongAdder writtenBytes = new LongAdder();
    private final LongAdder copiedBytes = new LongAdder();

    /**
     * Counters.
     *
     * @param compactions merges done
     * @param moves tables moved down as they were
     * @param readBytes bytes of the inputs, but for those that were dropped unread
     * @param writtenBytes bytes of the results
     * @param copiedBytes those of them that are copies of the inputs' as they were
     */
    public record Counters(long compactions, long moves, long readBytes, long writtenBytes, long copiedBytes) {}

    /**
     * @param install makes a new version visible to readers
     * @param damaged hears of damage in an input, and marks the table; what to throw
     * @param events hears of compactions
     * @param limiter holds the writing of tables back
     */
    public Compactor(
            ChainRuntime runtime,
            VersionSet versions,
            Options options,
            TableWriter writer,
            Consumer<Version> install,
            UnaryOperator<CorruptionException> damaged,
            Events events,
            RateLimiter limiter) {
        this.runtime = runtime;
        this.versions = versions;
        this.options = options;
        this.writer = writer;
        this.install = install;
        this.damaged = damaged;
        this.events = events;
        this.limiter = limiter;
    }

    /**
     * Asks for the tables with keys of a range to be merged into the last level. The future completes when that is done, with {@link
     * CorruptionException} if a damaged table has keys of the range; cancelling it ends it, with the store as it was or half done.
     *
     * @param begin the smallest key of the range; null for no bound
     * @param end the smallest key above the range; null for no bound
     */
    public CompletableFuture<@Nullable Void> request(byte @Nullable [] begin, byte @Nullable [] end) {
        ManualCompaction asked = new ManualCompaction(begin, end, versions.flushedSequence());
        synchronized (manual) {
            if (ended == null) {
                manual.addLast(asked);
            } else {
                asked.future.completeExceptionally(ended);
            }
        }
        return asked.future;
    }

    /** Says that nothing more will be compacted: what was asked for fails. */
    public void end(RuntimeException why) {
        List<ManualCompaction> left;
        synchronized (manual) {
            ended = why;
            left = List.copyOf(manual);
            manual.clear();
        }
        // Elsewhere: what hangs on the futures must not run here, where locks may be held.
        left.forEach(asked -> asked.future.completeAsync(() -> {
            throw why;
        }));
    }

    /**
     * Does a compaction: one that was asked for and the most urgent one in turn; when there is neither, and nothing was flushed for a while,
     * one that gives space back. False when there was nothing to do; then there may be when {@link #restNanos} have passed, or the
     * version, a request or the oldest snapshot is another one.
     */
    public boolean work() {
        long flushed = versions.flushedSequence();
        if (flushed != flushedSeen) {
            flushedSeen = flushed;
            restsFrom = System.nanoTime() + REST_NANOS;
        }
        boolean asked = runManual();
        StoreIoException waited = noRoom;
        if (waited != null && retryAt - System.nanoTime() > 0) {
            return asked;
        }
        boolean worked = run(Picker::urgent, null)
                || asked
                || (noRoom == waited && restsFrom - System.nanoTime() <= 0 && run(Picker::forSpace, null));
        if (noRoom == waited) {
            noRoom = null; // nothing is due that needs any
        }
        return worked;
    }

    /**
     * Nanoseconds until there is room to be looked for again, or the store has been at rest for long enough to give space back; the largest number
     * when it has.
     */
    public long restNanos() {
        if (noRoom != null) {
            return Math.max(1, retryAt - System.nanoTime());
        }
        long left = restsFrom - System.nanoTime();
        return left > 0 ? left : Long.MAX_VALUE;
    }

    /** Does a part of the oldest compaction that was asked for; false when none was. */
    private boolean runManual() {
        ManualCompaction asked;
        synchronized (manual) {
            asked = manual.peekFirst();
        }
        if (asked == null) {
            return false;
        }
        boolean more = false;
        try {
            if (asked.isWhole()) {
                more = run(picker -> picker.everything(asked.sequence), asked);
            } else {
                while (!more && !asked.future.isDone() && asked.level < Manifest.LEVELS) {
                    int level = asked.level++;
                    more = run(picker -> picker.range(level, asked.begin, asked.end), asked);
                }
            }
        } catch (CancellationException e) {
            more = false;
        }
        if (!more) {
            synchronized (manual) {
                manual.remove(asked);
            }
            CorruptionException damage = damageIn(asked);
            asked.future.completeAsync(() -> {
                if (asked.failure != null) {
                    throw asked.failure;
                }
                if (damage != null) {
                    throw damaged.apply(damage);
                }
                return null;
            });
        }
        return true;
    }

    private @Nullable CorruptionException damageIn(ManualCompaction asked) {
        Version version = versions.retainCurrent();
        try {
            return asked.damage(version);
        } finally {
            version.release();
        }
    }

    /** Of a version's levels from 1 on: bytes that it holds before it is compacted; 0 for those not in use. */
    public static long[] limits(Version version, Options options) {
        return LevelSizes.of(version, options).limits();
    }

    /** Bytes that compactions will read and write, about, until a version's levels hold no more than they may. */
    public static double debt(Version version, Options options) {
        return LevelSizes.of(version, options).debt(version, options);
    }

    /** Whether damaged tables keep level 0 from being compacted. */
    public boolean isStuck(Version version) {
        return new Picker(version, options, Long.MAX_VALUE, Set.of(), writer::isDeleted).isStuck();
    }

    /** Counters so far. */
    public Counters counters() {
        return new Counters(compactions.sum(), moves.sum(), readBytes.sum(), writtenBytes.sum(), copiedBytes.sum());
    }

    /** Also true when damage was met: what can be done without that table is to be seen anew. */
    private boolean run(Function<Picker, @Nullable Compaction> choice, @Nullable ManualCompaction asked) {
        Version version = versions.retainCurrent();
        try {
            Compaction compaction =
                    choice.apply(new Picker(version, options, writer.oldestSnapshot(), rewritten, writer::isDeleted));
            if (compaction == null) {
                return false;
            }
            boolean isMove = compaction.isMove(options);
            Events.Span span = events.begin(event(compaction, isMove, 0, 0, 0, 0));
            long bytes = compaction.bytes();
            LongAdder copied = new LongAdder();
            int tables = compaction.tables().size();
            if (isMove) {
                apply(compaction, compaction.tables());
                moves.add(tables);
            } else {
                List<TableMeta> written = merge(compaction, version, asked, copied);
                noRoom = null;
                if (compaction.level() == compaction.output()) {
                    written.forEach(table -> rewritten.add(table.number()));
                }
                tables = written.size();
                bytes = written.stream().mapToLong(TableMeta::bytes).sum();
                compactions.increment();
                writtenBytes.add(bytes);
                copiedBytes.add(copied.sum());
            }
            span.end(event(compaction, isMove, tables, bytes, copied.sum(), span.nanos()));
            return true;
        } catch (NoRoom e) {
            postpone(e.failure);
            if (asked != null) {
                asked.failure = noRoom;
            }
            return false;
        } catch (CorruptionException e) {
            if (!isInTable(e, version)) {
                throw e;
            }
            return true;
        } catch (ChainIoException e) {
            if (!(TableReader.failure(e) instanceof CorruptionException damage && isInTable(damage, version))) {
                throw e;
            }
            return true;
        } finally {
            version.release();
            versions.deleteObsolete();
        }
    }

    /** The device had no room for what a merge wrote. It was deleted, and nothing has changed. */
    private static final class NoRoom extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final ChainIoException failure;

        NoRoom(ChainIoException failure) {
            super(failure);
            this.failure = failure;
        }
    }

    private void postpone(ChainIoException e) {
        retryNanos = noRoom == null ? RETRY_NANOS_MIN : Math.min(RETRY_NANOS_MAX, 2 * retryNanos);
        retryAt = System.nanoTime() + retryNanos;
        StoreIoException told = new StoreIoException(
                "no room for a compaction of column family '" + versions.name() + "': " + e.getMessage()
                        + ". Make room; it is tried again now and then",
                e);
        noRoom = told;
        events.postponed(told, retryNanos);
    }

    /** Why compactions wait for room on the device; null when they do not. Any thread. */
    public @Nullable StoreIoException noRoom() {
        return noRoom;
    }

    /** Tells of damage; whether it is in one of the tables, which is marked then. */
    private boolean isInTable(CorruptionException e, Version version) {
        Path file = damaged.apply(e).file();
        return version.tables().stream()
                .map(TableFile::damage)
                .anyMatch(damage -> damage != null && file.equals(damage.file()));
    }

    private static StoreEvent event(
            Compaction compaction, boolean isMove, int tables, long bytes, long copied, long nanos) {
        return new StoreEvent.Compaction(
                compaction.reason(),
                compaction.level(),
                compaction.output(),
                isMove,
                compaction.tables().size(),
                compaction.bytes(),
                tables,
                bytes,
                copied,
                nanos);
    }

    /** Merges, and makes the result current; returns what was written. */
    private List<TableMeta> merge(
            Compaction compaction, Version version, @Nullable ManualCompaction asked, LongAdder copied) {
        RangeDeletions ranges = compaction.rangeDeletions();
        Compaction read = compaction.without(writer::isDeleted, ranges);
        List<KeyPart> parts = compaction.output() == 0
                ? List.of(KeyPart.ALL)
                : KeyPart.of(read, versions.order(), options.maxSubcompactions(), PART_TABLES * options.tableBytes());
        long tableBytes = compaction.output() == 0 ? Long.MAX_VALUE : options.tableBytes();
        boolean lastLevel = compaction.output() == version.levels() - 1;
        List<byte[]> endsBelow = (lastLevel ? List.<TableFile>of() : version.level(compaction.output() + 1))
                .stream().map(table -> table.meta().largest()).toList();
        Subcompactions<KeyPart> work = new Subcompactions<>(parts);
        BooleanSupplier over = () -> work.hasFailed() || (asked != null && asked.future.isDone());
        List<TableFile> written;
        try {
            written = work.run(
                    part -> {
                        Compaction of = read.within(part, versions.order());
                        Runs runs = new Runs(
                                versions.order(),
                                of.tables().stream().map(TableFile::reader).toList(),
                                ranges,
                                part.after(),
                                part.until(),
                                Math.min(RUN_BYTES, tableBytes / 8),
                                table -> writer.isLike(table, lastLevel));
                        Scans scans = new Scans(parts.size() * compaction.openAtOnce(), part, runs, copied);
                        try (InternalIterator input =
                                part.of(MergingIterator.of(versions.order(), of.open(scans)), versions.order())) {
                            return writer.write(
                                    input,
                                    part.of(ranges),
                                    compaction.below(version),
                                    TableEnds.at(tableBytes, versions.order(), endsBelow),
                                    read.bytes() / parts.size(),
                                    lastLevel,
                                    scans,
                                    bytes -> {
                                        limiter.compacted(bytes, over);
                                        if (over.getAsBoolean()) {
                                            throw new CancellationException("compact was cancelled");
                                        }
                                    });
                        }
                    },
                    table -> {
                        table.markObsolete();
                        table.release();
                    });
        } catch (ChainIoException e) {
            throw e.isOfRoom() ? new NoRoom(e) : e;
        }
        readBytes.add(read.bytes());
        try {
            apply(compaction, written);
            return written.stream().map(TableFile::meta).toList();
        } finally {
            written.forEach(TableFile::release);
        }
    }

    private void apply(Compaction compaction, List<TableFile> added) {
        versions.apply(VersionSet.Edit.compacted(compaction.tables(), compaction.output(), added), install);
    }

    /** Reads inputs sequentially, past the cache. */
    private final class Scans implements Compaction.Opener, TableWriter.Copier {
        /** All inputs share so many, or a sixteenth of the store's budget. The further ahead, the fewer system calls: an idle chain is woken for many chunks at once. */
        private static final int READ_AHEAD_CHUNKS = 512;

        private final int readAheadChunks;
        private final KeyPart part;
        private final Runs runs;
        private final LongAdder copied;
        private final Map<Long, TableScanner> opened = new HashMap<>();

        Scans(int openAtOnce, KeyPart part, Runs runs, LongAdder copied) {
            this.part = part;
            this.runs = runs;
            this.copied = copied;
            long budget = options.memoryBudget();
            int chunks = budget == 0
                    ? READ_AHEAD_CHUNKS
                    : (int) Math.min(READ_AHEAD_CHUNKS, budget / 16 / ChunkWriter.CHUNK);
            readAheadChunks = Math.clamp(chunks / openAtOnce, budget == 0 ? 8 : 2, 128);
        }

        @Override
        public InternalIterator table(TableFile table) {
            TableReader reader = table.reader();
            TableScanner scanner =
                    reader.scanner(runtime, readAheadChunks, part.after(), part.until(), runs.of(reader));
            opened.put(reader.number(), scanner);
            return scanner;
        }

        @Override
        public long copy(long table, TableBuilder to) {
            long bytes = Objects.requireNonNull(opened.get(table)).copyRun(to);
            copied.add(bytes);
            return bytes;
        }

        @Override
        public InternalIterator level(List<TableFile> tables) {
            return new LevelIterator<>(versions.order(), tables, this::table);
        }
    }
}
