package dev.catena.compare;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/**
 * The entry point of {@code bin/catena}: names the sub-commands and turns their outcome into an exit code. 0: done; 1: it could not
 * be done, or what was asked for is not so (a key that is absent, damage found); 2: the command line was not understood. An error is
 * one line on stderr, with the stack trace below it under {@code --verbose}.
 */
@Command(
        name = "catena",
        description = "Catena, an embedded key-value store whose I/O runs as kernel-steered chains.",
        version = "catena 0.1.0-SNAPSHOT",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "Examples:",
            "  catena compare                 all workloads on Catena and RocksDB, within three minutes",
            "  catena chains                  micro-benchmarks of chains on every backend",
            "  catena soak --gib 10           far more data than memory, loaded and overwritten: long puts, amplification",
            "  catena opening DIR             how long a store takes to open, also after kill -9",
            "  catena scan DIR                a walk through a store that is in no cache, beside RocksDB",
            "  catena jmh GetStations         micro-benchmarks of the store, station by station",
            "  catena doctor                  what this machine offers, and which backend is chosen",
            "  catena db DIR scan --limit 10  the first ten entries of a store",
            "  catena top DIR                 what the chains of an open store do, live",
            "",
            "Exit codes: 0 done; 1 not done, not found or damaged; 2 wrong usage."
        })
public final class Main implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private CommandSpec spec;

    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "With an error, print the stack trace as well.")
    private boolean verbose;

    private Main() {}

    /** Runs the command and ends the JVM with its exit code. */
    public static void main(String[] arguments) {
        // Whatever the locale: tables hold a few characters beyond ASCII.
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
        int exit = run(arguments, out, err);
        out.flush();
        System.exit(exit);
    }

    /** Runs the command on given streams and returns its exit code. */
    static int run(String[] arguments, PrintStream out, PrintStream err) {
        Main main = new Main();
        CommandLine line = new CommandLine(main)
                .addSubcommand(CompareCommand.line(out))
                .addSubcommand(ChainsCommand.line(out, err))
                .addSubcommand(new DoctorCommand(out))
                .addSubcommand(DbCommand.line(out))
                .addSubcommand(new TopCommand(out))
                .addSubcommand(SoakCommand.line(out))
                .addSubcommand(OpeningCommand.line(out))
                .addSubcommand(ScanCommand.line(out))
                .addSubcommand(JmhCommand.line());
        line.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
        line.setUsageHelpAutoWidth(true);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExecutionExceptionHandler((thrown, command, parsed) -> {
            err.println("catena: " + message(thrown));
            if (main.verbose) {
                thrown.printStackTrace(err);
            }
            return 1;
        });
        line.setParameterExceptionHandler((thrown, unused) -> {
            err.println("catena: " + thrown.getMessage());
            err.println("See: " + thrown.getCommandLine().getCommandSpec().qualifiedName() + " --help");
            return 2;
        });
        return line.execute(arguments);
    }

    private static String message(Throwable thrown) {
        String message = thrown.getMessage();
        String line = (message == null ? thrown.toString() : message)
                .lines()
                .findFirst()
                .orElse("");
        return switch (thrown) {
            // Their messages are nothing but the path.
            case NoSuchFileException _ -> line + ": there is no such file or directory";
            case AccessDeniedException _ -> line + ": permission denied";
            case FileAlreadyExistsException _ -> line + ": exists and is not a directory";
            default -> line;
        };
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(), "a command is needed: compare, chains, soak, opening, jmh, doctor, db or top");
    }
}
