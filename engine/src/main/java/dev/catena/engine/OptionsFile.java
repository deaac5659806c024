package dev.catena.engine;

import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.version.Manifest;
import dev.catena.engine.version.StoreDirectory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * The file {@code OPTIONS}: lines of {@code name = value}, and comments after {@code #}. The lines of a column family follow its name in
 * brackets; before the first of those are the lines of the store and of its default family.
 *
 * <p>Two kinds of lines. What the store is, and can never be changed, is checked at every opening ({@link #FORMAT}). The options of the
 * last opening are there to be read; another opening replaces them. Replaced whole, like the manifest, when something differs.
 */
final class OptionsFile {
    private static final String HEADER = """
            # What this store is; it cannot be changed:
            """;
    private static final String OPTIONS = """
            # What it was last opened with; written at every opening, so changes made here have no effect:
            """;

    /** The name of the line that says of which format the store is, and the one that this build knows. */
    private static final String FORMAT = "format";

    private static final int FORMAT_NEWEST = 1;

    /** The line with the name of the merge operator: what is stored with one makes sense with that only. */
    static final String MERGE_OPERATOR = "mergeOperator";

    /** The line with the name of the order of keys. What counts is what the manifest says. */
    static final String KEY_ORDER = "keyOrder";

    private OptionsFile() {}

    /**
     * The order of a family's keys.
     *
     * @param reading whether the order may be known by name only
     * @throws IllegalArgumentException when the options say another one than the family has
     */
    static KeyOrder order(StoreDirectory directory, Options options, Manifest.FamilyEntry family, boolean reading) {
        KeyOrder given = KeyOrder.of(options.ofFamily(family.name()).keyComparator());
        if (!given.name().equals(family.order()) || !(reading || given.isKnown())) {
            throw new IllegalArgumentException("column family '" + family.name() + "' of store " + directory.path()
                    + " has the keys in the order of key comparator '" + family.order()
                    + "' and cannot be opened with '"
                    + given.name() + "'" + (given.isKnown() ? "" : ", of which this program knows nothing but the name")
                    + ": give the same one by Options.withKeyComparator");
        }
        return given;
    }

    /**
     * Checks what cannot change.
     *
     * @throws StoreFormatException when a newer build has written the store
     * @throws CorruptionException when the file does not say of which format it is
     */
    static void check(StoreDirectory directory) {
        Path file = directory.options();
        if (Files.exists(file)) {
            String text = text(file);
            Map<String, String> lines = lines(file, text).getOrDefault("", Map.of());
            String found = lines.getOrDefault(FORMAT, "");
            if (found.matches("[1-9][0-9]*") && !found.equals("" + FORMAT_NEWEST)) {
                throw new StoreFormatException(file, FORMAT + " = " + found, FORMAT_NEWEST);
            }
            if (!found.equals("" + FORMAT_NEWEST)) {
                throw new CorruptionException(
                        file,
                        Math.max(0, text.indexOf(FORMAT)),
                        "a store with " + FORMAT + " = " + FORMAT_NEWEST,
                        found.isEmpty() ? "no such line" : FORMAT + " = " + found);
            }
        }
    }

    /**
     * Checks what cannot change, for a store about to be opened.
     *
     * @throws IllegalArgumentException when a family has another merge operator
     */
    static void check(StoreDirectory directory, Options options) {
        check(directory);
        if (Files.exists(directory.options())) {
            lines(directory.options(), text(directory.options())).forEach((name, lines) -> {
                String stored = lines.getOrDefault(MERGE_OPERATOR, Options.NONE);
                String given = options.ofFamily(name).texts().get(MERGE_OPERATOR);
                if (!stored.equals(Options.NONE) && !stored.equals(given)) {
                    throw new IllegalArgumentException(
                            (name.isEmpty() ? "" : "column family '" + name + "' of ") + "store " + directory.path()
                                    + " was written with merge operator '" + stored + "' and cannot be opened with "
                                    + (Options.NONE.equals(given) ? "none" : "'" + given + "'")
                                    + ": give the same one by Options.withMergeOperator");
                }
            });
        }
    }

    /** Writes the options if they differ from those written last. */
    static void write(StoreDirectory directory, Options options, List<Family> families) {
        StringBuilder text = new StringBuilder(HEADER);
        text.append(FORMAT + " = " + FORMAT_NEWEST + "\n");
        text.append(OPTIONS);
        options.texts().forEach((name, value) -> text.append(name + " = " + value + "\n"));
        for (Family family : families.subList(1, families.size())) {
            text.append("[" + family.name + "]\n");
            family.options.texts().forEach((name, value) -> text.append(name + " = " + value + "\n"));
        }
        if (!Files.exists(directory.options()) || !text.toString().equals(text(directory.options()))) {
            directory.replace(directory.options(), text.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    /** The options written last. */
    static Options read(StoreDirectory directory) {
        check(directory);
        Path file = directory.options();
        String text = text(file);
        Map<String, Map<String, String>> sections = lines(file, text);
        Options options = options(file, text, Objects.requireNonNull(sections.remove("")));
        for (Map.Entry<String, Map<String, String>> family : sections.entrySet()) {
            options = options.withColumnFamily(family.getKey(), options(file, text, family.getValue()));
        }
        return options;
    }

    private static Options options(Path file, String text, Map<String, String> lines) {
        Options options = Options.defaults();
        for (Map.Entry<String, String> line : lines.entrySet()) {
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

    /** The lines of the store, under the empty name, and of each column family, under its name. */
    private static Map<String, Map<String, String>> lines(Path file, String text) {
        Map<String, Map<String, String>> sections = new TreeMap<>();
        Map<String, String> lines = new TreeMap<>();
        sections.put("", lines);
        for (String line : text.lines().map(String::strip).toList()) {
            int equals = line.indexOf('=');
            if (line.startsWith("[") && line.endsWith("]")) {
                lines = sections.computeIfAbsent(line.substring(1, line.length() - 1), _ -> new TreeMap<>());
            } else if (!line.isEmpty() && !line.startsWith("#")) {
                if (equals < 0) {
                    throw new CorruptionException(file, text.indexOf(line), "a line name = value", line);
                }
                lines.put(
                        line.substring(0, equals).strip(),
                        line.substring(equals + 1).strip());
            }
        }
        return sections;
    }
}
