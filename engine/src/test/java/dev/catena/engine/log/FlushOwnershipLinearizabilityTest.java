package dev.catena.engine.log;

import java.util.concurrent.atomic.AtomicInteger;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.junit.jupiter.api.Test;

/**
 * Commits as the log does them, with a device that is a number: a commit returns when what it wrote is on the device, and a switch of
 * files when everything is. Who is forgotten waits for ever, which lincheck reports.
 */
public class FlushOwnershipLinearizabilityTest {
    private final FlushOwnership ownership = new FlushOwnership();
    private int published; // under this object's monitor
    private final AtomicInteger owners = new AtomicInteger();
    private volatile int durable;
    private volatile boolean shared;

    private synchronized int publish() {
        return ++published;
    }

    private synchronized int published() {
        return published;
    }

    /** Writes, and makes it durable. Returns whether it is, and only one thread owned at a time. */
    @Operation
    public boolean commit() {
        int position = publish();
        if (durable < position && ownership.ownOrAwait(position)) {
            flush(position);
        }
        return durable >= position && !shared;
    }

    /** Makes everything durable. Returns whether it is. */
    @Operation
    public boolean switchFile() {
        int position = published();
        ownership.own();
        flush(position);
        return durable >= position && !shared;
    }

    private void flush(int position) {
        try {
            shared |= owners.incrementAndGet() > 1;
            if (durable < position) {
                int end = published();
                ownership.flushing(end);
                Thread.yield();
                durable = end;
            }
        } finally {
            owners.decrementAndGet();
            ownership.release(durable, false);
        }
    }

    /** What it must be like. */
    public static class Specification {
        public boolean commit() {
            return true;
        }

        public boolean switchFile() {
            return true;
        }
    }

    @Test
    void whoCommitsFindsItDurable() {
        new StressOptions()
                .sequentialSpecification(Specification.class)
                .threads(4)
                .actorsPerThread(5)
                .iterations(15)
                .invocationsPerIteration(2000)
                .minimizeFailedScenario(false) // each try would wait for who waits for ever
                .check(FlushOwnershipLinearizabilityTest.class);
    }
}
