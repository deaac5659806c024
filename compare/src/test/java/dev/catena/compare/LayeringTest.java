package dev.catena.compare;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Holds the one-way layering: compare, bench, engine, io, bpf, each using only layers to its right. The engine uses io's
 * chains and memory and nothing below or behind them, so that a store knows chains and not what steers them.
 *
 * <p>It lives in compare because this is the one module that sees all the others.
 */
class LayeringTest {
    /** From the lowest layer up. */
    private static final List<String> LAYERS = List.of("bpf", "io", "engine", "bench", "compare");

    private static final Pattern STEERER_WORD = Pattern.compile("Uring|(?i:io_?uring|bpf|sqpoll)");

    private static JavaClasses classes;

    @BeforeAll
    static void readClasses() {
        classes = new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .importPackages("dev.catena");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bpf", "io", "engine", "bench", "compare"})
    void layerHasClasses(String layer) {
        assertFalse(classes.that(resideInAnyPackage(packagesOf(layer))).isEmpty(), "no class was read of " + layer);
    }

    @Test
    void everyPackageBelongsToALayer() {
        List<String> strangers = classes.stream()
                .map(JavaClass::getPackageName)
                .filter(name -> LAYERS.stream()
                        .noneMatch(layer ->
                                name.equals("dev.catena." + layer) || name.startsWith("dev.catena." + layer + ".")))
                .distinct()
                .toList();
        assertEquals(List.of(), strangers);
    }

    @ParameterizedTest
    @ValueSource(strings = {"bpf", "io", "engine", "bench"})
    void layerDoesNotUseWhatIsAboveIt(String layer) {
        String[] above = LAYERS.subList(LAYERS.indexOf(layer) + 1, LAYERS.size()).stream()
                .map(LayeringTest::packagesOf)
                .toArray(String[]::new);
        noClasses()
                .that()
                .resideInAPackage(packagesOf(layer))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(above)
                .check(classes);
    }

    @Test
    void engineUsesChainsAndMemoryOnly() {
        noClasses()
                .that()
                .resideInAPackage(packagesOf("engine"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.catena.bpf..", "dev.catena.io.internal..")
                .check(classes);
    }

    @Test
    void benchUsesTheStoreOnly() {
        noClasses()
                .that()
                .resideInAPackage(packagesOf("bench"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("dev.catena.bpf..", "dev.catena.io..")
                .check(classes);
    }

    @Test
    void noTypeNamedAfterASteererIsVisibleInEngine() {
        noClasses()
                .that()
                .resideInAPackage(packagesOf("engine"))
                .should()
                .dependOnClassesThat(describe(
                        "are named after what steers chains",
                        type -> STEERER_WORD.matcher(type.getName()).find()))
                .check(classes);
    }

    @Test
    void engineSourcesDoNotSpeakOfWhatSteersChains() throws IOException {
        Path sources = moduleDirectory("engine").resolve("src/main/java");
        List<String> found = new ArrayList<>();
        try (Stream<Path> files = Files.walk(sources)) {
            for (Path file :
                    files.filter(path -> path.toString().endsWith(".java")).toList()) {
                List<String> lines = readLines(file);
                for (int i = 0; i < lines.size(); i++) {
                    if (STEERER_WORD.matcher(lines.get(i)).find()) {
                        found.add("%s:%d: %s"
                                .formatted(
                                        sources.relativize(file),
                                        i + 1,
                                        lines.get(i).strip()));
                    }
                }
            }
        }
        assertEquals(List.of(), found);
    }

    private static String packagesOf(String layer) {
        return "dev.catena." + layer.toLowerCase(Locale.ROOT) + "..";
    }

    /** Maven runs a module's tests in the module's directory, an IDE perhaps in the repository's. */
    private static Path moduleDirectory(String module) {
        Path sibling = Path.of("..", module);
        return Files.isDirectory(sibling) ? sibling : Path.of(module);
    }

    private static List<String> readLines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
