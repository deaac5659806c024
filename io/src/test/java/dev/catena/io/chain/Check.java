package dev.catena.io.chain;

import java.util.Arrays;

/** Assertions of the conformance suite, which runs in guests without a test framework. */
final class Check {
    private Check() {}

    static void equal(long expected, long found, String what) {
        if (expected != found) {
            throw new AssertionError(what + ": expected " + expected + ", found " + found);
        }
    }

    static void equal(byte[] expected, byte[] found, String what) {
        int at = Arrays.mismatch(expected, found);
        if (at >= 0) {
            throw new AssertionError(what + ": differs at byte " + at + "; expected " + expected.length
                    + " bytes, found " + found.length);
        }
    }

    static void that(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** That {@code action} throws an {@code expected}. */
    static void refused(Class<? extends Exception> expected, Runnable action, String what) {
        try {
            action.run();
        } catch (RuntimeException e) {
            if (!expected.isInstance(e)) {
                throw new AssertionError(what + ": expected " + expected.getSimpleName() + ", got " + e, e);
            }
            return;
        }
        throw new AssertionError(what + ": not refused");
    }
}
