package dev.catena.io.chain;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.FlightRecorder;
import jdk.jfr.FlightRecorderListener;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Period;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/** JFR: what a lane did so far in chains of one kind, each second. */
@Name("dev.catena.ChainAccount")
@Label("Chain Account")
@Category({"Catena", "Chains"})
@Description("What a lane did so far in chains of one kind, as counted by whoever steers")
@Period("1 s")
@StackTrace(false)
final class AccountEvent extends Event {
    @Label("Backend")
    String backend = "";

    @Label("Kind")
    String kind = "";

    @Label("Lane")
    int lane;

    @Label("Ring")
    int ring;

    @Label("Placement")
    String placement = "";

    @Label("Chains")
    long chains;

    @Label("Failed Chains")
    long failed;

    @Label("Steps")
    long steps;

    @Label("Issued by Program")
    long issuedByProgram;

    @Label("Issued by Java")
    long issuedByUser;

    @Label("Bytes")
    @DataAmount
    long bytes;

    @Label("Retries")
    long retries;

    @Label("Short I/Os")
    long shortIos;

    @Label("Drops")
    long drops;

    @Label("Checksum Mismatches")
    long mismatches;

    @Label("Time in Program")
    @Timespan
    long programNanos;

    @Label("Request Latency p50")
    @Timespan
    long requestP50;

    @Label("Request Latency p99")
    @Timespan
    long requestP99;

    /**
     * Commits an event for each account of {@code runtime} whenever a recording asks. Returns what ends that. Before there is a first recording
     * it only waits for it: getting ready for one takes tens of milliseconds.
     */
    static Runnable register(ChainRuntime runtime) {
        Runnable emit = () -> runtime.accounts().forEach(account -> commit(runtime.backend(), account));
        FlightRecorderListener listener = new FlightRecorderListener() {
            @Override
            public void recorderInitialized(FlightRecorder recorder) {
                FlightRecorder.addPeriodicEvent(AccountEvent.class, emit);
            }
        };
        FlightRecorder.addListener(listener); // which hears at once of a recorder that is there
        return () -> {
            FlightRecorder.removeListener(listener);
            if (FlightRecorder.isInitialized()) {
                FlightRecorder.removePeriodicEvent(emit);
            }
        };
    }

    private static void commit(String backend, ChainAccount account) {
        AccountEvent event = new AccountEvent();
        event.backend = backend;
        event.kind = account.kind();
        event.lane = account.lane();
        event.ring = account.ring();
        event.placement = account.placement().name();
        event.chains = account.chains();
        event.failed = account.failed();
        event.steps = account.steps();
        event.issuedByProgram = account.issuedByProgram();
        event.issuedByUser = account.issuedByUser();
        event.bytes = account.bytes();
        event.retries = account.retries();
        event.shortIos = account.shortIos();
        event.drops = account.drops();
        event.mismatches = account.mismatches();
        event.programNanos = account.programNanos();
        event.requestP50 = ChainAccount.quantile(account.requestLatency(), 0.5);
        event.requestP99 = ChainAccount.quantile(account.requestLatency(), 0.99);
        event.commit();
    }
}
