package dev.catena.engine.version;

import dev.catena.engine.StoreIoException;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainIoException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The names of a store's files and the few things that are done to a directory.
 *
 * <p>Tables and logs draw their numbers from one counter and a number is never used twice, so a name says which file was made
 * later. Thread safe.
 */
public final class StoreDirectory {
    /** The name of the file that says what the store consists of. */
    public static final String MANIFEST = "MANIFEST";

    /** The name of the file that its holder keeps locked. */
    public static final String LOCK = "LOCK";

    /** The name of the file with the options. */
    public static final String OPTIONS = "OPTIONS";

    /** The name of the file that tells what happened, and what it is renamed to when it is large. */
    public static final String LOG = "LOG";

    /** See {@link #LOG}. */
    public static final String OLD_LOG = "LOG.old";

    /** What is added to a file's name while it is written, before it takes the place of the old one. */
    public static final String TEMPORARY = ".tmp";

    /** The files of a store that have no number, but for the lock. */
    private static final List<String> NAMED =
            List.of(MANIFEST, MANIFEST + TEMPORARY, OPTIONS, OPTIONS + TEMPORARY, LOG, OLD_LOG);

    private static final Pattern NUMBERED = Pattern.compile("(\\d{6,18})\\.(table|log)");

    private final Path path;

    /** @param path the directory, which exists */
    public StoreDirectory(Path path) {
        this.path = path;
    }

    /** What a file is for. */
    public enum Kind {
        /** A sorted table. */
        TABLE,
        /** A log. */
        LOG
    }

    /**
     * A file with a number.
     *
     * @param kind what it is for
     * @param number its number
     * @param path where it is
     */
    public record Numbered(Kind kind, long number, Path path) {}

    /** The directory. */
    public Path path() {
        return path;
    }

    /** The name of a table. */
    public Path table(long number) {
        return path.resolve("%06d.table".formatted(number));
    }

    /** The name of a log. */
    public Path log(long number) {
        return path.resolve("%06d.log".formatted(number));
    }

    /** The manifest. */
    public Path manifest() {
        return path.resolve(MANIFEST);
    }

    /** The file with the options. */
    public Path options() {
        return path.resolve(OPTIONS);
    }

    /** The tables and logs there are, in no order. */
    public List<Numbered> numbered() {
        List<Numbered> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(path)) {
            files.forEach(file -> {
                Matcher name = NUMBERED.matcher(file.getFileName().toString());
                if (name.matches() && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                    Kind kind = name.group(2).equals("log") ? Kind.LOG : Kind.TABLE;
                    found.add(new Numbered(kind, Long.parseLong(name.group(1)), file));
                }
            });
        } catch (IOException e) {
            throw new StoreIoException("cannot list " + path + ": " + e, e);
        }
        return found;
    }

    /** Deletes a file if it is there. */
    public void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new StoreIoException("cannot delete " + file + ": " + e, e);
        }
    }

    /** Deletes what is a store's but the lock, and nothing else. Durable on return. */
    public void deleteFiles() {
        NAMED.forEach(name -> delete(path.resolve(name)));
        numbered().forEach(file -> delete(file.path()));
        sync();
    }

    /** Whether there is anything in it that is a store's, a lock aside. */
    public boolean hasFiles() {
        return NAMED.stream().anyMatch(name -> Files.exists(path.resolve(name)))
                || !numbered().isEmpty();
    }

    /** Deletes the lock, and the directory itself if there is nothing else in it. */
    public void deleteLockAndDirectory() {
        delete(path.resolve(LOCK));
        try {
            Files.delete(path);
        } catch (DirectoryNotEmptyException e) {
            // Others have files here.
        } catch (IOException e) {
            throw new StoreIoException("cannot delete " + path + ": " + e, e);
        }
    }

    /** Gives a file another name at once, replacing what had it. */
    public void rename(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new StoreIoException("cannot rename " + from + " to " + to + ": " + e, e);
        }
    }

    /** Makes or replaces a whole file at once: written beside it, synced, renamed. Durable on return. */
    public void replace(Path file, byte[] bytes) {
        Path temporary = path.resolve(file.getFileName() + TEMPORARY);
        // A stream and not a channel: an interrupt of the calling thread must not close it halfway.
        try (FileOutputStream out = new FileOutputStream(temporary.toFile())) {
            out.write(bytes);
            out.getFD().sync();
        } catch (IOException e) {
            throw new StoreIoException("cannot write " + temporary + ": " + e, e);
        }
        rename(temporary, file);
        sync();
    }

    /** Makes names given and taken so far durable. */
    public void sync() {
        try {
            ChainFile.syncDirectory(path);
        } catch (ChainIoException e) {
            throw new StoreIoException("cannot sync directory " + path + ": " + e.getMessage(), e);
        }
    }
}
