package dev.catena.compare;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The entry point of {@code bin/catena}: names the sub-commands and turns their outcome into an exit code. */
@Command(
        name = "catena",
        description = "An embedded key-value store whose I/O runs as kernel-steered chains.",
        version = "catena 0.1.0-SNAPSHOT",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND")
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Main()).execute(arguments));
    }
}
