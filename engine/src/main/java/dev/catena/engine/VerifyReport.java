package dev.catena.engine;

import java.nio.file.Path;
import java.util.List;

/**
 * What {@link Db#verify} found.
 *
 * @param files files read
 * @param bytes bytes read
 * @param entries table entries and log operations seen, all versions and deletions counted
 * @param damages what is damaged, in the order found; empty when the store is whole
 */
public record VerifyReport(int files, long bytes, long entries, List<Damage> damages) {
    /** Copies the list. */
    public VerifyReport {
        damages = List.copyOf(damages);
    }

    /** Whether nothing is damaged. */
    public boolean isWhole() {
        return damages.isEmpty();
    }

    /**
     * One damaged place.
     *
     * @param file the file
     * @param offset where in it the damaged unit starts, in bytes
     * @param expected what should be there, in words
     * @param found what is there, in words
     */
    public record Damage(Path file, long offset, String expected, String found) {
        /** One line for people. */
        @Override
        public String toString() {
            return file + " at offset " + offset + ": expected " + expected + ", found " + found;
        }
    }
}
