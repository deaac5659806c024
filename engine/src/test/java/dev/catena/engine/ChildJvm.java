package dev.catena.engine;

import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Starts a test's main class in a JVM of its own, with this JVM's class path and settings. */
final class ChildJvm {
    private ChildJvm() {}

    /**
     * @param prefix a command that is to run the JVM, such as a shell that sets limits; the JVM's command follows
     * @param options of the JVM
     */
    static Process start(List<String> prefix, List<String> options, Class<?> main, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>(prefix);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-ea"));
        String libbpf = System.getProperty("catena.libbpf");
        if (libbpf != null && !libbpf.isEmpty()) {
            command.add("-Dcatena.libbpf=" + libbpf);
        }
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path", "") + File.pathSeparator, main.getName()));
        command.addAll(Arrays.asList(arguments));
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }
}
