package dev.catena.compare;

import com.google.gson.Gson;
import dev.catena.engine.StoreProcess;
import dev.catena.io.chain.ChainAccount;
import dev.catena.io.chain.ChainMonitor;
import dev.catena.io.chain.Placement;
import dev.catena.io.chain.RingAccount;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code catena top}: the chains of a store that is open in some process, live, out of that process' memory. */
@Command(
        name = "top",
        description = {
            "Shows what the chains of a store do that is open in some process: who issued how many requests, bytes, retries, latencies,"
                    + " the time of the program in the kernel. Read from the process' memory, without its help; needs the right to trace it."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  catena top DIR                     refreshed each second, until Ctrl-C or the store is closed",
            "  catena top DIR --count 1           once: the totals since the store's backend was opened",
            "  catena top DIR --json --count 10   a JSON object a line",
            "",
            "Exit codes: 0 done; 1 the store is not open in any process, or may not be looked into; 2 wrong usage."
        })
final class TopCommand implements Callable<Integer> {
    private static final Gson GSON = new Gson();
    private static final String CLEAR_SCREEN = "\u001b[H\u001b[2J";

    /** One reading, as JSON. */
    private record Reading(long pid, List<ChainAccount> accounts, List<RingAccount> rings) {}

    private final PrintStream out;

    @Parameters(index = "0", paramLabel = "DIR", description = "The store's directory.")
    @SuppressWarnings("NullAway.Init") // picocli sets it
    private Path directory;

    @Option(
            names = "--interval",
            paramLabel = "SECONDS",
            defaultValue = "1",
            description = "Time between readings. Default: 1.")
    private double interval;

    @Option(names = "--count", paramLabel = "N", defaultValue = "0", description = "Readings to show. Default: no end.")
    private int count;

    @Option(names = "--json", description = "Print a JSON object for each reading: the counters as they are.")
    private boolean json;

    TopCommand(PrintStream out) {
        this.out = out;
    }

    @Override
    public Integer call() throws IOException {
        if (!(interval >= 0.01 && interval <= 86_400)) {
            throw new CommandFailure("--interval: 0.01 to 86400 seconds, not " + interval);
        }
        StoreProcess process = StoreProcess.of(directory);
        try (ChainMonitor monitor = new ChainMonitor(process.pid(), process.chains())) {
            Map<String, ChainAccount> before = new HashMap<>();
            long beforeNanos = 0;
            for (int reading = 1; ; reading++) {
                long now = System.nanoTime();
                List<ChainAccount> accounts = monitor.accounts();
                List<RingAccount> rings = monitor.rings();
                if (json) {
                    out.println(GSON.toJson(new Reading(process.pid(), accounts, rings)));
                } else {
                    double seconds = (now - beforeNanos) / 1e9;
                    show(process.pid(), accounts, rings, before, seconds);
                }
                out.flush();
                if (reading == count) {
                    return 0;
                }
                accounts.forEach(account -> before.put(name(account), account));
                beforeNanos = now;
                LockSupport.parkNanos((long) (interval * 1e9));
                if (!process.isOpen()) {
                    out.println("the store was closed");
                    return 0;
                }
            }
        }
    }

    private static String name(ChainAccount account) {
        return account.lane() + " " + account.kind();
    }

    private void show(
            long pid,
            List<ChainAccount> accounts,
            List<RingAccount> rings,
            Map<String, ChainAccount> before,
            double seconds) {
        List<List<String>> table = new ArrayList<>();
        table.add(List.of(
                "lane",
                "kind",
                "placement",
                "chains",
                "steps",
                "steps/s",
                "MiB/s",
                "by kernel",
                "by Java",
                "retries",
                "short",
                "drops",
                "bad sums",
                "p50 µs",
                "p99 µs",
                "ns/step"));
        for (ChainAccount account : accounts) {
            ChainAccount last = before.get(name(account));
            table.add(List.of(
                    Integer.toString(account.lane()),
                    account.kind(),
                    account.placement() == Placement.RESIDENT ? "resident" : "in context",
                    number(account.chains()),
                    number(account.steps()),
                    last == null ? ResultTable.NONE : number(Math.round((account.steps() - last.steps()) / seconds)),
                    last == null
                            ? ResultTable.NONE
                            : number(Math.round((account.bytes() - last.bytes()) / seconds / (1 << 20))),
                    number(account.issuedByProgram()),
                    number(account.issuedByUser()),
                    number(account.retries()),
                    number(account.shortIos()),
                    number(account.drops()),
                    number(account.mismatches()),
                    micros(account.requestLatency(), 0.5),
                    micros(account.requestLatency(), 0.99),
                    account.programNanos() == 0
                            ? ResultTable.NONE
                            : number(account.programNanos() / Math.max(1, account.completions()))));
        }
        List<List<String>> ringTable = new ArrayList<>();
        ringTable.add(List.of(
                "ring", "", "steered by", "completions", "issued", "doorbells", "wake-ups", "missed", "ns/completion"));
        for (RingAccount ring : rings) {
            ringTable.add(List.of(
                    Integer.toString(ring.ring()),
                    ring.resident() ? "resident" : "in context",
                    ring.steered() ? "program" : "Java",
                    number(ring.completions()),
                    number(ring.issued()),
                    number(ring.doorbells()),
                    number(ring.wakes()),
                    number(ring.missed()),
                    number(ring.programNanos() / Math.max(1, ring.completions()))));
        }
        if (System.console() != null && count != 1) {
            out.print(CLEAR_SCREEN);
        }
        out.println("store " + directory + ", process " + pid);
        out.print(ResultTable.text(table, 3));
        out.println();
        out.print(ResultTable.text(ringTable, 3));
    }

    private static String number(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    private static String micros(long[] histogram, double share) {
        long nanos = ChainAccount.quantile(histogram, share);
        return nanos == 0 ? ResultTable.NONE : String.format(Locale.ROOT, "< %,.0f", nanos / 1e3);
    }
}
