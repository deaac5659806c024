package dev.catena.compare;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.Main;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code catena jmh}: the micro-benchmarks of the store's stations, by JMH's own command line. */
@Command(
        name = "jmh",
        description = {
            "Runs the micro-benchmarks of put, get and next, each station by itself (JMH; all of its options work). Stores are made"
                    + " in the current directory and deleted."
        },
        footer = {
            "",
            "Examples:",
            "  catena jmh -h                                   JMH's options",
            "  catena jmh -l                                   which benchmarks there are",
            "  catena jmh -prof gc                             all, with what they allocate an operation",
            "  catena jmh NextStations -p where=table -f 3     steps of an iterator through tables"
        })
final class JmhCommand implements Callable<Integer> {
    @Parameters(
            arity = "0..*",
            paramLabel = "ARGUMENT",
            description = "Names, as regular expressions, and options, as JMH has them.")
    private List<String> arguments = List.of();

    private JmhCommand() {}

    static CommandLine line() {
        return new CommandLine(new JmhCommand()).setUnmatchedOptionsArePositionalParams(true);
    }

    @Override
    public Integer call() throws IOException {
        Main.main(arguments.toArray(String[]::new));
        return 0;
    }
}
