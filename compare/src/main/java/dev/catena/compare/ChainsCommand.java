package dev.catena.compare;

import dev.catena.compare.chains.ChainCase;
import dev.catena.compare.chains.ChainCases;
import dev.catena.compare.chains.Setting;
import dev.catena.io.chain.Availability;
import dev.catena.io.chain.ChainRuntime;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code catena chains}: reads the options, runs the cases, and shows what they gave. */
@Command(
        name = "chains",
        description = {
            "Micro-benchmarks of chains: each case on every backend that works here, and in both placements where there is a choice,"
                    + " taking turns round by round. System calls and context switches are counted by BPF in a pass before (needs root).",
            "",
            "Cases:",
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "--json writes one object a line, for a case, backend and placement: case, backend, placement, rounds, steps, io_syscalls,"
                    + " syscalls, switches, us_per_step {p50, p99}, mb_per_s, cpu_us_per_step, program_ns_per_step, times_user {median,"
                    + " min, max}. Times and rates are medians over the rounds; counts are of one pass of so many steps, of the whole"
                    + " process, null where they cannot be counted. docs/BENCHMARKS.md says more.",
            "",
            "Examples:",
            "  catena chains",
            "  catena chains --cases copy-4k,lookup-6-512 --rounds 9",
            "  catena chains --backends kernel-hook,user --json - | jq .",
            "",
            "Exit codes: 0 all cases ran; 1 one failed; 2 wrong usage."
        })
final class ChainsCommand implements Callable<Integer> {
    private static final String STANDARD_OUTPUT = "-";

    private final PrintStream out;
    private final PrintStream err;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Option(
            names = "--cases",
            paramLabel = "NAMES",
            split = ",",
            description = "Only these, separated by commas (default: all).")
    private List<String> cases = new ArrayList<>();

    @Option(
            names = "--backends",
            paramLabel = "NAMES",
            split = ",",
            description = "Only these, separated by commas (default: all that work here).")
    private List<String> backends = new ArrayList<>();

    @Option(
            names = "--rounds",
            paramLabel = "N",
            description = "Timed passes of each (default: ${DEFAULT-VALUE}).",
            defaultValue = "5")
    private int rounds;

    @Option(
            names = "--scale",
            paramLabel = "X",
            description = "Multiplies what each pass does (default: ${DEFAULT-VALUE}).",
            defaultValue = "1")
    private double scale;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "Where files are made, on the disk to be measured (default: chains below target/).")
    private @Nullable Path directory;

    @Option(
            names = "--json",
            paramLabel = "FILE",
            description = "Write the figures as lines of JSON; - is stdout, and then the table goes to stderr.")
    private @Nullable String json;

    ChainsCommand(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    /** The command with its help, to which the list of cases is added. */
    static CommandLine line(PrintStream out, PrintStream err) {
        CommandLine line = new CommandLine(new ChainsCommand(out, err));
        UsageMessageSpec usage = line.getCommandSpec().usageMessage();
        Stream<String> cases = ChainCases.all(1).stream()
                .map(each -> String.format(Locale.ROOT, "  %-19s %s", each.name(), each.summary()));
        usage.description(
                Stream.concat(Arrays.stream(usage.description()), Stream.concat(cases, Stream.of("", "Options:")))
                        .toArray(String[]::new));
        return line;
    }

    @Override
    public Integer call() throws IOException {
        if (rounds < 1 || !(scale > 0)) {
            throw usage("at least 1 round and a scale above 0 are needed");
        }
        List<ChainCase> chosen = chosen();
        List<Availability> found = ChainRuntime.probe();
        List<Setting> settings = Setting.of(wanted(found));
        Path place = directory == null ? CompareCommand.targetDirectory().resolve("chains") : directory;
        Files.createDirectories(place);
        boolean toOutput = STANDARD_OUTPUT.equals(json);
        PrintStream people = toOutput ? err : out;
        // Before any run: a result file that cannot be written should not be found out at the end.
        try (PrintStream jsonStream = json == null || toOutput ? null : open(Path.of(json))) {
            String uncounted;
            try (SyscallCounter counter = SyscallCounter.open()) {
                uncounted = counter.unavailable();
            }
            people.println("Chains on " + Machine.kernel() + ", " + Machine.cpu() + "; " + rounds + " rounds");
            people.println("  files:    " + place + ", " + Machine.disk(place));
            found.forEach(backend -> people.println("  backend:  " + backend.name() + ": " + backend.reason()));
            people.println("  counted:  " + (uncounted.isEmpty() ? "by BPF" : "not: " + uncounted));
            people.flush();
            ProgressBar progress =
                    new ProgressBar(people, !toOutput && CompareCommand.isTerminal(), ProgressBar.NO_PLAN);
            ChainsRun run = new ChainsRun(chosen, settings, rounds, place, uncounted.isEmpty(), progress);
            run.run();
            people.println();
            people.print(ChainsTable.text(run.records()));
            people.println();
            people.println(LEGEND);
            run.failures().forEach(failure -> people.println("FAILED: " + failure));
            PrintStream target = toOutput ? out : jsonStream;
            if (target != null) {
                run.records().forEach(each -> target.println(each.toJson()));
                target.flush();
            }
            return run.failures().isEmpty() ? 0 : 1;
        }
    }

    private static final String LEGEND = """
            Medians over the rounds. steps and counts: of one pass, of the whole process. µs/step: an operation's time over its steps.
            CPU: of the process, its kernel threads included. program: the steering program's time for a completion, by its own clock.
            times user: how many times as fast as the user backend in the same round (lookups: by the median).""";

    private static PrintStream open(Path file) throws IOException {
        return new PrintStream(Files.newOutputStream(file), false, StandardCharsets.UTF_8);
    }

    private List<ChainCase> chosen() {
        List<ChainCase> all = ChainCases.all(scale);
        List<String> names = all.stream().map(ChainCase::name).toList();
        for (String name : cases) {
            if (!names.contains(name)) {
                throw usage("there is no case " + name + ": there are " + String.join(", ", names));
            }
        }
        return all.stream()
                .filter(each -> cases.isEmpty() || cases.contains(each.name()))
                .toList();
    }

    private List<Availability> wanted(List<Availability> found) {
        String known = found.stream().map(Availability::name).collect(Collectors.joining(", "));
        for (String name : backends) {
            Availability backend = found.stream()
                    .filter(each -> each.name().equals(name))
                    .findFirst()
                    .orElseThrow(() -> usage("there is no backend " + name + ": there are " + known));
            if (!backend.available()) {
                throw new CommandFailure("backend " + name + " does not work here: " + backend.reason());
            }
        }
        return found.stream()
                .filter(each -> backends.isEmpty() || backends.contains(each.name()))
                .toList();
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
