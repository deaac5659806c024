package dev.catena.engine;

import org.jspecify.annotations.Nullable;

/**
 * What went wrong in a store, as one family: each subclass is something a caller can tell apart and act on. "Not found" is a
 * value, never an exception; a bad argument is an {@link IllegalArgumentException}; a broken invariant is an
 * {@link AssertionError}.
 */
public abstract sealed class StoreException extends RuntimeException
        permits ColumnFamilyDroppedException,
                CorruptionException,
                KeyComparatorException,
                MergeException,
                StoreClosedException,
                StoreFormatException,
                StoreIoException,
                StoreLockedException,
                StoreReadOnlyException {
    private static final long serialVersionUID = 1L;

    StoreException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
