package dev.catena.engine.compaction;

import dev.catena.engine.Options;
import dev.catena.engine.StoreClosedException;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.table.TableBuilder;
import dev.catena.engine.table.TableProperties;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.TableMeta;
import dev.catena.engine.version.VersionSet;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainRuntime;
import java.nio.file.Path;
import java.util.ArrayList;
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
    private final ChainRuntime runtime;
    private final StoreDirectory directory;
    private final VersionSet versions;
    private final Options options;
    private final Supplier<long[]> snapshots;
    private final BooleanSupplier cancelled;

    /** Whether data may lie below the level that is written. */
    @FunctionalInterface
    public interface Below {
        /** Whether a deeper level may have the key. Keys are asked for in ascending order. */
        boolean mayHave(long key, int length);
    }

    /**
     * @param snapshots tells the sequence numbers of open snapshots, ascending
     * @param cancelled asked now and then; when true, writing stops with {@link StoreClosedException}
     */
    public TableWriter(
            ChainRuntime runtime,
            StoreDirectory directory,
            VersionSet versions,
            Options options,
            Supplier<long[]> snapshots,
            BooleanSupplier cancelled) {
        this.runtime = runtime;
        this.directory = directory;
        this.versions = versions;
        this.options = options;
        this.snapshots = snapshots;
        this.cancelled = cancelled;
    }

    /**
     * Writes all that is needed of the input.
     *
     * @param input positioned nowhere, of entries that snapshots opened from now on all see; not closed
     * @param tableBytes at about which size the next table is begun
     * @param lastLevel whether the tables go to the last level, for which compression and filters may be set apart
     * @return the tables, durable, opened, and retained for the caller
     */
    public List<TableFile> write(InternalIterator input, Below below, long tableBytes, boolean lastLevel) {
        List<TableFile> finished = new ArrayList<>();
        Output output = null;
        try (Survivors entries = new Survivors(input, below, snapshots.get(), options.mergeOperator())) {
            int untilCheck = 0;
            while (entries.next()) {
                if (untilCheck-- == 0) {
                    untilCheck = 1000;
                    if (cancelled.getAsBoolean()) {
                        throw new StoreClosedException("store " + directory.path());
                    }
                }
                if (output != null && entries.isFirstOfKey() && output.builder.estimatedBytes() >= tableBytes) {
                    finished.add(output.finish());
                    output = null;
                }
                if (output == null) {
                    output = new Output(lastLevel);
                }
                output.builder.add(
                        entries.keyAddress(),
                        entries.keyLength(),
                        entries.trailer(),
                        entries.valueAddress(),
                        entries.valueLength());
            }
            if (output != null) {
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
            throw e;
        }
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
                        options.blockBytes(),
                        lastLevel ? options.lastLevelFilterBitsPerKey() : options.filterBitsPerKey(),
                        lastLevel ? options.lastLevelCompression() : options.compression());
            } finally {
                if (made == null) {
                    file.close();
                }
            }
            builder = made;
        }

        TableFile finish() {
            TableProperties built = builder.finish();
            close(null);
            return versions.open(TableMeta.of(number, built));
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
