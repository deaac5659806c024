package dev.catena.engine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A store: ordered maps from byte strings to byte strings, kept in a directory. It has one such map, the family
 * {@value ColumnFamily#DEFAULT}, whose operations are the Db's own, and as many more {@link ColumnFamily column families} as are made.
 * All methods are thread safe.
 *
 * <p>Every method throws {@link StoreClosedException} after {@link #close}, {@link StoreReadOnlyException} when it would write
 * after a failed write or to a store opened for reading, {@link CorruptionException} when bytes that it needs are damaged, and {@link StoreIoException} when the
 * operating system refuses something. Sizes are bounded by {@link Limits}. Keys and values are copied before a method returns.
 *
 * <p>A write is visible to readers as soon as it has its place in the log, before it is durable.
 */
public final class Db extends ColumnFamily implements AutoCloseable {
    private final Store store;

    private Db(Store store) {
        super(store.defaultFamily());
        this.store = store;
    }

    /**
     * Opens the store in a directory, and makes it when there is none (see {@link Options#withCreateIfMissing}). Replays its logs, so
     * that everything is there again that was durable, and perhaps more: a beginning of what was written, without gaps.
     *
     * <p>A table that is missing or damaged keeps nobody from opening the store: see {@link #damages}. Reads throw {@link CorruptionException}
     * that need what it has of a key.
     *
     * @throws StoreLockedException when it is open already, in this process or another
     * @throws StoreFormatException when a newer build has written it
     * @throws CorruptionException when the manifest or a log is damaged
     */
    public static Db open(Path directory, Options options) {
        return new Db(Store.open(Objects.requireNonNull(directory), Objects.requireNonNull(options)));
    }

    /**
     * Opens the store in a directory for reading: nothing in the directory is written, made or removed, nor is any right to do that
     * needed. What is in logs only is read into memory, as much as that is. Methods that write throw {@link StoreReadOnlyException}.
     *
     * <p>Any number of readers, in any process, may have a store open at once. Not together with a writer: who opens a store for
     * reading while it is open for writing is refused, as the writer would remove files that the reader needs, and who opens it for
     * writing while somebody reads is refused too.
     *
     * @throws StoreLockedException when it is open for writing, in this process or another
     * @throws StoreIoException when there is no store
     * @throws CorruptionException as {@link #open}
     */
    public static Db openReadOnly(Path directory, Options options) {
        return new Db(Store.openReadOnly(Objects.requireNonNull(directory), Objects.requireNonNull(options)));
    }

    /**
     * Deletes a store's files, and its directory if nothing else is in it. What is not a store's stays. No error when there is none.
     *
     * @throws StoreLockedException when it is open, in this process or another
     */
    public static void destroy(Path directory) {
        Store.destroy(Objects.requireNonNull(directory));
    }

    /**
     * Makes a column family, durably. Opening the store again opens it, with the options that {@link Options#withColumnFamily} says.
     *
     * @param name new in this store: 1 to 200 characters, no control characters or brackets, no space at either end
     * @param options those of a family; those of the store as a whole mean nothing here
     * @throws IllegalArgumentException when the name or the options are not allowed, or there is a family with that name
     */
    public ColumnFamily createColumnFamily(String name, Options options) {
        return store.createFamily(Options.checkFamilyName(name), options).handle;
    }

    /**
     * Drops a column family, durably: all that is in it goes, and its space is given back. Who uses it or its iterators from then on gets a
     * {@link ColumnFamilyDroppedException}. Its name may be used again, for another family.
     *
     * @throws IllegalArgumentException when it is the default family, or another store's
     */
    public void dropColumnFamily(ColumnFamily dropped) {
        store.dropFamily(dropped.family);
    }

    /** The column families there are, the default one, which is this, first, then by age. */
    public List<ColumnFamily> columnFamilies() {
        List<ColumnFamily> handles = new ArrayList<>();
        for (Family each : store.families()) {
            handles.add(each == family ? this : each.handle);
        }
        return handles;
    }

    /** The column family with a name, or null when there is none. */
    public @Nullable ColumnFamily columnFamily(String name) {
        for (ColumnFamily each : columnFamilies()) {
            if (each.name().equals(name)) {
                return each;
            }
        }
        return null;
    }

    /**
     * Applies a batch to the column families that it is for, all of it or, after a crash, none; readers see all of it or none. The batch is not changed. Later operations of
     * the batch win over earlier ones. An empty synced batch makes everything written before durable.
     */
    public void write(Batch batch, Durability durability) {
        store.write(Objects.requireNonNull(batch), Objects.requireNonNull(durability));
    }

    /**
     * As {@link #write}, without waiting until the batch is durable: the future completes then, or at once when it is buffered. The batch
     * gets its place in the log, and is visible, before this returns; so calls of one thread are applied in their order, the caller may
     * use the batch again, and may be held back here when background work lags.
     *
     * <p>No thread waits for each batch: one commits for all. Whatever goes wrong arrives in the future. {@link #close} completes all
     * futures. What is hung on to the future runs in the common pool.
     */
    public CompletableFuture<@Nullable Void> writeAsync(Batch batch, Durability durability) {
        return store.writeAsync(Objects.requireNonNull(batch), Objects.requireNonNull(durability));
    }

    /** Holds the store as it is now open to be read later. Close it, so that compaction may drop what only it sees. */
    public Snapshot snapshot() {
        return store.snapshot();
    }

    /**
     * Makes a copy of the store in a directory that does not exist yet: a store of its own, which holds all that was written before the
     * call, and of what is written meanwhile a beginning. Flushes first; the copy shares its tables with this store by hard links, or
     * has copies of them where links are not possible. Durable on return; after a crash it is there whole or not at all.
     *
     * @throws StoreIoException when the directory exists or its parent does not, or the operating system refuses something
     */
    public void checkpoint(Path directory) {
        store.checkpoint(Objects.requireNonNull(directory));
    }

    /**
     * The damage that was met in tables since the store was opened, by that itself, by reads, by compactions, by {@link #verify} and by scrubbing; what is whole goes on
     * working.
     */
    public List<StoreDamage> damages() {
        return store.damages.list();
    }

    /** Figures about the store now. */
    public Stats stats() {
        return store.stats();
    }

    /** Reads every table and log and checks every checksum and the order of keys. Damage is reported, not thrown. */
    public VerifyReport verify(VerifyListener listener) {
        return store.verify(Objects.requireNonNull(listener));
    }

    /**
     * Waits for running operations, makes buffered writes durable and closes the store. Iterators still open throw from then on.
     * Closing twice is no error.
     */
    @Override
    public void close() {
        store.close();
    }
}
