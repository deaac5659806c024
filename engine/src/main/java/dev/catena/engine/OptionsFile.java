package dev.catena.engine;

import dev.catena.engine.version.StoreDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * The file {@code OPTIONS}: lines of {@code name = value}, and comments after {@code #}.
 *
 * <p>Two kinds of lines. What the store is, and can never be changed, is checked at every opening ({@link #FIXED}). The options of the
 * last opening are there to be read; another opening replaces them. Replaced whole, like the manifest, when something differs.
 */
final class OptionsFile {
    private static final String HEADER = """
            # What this store is; it cannot be changed:
            """;
    private static final String OPTIONS = """
            # What it was last opened with; written at every opening, so changes made here have no effect:
            """;

    /** What must be the same at every opening. */
    private static final Map<String, String> FIXED = new TreeMap<>(Map.of("format", "1", "keyOrder", "unsigned bytes"));

    /** The line with the name of the merge operator: what is stored with one makes sense with that only. */
    static final String MERGE_OPERATOR = "mergeOperator";

    private OptionsFile() {}

    /**
     * Checks what cannot change.
     *
     * @throws CorruptionException when the store is of another kind than this program knows
     */
    static void check(StoreDirectory directory) {
        Path file = directory.options();
        if (Files.exists(file)) {
            String text = text(file);
            Map<String, String> lines = lines(file, text);
            FIXED.forEach((name, value) -> {
                String found = lines.get(name);
                if (!value.equals(found)) {
                    throw new CorruptionException(
                            file,
                            Math.max(0, text.indexOf(name)),
                            "a store with " + name + " = " + value,
                            found == null ? "no such line" : name + " = " + found);
                }
            });
        }
    }

    /**
     * Checks what cannot change, for a store about to be opened.
     *
     * @throws IllegalArgumentException when the store has another merge operator
     */
    static void check(StoreDirectory directory, Options options) {
        check(directory);
        if (Files.exists(directory.options())) {
            String stored =
                    lines(directory.options(), text(directory.options())).getOrDefault(MERGE_OPERATOR, Options.NONE);
            String given = options.texts().get(MERGE_OPERATOR);
            if (!stored.equals(Options.NONE) && !stored.equals(given)) {
                throw new IllegalArgumentException(
                        "store " + directory.path() + " was written with merge operator '" + stored
                                + "' and cannot be opened with "
                                + (Options.NONE.equals(given) ? "none" : "'" + given + "'")
                                + ": give the same one by Options.withMergeOperator");
            }
        }
    }

    /** Writes the options if they differ from those written last. */
    static void write(StoreDirectory directory, Options options) {
        StringBuilder text = new StringBuilder(HEADER);
        FIXED.forEach((name, value) -> text.append(name + " = " + value + "\n"));
        text.append(OPTIONS);
        options.texts().forEach((name, value) -> text.append(name + " = " + value + "\n"));
        if (!Files.exists(directory.options()) || !text.toString().equals(text(directory.options()))) {
            directory.replace(directory.options(), text.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    /** The options written last. */
    static Options read(StoreDirectory directory) {
        check(directory);
        Path file = directory.options();
        Options options = Options.defaults();
        String text = text(file);
        for (Map.Entry<String, String> line : lines(file, text).entrySet()) {
            try {
                options = options.withText(line.getKey(), line.getValue());
            } catch (IllegalArgumentException e) {
                throw new CorruptionException(
                        file,
                        text.indexOf(line.getKey()),
                        "an option " + line.getKey(),
                        line.getValue() + " (" + Objects.requireNonNullElse(e.getMessage(), "") + ")");
            }
        }
        return options;
    }

    private static String text(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            throw new StoreIoException("there is no file " + file, e);
        } catch (IOException e) {
            throw new StoreIoException("cannot read " + file + ": " + e, e);
        }
    }

    private static Map<String, String> lines(Path file, String text) {
        Map<String, String> lines = new TreeMap<>();
        text.lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty() && !line.startsWith("#"))
                .forEach(line -> {
                    int equals = line.indexOf('=');
                    if (equals < 0) {
                        throw new CorruptionException(file, text.indexOf(line), "a line name = value", line);
                    }
                    lines.put(
                            line.substring(0, equals).strip(),
                            line.substring(equals + 1).strip());
                });
        return lines;
    }
}
