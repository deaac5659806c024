package dev.catena.engine.version;

import dev.catena.engine.table.TableProperties;

/**
 * What the manifest knows of a table.
 *
 * @param number its file's number
 * @param bytes the file's size
 * @param checksum the file's checksum, as the chain that wrote it computed it
 * @param entries versions in it
 * @param garbage those of them that a merge of all tables would leave out: deletions, and versions that a newer one here hides
 * @param smallestSequence of all entries
 * @param largestSequence of all entries
 * @param smallest its first user key
 * @param largest its last user key
 */
public record TableMeta(
        long number,
        long bytes,
        long checksum,
        long entries,
        long garbage,
        long smallestSequence,
        long largestSequence,
        byte[] smallest,
        byte[] largest) {

    /** Of a table just built. */
    public static TableMeta of(long number, TableProperties built) {
        return new TableMeta(
                number,
                built.fileBytes(),
                built.fileChecksum(),
                built.entries(),
                built.garbage(),
                built.smallestSequence(),
                built.largestSequence(),
                built.smallestKey(),
                built.largestKey());
    }
}
