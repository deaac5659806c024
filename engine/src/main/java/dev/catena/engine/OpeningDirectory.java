package dev.catena.engine;

import dev.catena.engine.version.StoreDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The directory in which a store is opened to write. When the opening fails, nothing is left of what it made where there was no store before. */
final class OpeningDirectory {
    private OpeningDirectory() {}

    /**
     * Makes the directory if it is to, and takes its lock.
     *
     * @param undo gets the lock, and what removes all that was made
     */
    static DirectoryLock lock(Path path, boolean create, Undo undo) {
        List<Path> missing = new ArrayList<>(); // the innermost first
        for (Path each = path.toAbsolutePath(); each != null && !Files.exists(each); each = each.getParent()) {
            missing.add(each);
        }
        undo.add(() -> missing.forEach(OpeningDirectory::deleteIfEmpty));
        try {
            if (create) {
                Files.createDirectories(path);
            } else if (!Files.isDirectory(path)) {
                throw new StoreIoException("there is no store in " + path + ": no such directory", null);
            }
        } catch (IOException e) {
            throw new StoreIoException("cannot create " + path + ": " + e, e);
        }
        Path lockFile = path.resolve(StoreDirectory.LOCK);
        boolean hadLockFile = Files.exists(lockFile);
        DirectoryLock lock = undo.add(DirectoryLock.acquire(path));
        StoreDirectory directory = new StoreDirectory(path);
        if (!directory.hasFiles()) {
            undo.add(
                    () -> { // while it is locked
                        directory.deleteFiles();
                        if (!hadLockFile) {
                            directory.delete(lockFile);
                        }
                    });
        }
        return lock;
    }

    private static void deleteIfEmpty(Path directory) {
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            // Others have files there.
        }
    }
}
