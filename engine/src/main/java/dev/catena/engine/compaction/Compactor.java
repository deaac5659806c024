package dev.catena.engine.compaction;

import dev.catena.engine.Options;
import dev.catena.engine.StoreEvent;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.MergingIterator;
import dev.catena.engine.entry.RangeDeletions;
import dev.catena.engine.event.Events;
import dev.catena.engine.table.LevelIterator;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.TableMeta;
import dev.catena.engine.version.Version;
import dev.catena.engine.version.VersionSet;
import dev.catena.io.chain.ChainRuntime;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Does compactions: inputs are read past the cache with every chunk verified on the way, merged, and written as new tables; the
 * change becomes durable in one manifest; then the inputs go. Damage found in an input stops it with the inputs kept.
 *
 * <p>Used by the compaction thread alone; counters may be read by any.
 */
public final class Compactor {
    private final ChainRuntime runtime;
    private final VersionSet versions;
    private final Options options;
    private final TableWriter writer;
    private final Consumer<Version> install;
    private final Events events;

    private final LongAdder compactions = new LongAdder();
    private final LongAdder moves = new LongAdder();
    private final LongAdder readBytes = new LongAdder();
    private final LongAdder writtenBytes = new LongAdder();

    /**
     * Counters.
     *
     * @param compactions merges done
     * @param moves tables moved down as they were
     * @param readBytes bytes of the inputs, but for those that were dropped unread
     * @param writtenBytes bytes of the results
     */
    public record Counters(long compactions, long moves, long readBytes, long writtenBytes) {}

    /**
     * @param install makes a new version visible to readers
     * @param events hears of compactions
     */
    public Compactor(
            ChainRuntime runtime,
            VersionSet versions,
            Options options,
            TableWriter writer,
            Consumer<Version> install,
            Events events) {
        this.runtime = runtime;
        this.versions = versions;
        this.options = options;
        this.writer = writer;
        this.install = install;
        this.events = events;
    }

    /** Does the most urgent compaction; false when none is due. */
    public boolean runOne() {
        return run(Picker::urgent);
    }

    /** When there is nothing urgent for a while: gives space back; false when there is nothing to give. */
    public boolean runForSpace() {
        return run(Picker::forSpace);
    }

    /** Merges everything into one level. */
    public void runEverything() {
        run(Picker::everything);
    }

    /** Of a version's levels from 1 on: bytes that it holds before it is compacted; 0 for those not in use. */
    public static long[] limits(Version version, Options options) {
        return LevelSizes.of(version, options).limits();
    }

    /** Counters so far. */
    public Counters counters() {
        return new Counters(compactions.sum(), moves.sum(), readBytes.sum(), writtenBytes.sum());
    }

    private boolean run(Function<Picker, @Nullable Compaction> choice) {
        Version version = versions.retainCurrent();
        try {
            Compaction compaction = choice.apply(new Picker(version, options));
            if (compaction == null) {
                return false;
            }
            boolean isMove = compaction.isMove(options);
            Events.Span span = events.begin(event(compaction, isMove, 0, 0, 0));
            long bytes = compaction.bytes();
            int tables = compaction.tables().size();
            if (isMove) {
                apply(compaction, compaction.tables());
                moves.add(tables);
            } else {
                List<TableMeta> written = merge(compaction, version);
                tables = written.size();
                bytes = written.stream().mapToLong(TableMeta::bytes).sum();
                compactions.increment();
                writtenBytes.add(bytes);
            }
            span.end(event(compaction, isMove, tables, bytes, span.nanos()));
            return true;
        } finally {
            version.release();
            versions.deleteObsolete();
        }
    }

    private static StoreEvent event(Compaction compaction, boolean isMove, int tables, long bytes, long nanos) {
        return new StoreEvent.Compaction(
                compaction.reason(),
                compaction.level(),
                compaction.output(),
                isMove,
                compaction.tables().size(),
                compaction.bytes(),
                tables,
                bytes,
                nanos);
    }

    /** Merges, and makes the result current; returns what was written. */
    private List<TableMeta> merge(Compaction compaction, Version version) {
        List<TableFile> written;
        RangeDeletions ranges = compaction.rangeDeletions();
        Compaction read = compaction.without(writer::isDeleted, ranges);
        try (InternalIterator input = MergingIterator.of(read.open(new Scans(compaction.openAtOnce())))) {
            written = writer.write(
                    input,
                    ranges,
                    compaction.below(version),
                    options.tableBytes(),
                    compaction.output() == version.levels() - 1);
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
    private final class Scans implements Compaction.Opener {
        /** All inputs share one budget. The further ahead, the fewer system calls: an idle chain is woken for many chunks at once. */
        private static final int READ_AHEAD_CHUNKS = 512;

        private final int readAheadChunks;

        Scans(int openAtOnce) {
            readAheadChunks = Math.clamp(READ_AHEAD_CHUNKS / openAtOnce, 8, 128);
        }

        @Override
        public InternalIterator table(TableFile table) {
            return table.reader().scanner(runtime, readAheadChunks);
        }

        @Override
        public InternalIterator level(List<TableFile> tables) {
            return new LevelIterator(
                    tables.stream().map(table -> new Scan(table)).toList());
        }

        /** One table of a level. */
        private final class Scan implements LevelIterator.Source {
            private final TableFile table;

            Scan(TableFile table) {
                this.table = table;
            }

            @Override
            public byte[] largestKey() {
                return table.largestKey();
            }

            @Override
            public InternalIterator open() {
                return table.reader().scanner(runtime, readAheadChunks);
            }
        }
    }
}
