package dev.catena.compare;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.catena.bpf.BpfObject;
import dev.catena.io.chain.Availability;
import dev.catena.io.chain.ChainRuntime;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code catena doctor}: what this machine offers, each backend with the reason why it is or is not there, and which is chosen. */
@Command(
        name = "doctor",
        description = {
            "Says what this machine offers: kernel, JDK, libbpf, the disk under the current directory, and each I/O backend with the"
                    + " reason why it is or is not available, best first. The best is chosen; CATENA_BACKEND overrides that."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  catena doctor",
            "  catena doctor --json",
            "  CATENA_BACKEND=user catena doctor",
            "",
            "Exit codes: 0 a backend is chosen; 1 the one asked for does not work; 2 wrong usage."
        })
final class DoctorCommand implements Callable<Integer> {
    private static final Gson GSON =
            new GsonBuilder().disableHtmlEscaping().serializeNulls().create();
    private static final String NONE = "none";

    private final PrintStream out;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    DoctorCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() throws IOException {
        List<Availability> backends = ChainRuntime.probe();
        String refusal = "";
        String chosen = NONE;
        try (ChainRuntime runtime = ChainRuntime.acquire(null)) {
            chosen = runtime.backend();
        } catch (UnsupportedOperationException | IllegalArgumentException e) {
            refusal = String.valueOf(e.getMessage());
        }
        Machine.Disk disk = Machine.disk(Path.of(""));
        if (json) {
            out.println(GSON.toJson(toJson(chosen, backends, disk)));
        } else {
            print(chosen, backends, disk);
        }
        if (chosen.equals(NONE)) {
            throw new CommandFailure("no backend is chosen: " + refusal);
        }
        return 0;
    }

    private static JsonObject toJson(String chosen, List<Availability> backends, Machine.Disk disk) {
        JsonObject found = new JsonObject();
        found.addProperty("chosen", chosen);
        JsonArray array = new JsonArray();
        for (Availability backend : backends) {
            JsonObject entry = new JsonObject();
            entry.addProperty("name", backend.name());
            entry.addProperty("available", backend.available());
            entry.addProperty("reason", backend.reason());
            array.add(entry);
        }
        found.add("backends", array);
        found.addProperty("kernel", Machine.kernel());
        found.addProperty("jdk", Machine.jdk());
        found.addProperty("libbpf", libbpf());
        found.add("disk", disk.toJson());
        return found;
    }

    private void print(String chosen, List<Availability> backends, Machine.Disk disk) {
        row("kernel", Machine.kernel());
        row("cpu", Machine.cpu());
        row("jdk", Machine.jdk());
        row("libbpf", libbpf());
        row("disk", disk.toString());
        for (Availability backend : backends) {
            row(backend.name(), (backend.available() ? "available: " : "not available: ") + backend.reason());
        }
        row("chosen", chosen);
    }

    private void row(String name, String value) {
        out.println(String.format(Locale.ROOT, "%-12s  %s", name, value));
    }

    private static String libbpf() {
        try {
            return BpfObject.libraryDescription();
        } catch (UnsupportedOperationException e) {
            return "none: " + e.getMessage();
        }
    }
}
