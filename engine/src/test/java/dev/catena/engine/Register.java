package dev.catena.engine;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a key that many threads write, read and delete at once, and so what a read of it may give: it must be as if each
 * operation had happened at one moment between its begin and its end (it is linearizable).
 *
 * <p>Each write has a version of its own, and times at which it began and ended. What a read finds is wrong if that write had ended before
 * another one began of which it was known, when the read began, that it had happened: because it had ended, or because somebody had seen
 * it. A write that never ended, as the store was closed meanwhile, may happen at any time.
 *
 * <p>Thread safe.
 */
final class Register {
    /** Versions whose times are known. */
    private static final int KNOWN = 4096;

    private static final int VERSION_BYTES = 12;

    private final int number;
    private final AtomicLong versions = new AtomicLong();

    // By version, modulo KNOWN:
    private final AtomicLongArray versionAt = new AtomicLongArray(KNOWN);
    private final AtomicLongArray begins = new AtomicLongArray(KNOWN);
    private final AtomicLongArray ends = new AtomicLongArray(KNOWN); // 0 while it has not ended

    /** The latest begin of a write that is known to have happened. */
    private final AtomicLong happened = new AtomicLong();

    private final AtomicInteger deletions = new AtomicInteger(); // that have not ended
    private final AtomicLong deleted = new AtomicLong(); // the latest end of a deletion

    Register(int number) {
        this.number = number;
    }

    byte[] key() {
        return key(number);
    }

    static byte[] key(int number) {
        return ByteBuffer.allocate(4).putInt(number).array();
    }

    static long time() {
        return System.nanoTime();
    }

    /** Begins a write. Returns its version. */
    long beginPut() {
        long version = versions.incrementAndGet();
        int slot = (int) (version % KNOWN);
        ends.set(slot, 0);
        begins.set(slot, time());
        versionAt.set(slot, version);
        return version;
    }

    /** The value of a version, and more bytes that it determines. */
    byte[] value(long version) {
        byte[] value = new byte[VERSION_BYTES + (int) (version * 37 % 300)];
        ByteBuffer.wrap(value).putInt(number).putLong(version);
        for (int i = VERSION_BYTES; i < value.length; i++) {
            value[i] = (byte) (version + i);
        }
        return value;
    }

    void endPut(long version) {
        int slot = (int) (version % KNOWN);
        if (versionAt.get(slot) == version) {
            long began = begins.get(slot);
            ends.set(slot, time());
            happened.accumulateAndGet(began, Math::max);
        }
    }

    /** Begins a deletion. Returns when it began. */
    long beginDelete() {
        deletions.incrementAndGet();
        return time();
    }

    /** Ends a deletion, if it is known to have happened. */
    void endDelete(long began) {
        deleted.accumulateAndGet(time(), Math::max);
        happened.accumulateAndGet(began, Math::max);
        deletions.decrementAndGet();
    }

    /** What is known, for {@link #check}, when a read begins. */
    long beginRead() {
        return happened.get();
    }

    /**
     * What is wrong with what was read; null if nothing is.
     *
     * @param known what {@link #beginRead} gave before
     * @param until when what the read shows was fixed at the latest
     */
    @Nullable
    String check(long known, long until, byte @Nullable [] value) {
        if (value == null) {
            boolean mayBe = deletions.get() > 0 || deleted.get() >= known || known == 0;
            return mayBe ? null : "register " + number + " is not there, and was written after all deletions had ended";
        }
        long version = ByteBuffer.wrap(value).getLong(4);
        if (!java.util.Arrays.equals(value, value(version))) {
            return "register " + number + " has a value that nobody wrote: " + java.util.Arrays.toString(value);
        }
        int slot = (int) (version % KNOWN);
        long began = begins.get(slot);
        long ended = ends.get(slot);
        if (versionAt.get(slot) != version) {
            return versions.get() - version < KNOWN ? null : "register " + number + " has the old version " + version;
        }
        if (ended != 0 && ended < known) {
            return "register %d has version %d, which had ended %d ns before one began that had happened before the read"
                    .formatted(number, version, known - ended);
        }
        if (began > until) {
            return "register %d has version %d, which began %d ns after the snapshot"
                    .formatted(number, version, began - until);
        }
        happened.accumulateAndGet(began, Math::max);
        return null;
    }
}
