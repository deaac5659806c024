package dev.catena.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@link Db#merge(byte[], byte[]) merge} means: how operands, written without a look at what is there, become a key's value when
 * somebody reads it. {@link MergeOperators} has some; {@link Options#withMergeOperator} takes one.
 *
 * <p>The store keeps operands as they are written and folds them when it reads, flushes or compacts; how often, and over which of them
 * at once, is up to it. So an operator must depend on its arguments only, and give the same value for the same operands always: what
 * it computed is stored in the operands' place.
 *
 * <p>Called by any thread, also several at once. Arrays that it is given are its own; they are not used again, nor is the one that it
 * returns to be changed. What it throws reaches readers as {@link MergeException}, with the key; a flush or compaction stops then, the
 * store becomes read-only, and everything that was written stays.
 */
public interface MergeOperator {
    /**
     * What it is known by, in one line without spaces at its ends: stored with the data, which is only ever opened with an operator of
     * the same name again. An operator that computes something else takes another name.
     */
    String name();

    /**
     * A key's value.
     *
     * @param base the value that the key had, or null when it had none
     * @param operands one at least, oldest first
     */
    byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands);

    /**
     * One operand that does what several do, or null when there is none but all of them: then they are kept until their base is found.
     *
     * <p>For all bases b, {@code merge(key, b, operands)} and {@code merge(key, b, [combine(key, operands)])} are the same.
     *
     * @param operands two at least, oldest first
     */
    default byte @Nullable [] combine(byte[] key, List<byte[]> operands) {
        return null;
    }
}
