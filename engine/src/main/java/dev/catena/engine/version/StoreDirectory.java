package dev.catena.engine.version;

import dev.catena.engine.StoreIoException;
import dev.catena.io.chain.ChainFile;
import dev.catena.io.chain.ChainIoException;
import java.io.IOException;
import java.nio.file.Files;
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

    /** The tables and logs there are, in no order. */
    public List<Numbered> numbered() {
        List<Numbered> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(path)) {
            files.forEach(file -> {
                Matcher name = NUMBERED.matcher(file.getFileName().toString());
                if (name.matches()) {
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

    /** Gives a file another name at once, replacing what had it. */
    public void rename(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new StoreIoException("cannot rename " + from + " to " + to + ": " + e, e);
        }
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
