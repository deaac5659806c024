package dev.catena.engine;

import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.StoreDirectory;
import dev.catena.engine.version.TableFile;
import dev.catena.engine.version.Version;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Makes a store out of the tables of another.
 *
 * <ol>
 *   <li>Beside the wanted directory one is made whose name ends in {@link #SUFFIX}. It is locked like a store: whoever makes the same
 *       checkpoint at the same time is refused, and what a crash left is taken over.
 *   <li>Each table gets a second name there (a hard link: tables never change), or is copied where links are not possible, such as to
 *       another file system. So it is with damaged ones; the store that is made is as damaged.
 *   <li>The manifest that is given is written, durably. It names no logs.
 *   <li>The directory gets its name, and the name is made durable. So it is there whole or not at all.
 * </ol>
 *
 * <p>Used by the thread that wants it, which holds on to the versions meanwhile.
 */
final class Checkpoint {
    static final String SUFFIX = ".checkpoint";

    private Checkpoint() {}

    /**
     * Makes a store.
     *
     * @param from the store's directory
     * @param to the new one's; not there yet
     * @param versions its tables, of all families, retained by the caller
     * @param manifest names them, and no logs
     */
    static void make(StoreDirectory from, Path to, List<Version> versions, Manifest manifest) {
        Path target = to.toAbsolutePath().normalize();
        Path parent = target.getParent();
        if (parent == null || !Files.isDirectory(parent) || Files.exists(target)) {
            String why = parent != null && Files.exists(target) ? "it exists" : "there is no directory " + parent;
            throw new StoreIoException("cannot make a checkpoint in " + to + ": " + why, null);
        }
        Path temporary = target.resolveSibling(target.getFileName() + SUFFIX);
        try {
            Files.createDirectories(temporary);
        } catch (IOException e) {
            throw new StoreIoException("cannot create " + temporary + ": " + e, e);
        }
        StoreDirectory made = new StoreDirectory(temporary);
        boolean complete = false;
        try (DirectoryLock _ = DirectoryLock.acquire(temporary)) {
            try {
                made.deleteFiles();
                for (Version version : versions) {
                    for (TableFile table : version.tables()) {
                        Path file = from.table(table.meta().number());
                        if (table.isOpen() || Files.isRegularFile(file)) { // what is missing here is missing there
                            linkOrCopy(file, made.table(table.meta().number()));
                        }
                    }
                }
                if (Files.exists(from.options())) {
                    linkOrCopy(from.options(), made.options()); // never changed either, but replaced
                }
                manifest.write(made);
                from.rename(temporary, target);
                complete = true;
                new StoreDirectory(parent).sync();
            } finally {
                if (!complete) {
                    made.deleteFiles();
                    made.deleteLockAndDirectory();
                }
            }
        }
    }

    private static void linkOrCopy(Path table, Path name) {
        try {
            try {
                Files.createLink(name, table);
            } catch (FileSystemException | UnsupportedOperationException e) {
                Files.copy(table, name);
                try (RandomAccessFile copy = new RandomAccessFile(name.toFile(), "rw")) {
                    copy.getFD().sync();
                }
            }
        } catch (IOException e) {
            throw new StoreIoException("cannot link or copy " + table + " to " + name + ": " + e, e);
        }
    }
}
