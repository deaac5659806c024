package dev.catena.compare.chains;

import dev.catena.io.chain.Chain;
import dev.catena.io.chain.ChainRuntime;
import dev.catena.io.chain.Lane;
import dev.catena.io.chain.Placement;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Some other user of io_uring: a process that lets no-ops complete on a ring of its own. For each number that it reads from stdin it
 * runs so many batches, and prints the nanoseconds that each took, in a line.
 */
final class NopProcess {
    /** No-ops in a batch. */
    static final int BATCH = 4096;

    private static final int WINDOW = 64;

    private NopProcess() {}

    public static void main(String[] arguments) throws IOException {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        try (ChainRuntime runtime = ChainRuntime.acquire(Setting.REFERENCE);
                Lane lane = runtime.lane(Placement.IN_CONTEXT);
                Chain chain = lane.chain(BATCH, "others")) {
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                StringBuilder times = new StringBuilder();
                for (int batch = Integer.parseInt(line); batch > 0; batch--) {
                    chain.begin().window(WINDOW);
                    for (int i = 0; i < BATCH; i++) {
                        chain.nop();
                    }
                    long began = System.nanoTime();
                    chain.run().throwIfFailed();
                    times.append(System.nanoTime() - began).append(' ');
                }
                System.out.println(times.toString().strip());
            }
        }
    }
}
