package dev.catena.compare;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code catena doctor}: what this machine offers, each backend with the reason why it is or is not there, and which is chosen. */
@Command(
        name = "doctor",
        description =
                "Says what this machine offers: kernel, JDK, libbpf, disk, and each I/O backend with the reason why it is or is"
                        + " not available. CATENA_BACKEND overrides the choice.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  catena doctor",
            "  catena doctor --json",
            "  CATENA_BACKEND=user catena doctor",
            "",
            "Exit codes: 0 a backend is chosen; 1 none works."
        })
final class DoctorCommand implements Callable<Integer> {
    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    private final PrintStream out;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    DoctorCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() throws IOException {
        JsonObject found = new JsonObject();
        if (!json) {
            out.println("kernel   " + Machine.kernel());
            out.println("jdk      " + Machine.jdk());
            out.println("disk     " + Machine.disk(Path.of("")));
            return 0;
        }
        found.addProperty("kernel", Machine.kernel());
        found.addProperty("jdk", Machine.jdk());
        found.add("disk", Machine.disk(Path.of("")).toJson());
        out.println(GSON.toJson(found));
        return 0;
    }
}
