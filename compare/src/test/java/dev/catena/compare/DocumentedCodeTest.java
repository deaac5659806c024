package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java in the documents compiles as it stands there, and does what it says. */
final class DocumentedCodeTest {
    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();

    @TempDir
    private Path directory;

    @Test
    void theReadmesTenLinesEmbedTheStore() throws Exception {
        String store = directory.resolve("store").toString();
        String imports = "import dev.catena.engine.*; import java.util.*;";
        assertEquals(
                "fig blue\npear yellow\n", run(imports, javaOf("README.md", 0).replace("/var/lib/app/store", store)));
        assertEquals("", run(imports, javaOf("README.md", 1).replace("/var/lib/app/store", store)));
    }

    @Test
    void theChainsExampleCopiesAFile() throws Exception {
        byte[] content = new byte[5_000_001]; // more than its buffer
        new java.util.Random(1).nextBytes(content);
        Path source = Files.write(directory.resolve("source"), content);
        Path target = directory.resolve("target");
        String code = "Path source = Path.of(\"%s\"); Path target = Path.of(\"%s\");\n%s"
                .formatted(source, target, javaOf("docs/CHAINS.md", 0));
        String printed = run(
                "import dev.catena.io.chain.*; import static dev.catena.io.chain.ChainFile.Mode.*;"
                        + " import static dev.catena.io.chain.ChainFile.Access.*;",
                code);
        assertEquals(-1, Files.mismatch(source, target));
        assertTrue(printed.matches("5000001 bytes, checksum [0-9a-f]{16}\n"), printed);
    }

    private static String javaOf(String document, int number) throws Exception {
        Matcher block =
                Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(ROOT.resolve(document)));
        for (int i = 0; i <= number; i++) {
            assertTrue(block.find(), document + " has no Java number " + i);
        }
        return block.group(1);
    }

    private String run(String imports, String code) throws Exception {
        Path file = directory.resolve("Documented.java");
        Files.writeString(
                file,
                "import java.nio.file.*;\n" + imports
                        + "\npublic class Documented { public static void main(String[] arguments) throws Exception {\n"
                        + code
                        + "\n} }\n");
        ByteArrayOutputStream errors = new ByteArrayOutputStream();
        PrintStream compiler = new PrintStream(errors, true, StandardCharsets.UTF_8);
        int result = ToolProvider.findFirst("javac")
                .orElseThrow()
                .run(
                        compiler,
                        compiler,
                        "-cp",
                        System.getProperty("java.class.path"),
                        "-d",
                        directory.toString(),
                        file.toString());
        assertEquals(0, result, errors.toString(StandardCharsets.UTF_8));
        PrintStream out = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        try (URLClassLoader loader =
                new URLClassLoader(new URL[] {directory.toUri().toURL()})) {
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            loader.loadClass("Documented").getMethod("main", String[].class).invoke(null, (Object) new String[0]);
        } finally {
            System.setOut(out);
        }
        return printed.toString(StandardCharsets.UTF_8);
    }
}
