package dev.catena.engine;

import dev.catena.engine.entry.Buffer;
import dev.catena.engine.entry.InternalIterator;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.Operands;
import dev.catena.io.chain.ChainIoException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * Walks the keys of a column family in their order, up and down, as they were when the iterator was made or its snapshot was. It pins
 * memory and files: close it soon. Used by one thread at a time; {@link #close} may come from any thread, as may the store's. Who is found to use it
 * while another thread does gets an {@link IllegalStateException}; two that begin at the same moment are not found, and what they see means nothing.
 *
 * <p>A new iterator stands nowhere: seek first. A move past the first or last key leads nowhere, and from there only a seek leads on.
 * {@link IteratorOptions} may bound it: keys outside are then as if they were not there.
 *
 * <p>Every method but {@link #close} throws {@link StoreClosedException} once the iterator or its store is closed, and
 * {@link CorruptionException} when a table's block that it needs is damaged.
 */
public final class DbIterator implements AutoCloseable {
    // How it works: the merge of all memtables and tables yields every version of every key, keys ascending and within
    // a key the newest
    // version first. Skipped are versions newer than the snapshot, deletions, and every version of a key after its
    // first visible one.
    //
    // Forward, `entries` stands on the entry shown, and `settled` holds the last key whose newest visible version has
    // been seen.
    //
    // Backward, a key's versions come oldest first, so its newest visible one is known when `entries` has left the key:
    // it stands before
    // all versions of the key shown, and copies are shown: the key in `settled`, the value in `saved`. To turn round is
    // to seek.
    //
    // An operand that is a key's newest visible version is merged with the versions after it. Then, forward as well,
    // `entries` has left
    // it, and copies are shown.
    //
    // Of a key with many versions a few are stepped over one by one, then they are passed by a seek.
    //
    // An operation marks itself as running and then looks whether the iterator is closed; who closes does it the other
    // way round and waits for the operation. So memory is never freed under a running operation, and none begins after.
    // That needs a fence between the mark and the look, which would cost as much as the step itself. So the thread
    // that uses the iterator passes one only when it takes over from another one, and who closes from outside makes
    // all threads pass a safepoint between its mark and its look (the close of a shared arena does): a user's mark and
    // look, between which there is no safepoint, are then both before, and the mark is seen, or both after, and the
    // look sees.

    /** Whose iterator it is. */
    @FunctionalInterface
    interface Owner {
        /** Hears that it was closed. */
        void iteratorClosed(DbIterator iterator);

        /** Hears that reading failed; what to throw. */
        default RuntimeException readFailed(RuntimeException e) {
            return e instanceof ChainIoException failure ? Store.readFailed(failure) : e;
        }

        /** What to throw when it is used after that. */
        default StoreException closedIterator() {
            return new StoreClosedException("iterator");
        }
    }

    private static final String OWNER = "iterator";
    private static final int FIRST_KEY_BYTES = 256;

    /** A buffer that a big value made larger than this is given back after it. */
    private static final long KEPT_BYTES = 1 << 20;

    /** Versions of a key that are stepped over one by one. */
    private static final int VERSIONS_STEPPED = 8;

    /** Trailer before which there is a key's every version, and that before which there is none. */
    private static final long AFTER_VERSIONS = 0;

    private static final long BEFORE_VERSIONS = -1;

    private static final VarHandle RUNNING;
    private static final VarHandle CLOSED;
    private static final VarHandle USER;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            RUNNING = lookup.findVarHandle(DbIterator.class, "running", boolean.class);
            CLOSED = lookup.findVarHandle(DbIterator.class, "closed", boolean.class);
            USER = lookup.findVarHandle(DbIterator.class, "user", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final ReadState state;
    private final InternalIterator entries;
    private final KeyOrder order;
    private final long snapshot;
    private final @Nullable MergeOperator operator;
    private final Owner owner;

    /** Off-heap copies of the bounds, the upper one behind the lower. */
    private final Buffer bounds;

    /** -1 when there is no lower bound. */
    private final int lowerLength;

    /** -1 when there is no upper bound. */
    private final int upperLength;

    private boolean valid;
    private boolean backward;

    /** Whether the key in {@link #settled} and the value in {@link #saved} are shown. */
    private boolean showsCopies;

    private final Buffer settled = new Buffer(FIRST_KEY_BYTES, OWNER);

    /** -1 when there is no settled key. */
    private int settledLength = -1;

    private @Nullable Operands operands;
    private @Nullable Buffer saved;
    private int savedLength;

    /** What {@link #keySegment} and {@link #valueSegment} show: heap memory, so that a view kept too long shows old bytes at worst. */
    private byte[] keyBytes = new byte[64];

    private byte[] valueBytes = new byte[256];

    @SuppressWarnings("UnusedVariable") // through RUNNING
    private boolean running;

    @SuppressWarnings("UnusedVariable") // through CLOSED
    private boolean closed;

    /** Id of the thread that uses it. */
    private long user = Thread.currentThread().threadId();

    /**
     * @param state referenced for this iterator; released by the owner
     * @param entries closed by this iterator
     * @param order of keys
     * @param snapshot the largest sequence number to see
     * @param lower the smallest key to show, or null
     * @param upper the smallest key above those to show, or null
     * @param operator merges operands; null where there are none
     * @param owner hears once that this closes
     */
    DbIterator(
            ReadState state,
            InternalIterator entries,
            KeyOrder order,
            long snapshot,
            byte @Nullable [] lower,
            byte @Nullable [] upper,
            @Nullable MergeOperator operator,
            Owner owner) {
        this.state = state;
        this.entries = entries;
        this.order = order;
        this.snapshot = snapshot;
        this.operator = operator;
        this.owner = owner;
        lowerLength = lower == null ? -1 : lower.length;
        upperLength = upper == null ? -1 : upper.length;
        bounds = new Buffer(1L + Math.max(0, lowerLength) + Math.max(0, upperLength), OWNER);
        if (lower != null) {
            MemorySegment.copy(lower, 0, bounds.segment(), ValueLayout.JAVA_BYTE, 0, lowerLength);
        }
        if (upper != null) {
            MemorySegment.copy(
                    upper, 0, bounds.segment(), ValueLayout.JAVA_BYTE, Math.max(0, lowerLength), upperLength);
        }
    }

    /** Moves to the smallest key, if any. */
    public void seekToFirst() {
        seek(0, -1);
    }

    /** Moves to the smallest key that is not below the given one, if any. */
    public void seek(byte[] key) {
        Limits.checkKey(key.length);
        seek(Scratch.get().key(key).address(), key.length);
    }

    /** Moves to the smallest key that is not below the given one, if any. */
    public void seek(MemorySegment key) {
        int length = Limits.checkKey(key.byteSize());
        seek(Scratch.get().key(key).address(), length);
    }

    /** @param length -1 for the smallest key of all */
    private void seek(long key, int length) {
        begin();
        try {
            valid = false;
            backward = false;
            showsCopies = false;
            settledLength = -1;
            if (lowerLength >= 0 && (length < 0 || order.compare(key, length, bounds.address(), lowerLength) < 0)) {
                entries.seek(bounds.address(), lowerLength, Keys.seekTrailer(snapshot));
            } else if (length < 0) {
                entries.seekToFirst();
            } else {
                entries.seek(key, length, Keys.seekTrailer(snapshot));
            }
            findVisible();
        } catch (ChainIoException | CorruptionException e) {
            throw owner.readFailed(e);
        } finally {
            end();
        }
    }

    /** Moves to the largest key, if any. */
    public void seekToLast() {
        seekForPrev(0, -1);
    }

    /** Moves to the largest key that is not above the given one, if any. */
    public void seekForPrev(byte[] key) {
        Limits.checkKey(key.length);
        seekForPrev(Scratch.get().key(key).address(), key.length);
    }

    /** Moves to the largest key that is not above the given one, if any. */
    public void seekForPrev(MemorySegment key) {
        int length = Limits.checkKey(key.byteSize());
        seekForPrev(Scratch.get().key(key).address(), length);
    }

    /** @param length -1 for the largest key of all */
    private void seekForPrev(long key, int length) {
        begin();
        try {
            valid = false;
            backward = true;
            if (upperLength >= 0 && (length < 0 || order.compare(key, length, upper(), upperLength) >= 0)) {
                entries.seekBefore(upper(), upperLength, BEFORE_VERSIONS);
            } else if (length < 0) {
                entries.seekToLast();
            } else {
                entries.seekBefore(key, length, AFTER_VERSIONS);
            }
            findVisibleBefore();
        } catch (ChainIoException | CorruptionException e) {
            throw owner.readFailed(e);
        } finally {
            end();
        }
    }

    /** Whether it stands on an entry. */
    public boolean isValid() {
        if ((boolean) CLOSED.getAcquire(this)) {
            throw owner.closedIterator();
        }
        return valid;
    }

    /** Moves to the next key. @throws IllegalStateException when it stands on no entry */
    public void next() {
        begin();
        try {
            checkValid();
            valid = false;
            if (backward) {
                backward = false;
                showsCopies = false;
                entries.seek(settled.address(), settledLength, AFTER_VERSIONS);
            } else if (showsCopies) {
                showsCopies = false; // the entries are past what was merged
            } else {
                settle();
                entries.next();
            }
            findVisible();
        } catch (ChainIoException | CorruptionException e) {
            throw owner.readFailed(e);
        } finally {
            end();
        }
    }

    /** Moves to the key before. @throws IllegalStateException when it stands on no entry */
    public void prev() {
        begin();
        try {
            checkValid();
            valid = false;
            if (!backward) {
                backward = true;
                if (!showsCopies) {
                    settle(); // the key moves with the entries
                }
                entries.seekBefore(settled.address(), settledLength, BEFORE_VERSIONS);
            }
            findVisibleBefore();
        } catch (ChainIoException | CorruptionException e) {
            throw owner.readFailed(e);
        } finally {
            end();
        }
    }

    /** A copy of the key. @throws IllegalStateException when it stands on no entry */
    public byte[] key() {
        begin();
        try {
            checkValid();
            int length = keyLength();
            return length == 0 ? new byte[0] : Memory.toArray(keyAddress(), length);
        } finally {
            end();
        }
    }

    /** A copy of the value. @throws IllegalStateException when it stands on no entry */
    public byte[] value() {
        begin();
        try {
            checkValid();
            int length = valueLength();
            return length == 0 ? new byte[0] : Memory.toArray(valueAddress(), length);
        } finally {
            end();
        }
    }

    /** Copies as much of the key as fits. Returns its whole length in bytes. @throws IllegalStateException when it stands on no entry */
    public int key(MemorySegment into) {
        begin();
        try {
            checkValid();
            int length = keyLength();
            MemorySegment.copy(Memory.ALL, keyAddress(), into, 0, Math.min(length, into.byteSize()));
            return length;
        } finally {
            end();
        }
    }

    /** Copies as much of the value as fits. Returns its whole length in bytes. @throws IllegalStateException when it stands on no entry */
    public int value(MemorySegment into) {
        begin();
        try {
            checkValid();
            int length = valueLength();
            if (length > 0) {
                MemorySegment.copy(Memory.ALL, valueAddress(), into, 0, Math.min(length, into.byteSize()));
            }
            return length;
        } finally {
            end();
        }
    }

    /** The key's bytes, read-only, valid until the iterator moves or closes. */
    public MemorySegment keySegment() {
        begin();
        try {
            checkValid();
            int length = keyLength();
            if (length > keyBytes.length) {
                keyBytes = new byte[Math.max(length, 2 * keyBytes.length)];
            }
            if (length > 0) {
                MemorySegment.copy(Memory.ALL, ValueLayout.JAVA_BYTE, keyAddress(), keyBytes, 0, length);
            }
            return MemorySegment.ofArray(keyBytes).asSlice(0, length).asReadOnly();
        } finally {
            end();
        }
    }

    /** The value's bytes, read-only, valid until the iterator moves or closes. */
    public MemorySegment valueSegment() {
        begin();
        try {
            checkValid();
            int length = valueLength();
            if (length > valueBytes.length) {
                valueBytes = new byte[Math.max(length, (int) Math.min(Limits.VALUE_BYTES_MAX, 2L * valueBytes.length))];
            }
            if (length > 0) {
                MemorySegment.copy(Memory.ALL, ValueLayout.JAVA_BYTE, valueAddress(), valueBytes, 0, length);
            }
            return MemorySegment.ofArray(valueBytes).asSlice(0, length).asReadOnly();
        } finally {
            end();
        }
    }

    /** Lets go of what it pins. Closing twice is no error. */
    @Override
    public void close() {
        if (!CLOSED.compareAndSet(this, false, true)) {
            return;
        }
        if ((long) USER.getVolatile(this) != Thread.currentThread().threadId()) {
            passSafepoint();
        }
        while ((boolean) RUNNING.getVolatile(this)) {
            Thread.yield(); // a virtual thread leaves its carrier to who uses the iterator
        }
        valid = false;
        try {
            entries.close();
        } finally {
            settled.close();
            bounds.close();
            if (saved != null) {
                saved.close();
            }
            owner.iteratorClosed(this);
        }
    }

    /** Returns when every thread has passed a safepoint since the call. */
    private static void passSafepoint() {
        try (Arena _ = Arena.ofShared()) {
            // Its close is what is wanted.
        }
    }

    ReadState state() {
        return state;
    }

    private void findVisible() {
        int versions = 0;
        while (entries.isValid() && !isAbove()) {
            long trailer = entries.trailer();
            if (Keys.sequence(trailer) <= snapshot) {
                if (!isSettled()) {
                    if (Keys.kind(trailer) == Keys.PUT) {
                        valid = true;
                        return;
                    }
                    settle();
                    if (Keys.kind(trailer) == Keys.MERGE) {
                        mergeOlder();
                        showsCopies = true;
                        valid = true;
                        return;
                    }
                    versions = 0;
                } else if (++versions > VERSIONS_STEPPED) {
                    versions = 0;
                    entries.seek(settled.address(), settledLength, AFTER_VERSIONS);
                    checkIsPast();
                    continue;
                }
            }
            entries.next();
        }
    }

    /** From the oldest version of a key goes down to the first key with a visible value, saves that, and stands before its versions. */
    private void findVisibleBefore() {
        showsCopies = true;
        while (entries.isValid() && !isBelow()) {
            settle();
            boolean found = false;
            int versions = 0;
            do {
                if (++versions > VERSIONS_STEPPED) {
                    entries.seek(settled.address(), settledLength, Keys.seekTrailer(snapshot));
                    found = entries.isValid() && isSettled() && saveNewest();
                    entries.seekBefore(settled.address(), settledLength, BEFORE_VERSIONS);
                    checkIsPast();
                    break;
                }
                long trailer = entries.trailer();
                if (Keys.sequence(trailer) <= snapshot) {
                    if (Keys.kind(trailer) == Keys.MERGE) {
                        // Of the versions that a key is known to have this is not the newest, perhaps: all are looked
                        // at from there.
                        versions = VERSIONS_STEPPED;
                        continue;
                    }
                    found = saveValue();
                }
                entries.prev();
            } while (entries.isValid() && isSettled());
            if (found) {
                valid = true;
                return;
            }
        }
    }

    /** Saves the value that the key has whose newest visible version the entries stand on; false when it is a deletion. */
    private boolean saveNewest() {
        if (Keys.kind(entries.trailer()) == Keys.MERGE) {
            mergeOlder();
            return true;
        }
        return saveValue();
    }

    /** Copies the value of the entry; false when it is a deletion. */
    private boolean saveValue() {
        if (Keys.kind(entries.trailer()) != Keys.PUT) {
            return false;
        }
        Buffer buffer = room(entries.valueLength());
        if (savedLength > 0) {
            Memory.copy(entries.valueAddress(), buffer.address(), savedLength);
        }
        return true;
    }

    /** Saves what the operands from the entry on make, which is of the settled key, and stands on the first version not needed for it. */
    private void mergeOlder() {
        Operands gathered = operands;
        if (gathered == null) {
            gathered = new Operands();
            operands = gathered;
        }
        try {
            gathered.addOlder(entries);
            for (entries.next(); entries.isValid() && isSettled(); entries.next()) {
                int kind = Keys.kind(entries.trailer());
                if (kind != Keys.MERGE) {
                    if (kind == Keys.PUT) {
                        gathered.setBase(entries);
                    }
                    break;
                }
                gathered.addOlder(entries);
            }
            byte[] key = settledLength == 0 ? new byte[0] : Memory.toArray(settled.address(), settledLength);
            byte[] value = gathered.fold(operator, key);
            Buffer buffer = room(value.length);
            MemorySegment.copy(value, 0, buffer.segment(), ValueLayout.JAVA_BYTE, 0, value.length);
        } finally {
            gathered.clear();
        }
    }

    /** Where a value of so many bytes is to be saved. */
    private Buffer room(int bytes) {
        Buffer buffer = saved;
        if (buffer == null) {
            buffer = new Buffer(FIRST_KEY_BYTES, OWNER);
            saved = buffer;
        }
        savedLength = bytes;
        buffer.shrink(KEPT_BYTES);
        buffer.ensure(savedLength, 0);
        return buffer;
    }

    private boolean isAbove() {
        return upperLength >= 0 && order.compare(entries.keyAddress(), entries.keyLength(), upper(), upperLength) >= 0;
    }

    private boolean isBelow() {
        return lowerLength >= 0
                && order.compare(entries.keyAddress(), entries.keyLength(), bounds.address(), lowerLength) < 0;
    }

    private long upper() {
        return bounds.address() + Math.max(0, lowerLength);
    }

    private boolean isSettled() {
        int length = entries.keyLength();
        return length == settledLength && Keys.compare(entries.keyAddress(), length, settled.address(), length) == 0;
    }

    /** After a seek past all versions of a key: a comparator that keeps to no order must not lead round in circles. */
    private void checkIsPast() {
        if (entries.isValid() && isSettled()) {
            throw order.failed("does not keep to its order: a key is after itself");
        }
    }

    private void settle() {
        int length = entries.keyLength();
        settled.ensure(length, 0);
        Memory.copy(entries.keyAddress(), settled.address(), length);
        settledLength = length;
    }

    private long keyAddress() {
        return showsCopies ? settled.address() : entries.keyAddress();
    }

    private int keyLength() {
        return showsCopies ? settledLength : entries.keyLength();
    }

    private long valueAddress() {
        Buffer buffer = saved;
        return showsCopies && buffer != null ? buffer.address() : entries.valueAddress();
    }

    private int valueLength() {
        return showsCopies ? savedLength : entries.valueLength();
    }

    private void checkValid() {
        if (!valid) {
            throw new IllegalStateException("the iterator stands on no entry");
        }
    }

    private void begin() {
        long thread = Thread.currentThread().threadId();
        if (user != thread) {
            takeOver(thread);
        }
        RUNNING.setRelease(this, true);
        if ((boolean) CLOSED.getAcquire(this)) {
            RUNNING.setRelease(this, false);
            throw owner.closedIterator();
        }
    }

    /** Makes a thread the user. One that finds another in the middle of an operation has not waited for it. */
    private void takeOver(long thread) {
        if ((boolean) RUNNING.getVolatile(this)) {
            throw new IllegalStateException("the iterator is used by two threads at once: it is for one at a time");
        }
        USER.setVolatile(this, thread);
    }

    private void end() {
        RUNNING.setRelease(this, false);
    }
}
