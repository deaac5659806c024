package dev.catena.io.chain;

import dev.catena.io.internal.Errno;
import dev.catena.io.memory.Xxh64;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;

/**
 * What a row of the conformance suite works with: a backend at work, a lane of the placement, a chain of 64 steps on
 * it, a region of 1 MiB, a directory that is empty when the row begins; and the checks of what came out.
 */
final class Fixture implements AutoCloseable {
    /** Of all random content; printed when a row fails. */
    static final long SEED = Long.getLong("catena.seed", 20_26);

    /** How much is done where more only adds certainty: 1 on real processors, less where they are emulated. */
    private static final double SCALE = Double.parseDouble(System.getProperty("catena.scale", "1"));

    static final int REGION_BYTES = 1 << 20;
    static final int CAPACITY = 64;

    final String backend;
    final Placement placement;
    final ChainRuntime runtime;
    final Lane lane;
    final Chain chain;
    final Region region;
    Path directory = Path.of("");

    /**
     * Opens the backend.
     *
     * @throws UnsupportedOperationException if it does not work here
     */
    Fixture(String backend, Placement placement) {
        this.backend = backend;
        this.placement = placement;
        runtime = ChainRuntime.acquire(backend);
        lane = runtime.lane(placement);
        chain = lane.chain(CAPACITY);
        region = runtime.allocate(REGION_BYTES, "fixture");
    }

    boolean isKernel() {
        return backend.startsWith("kernel");
    }

    /** {@code count} scaled down where the machine is emulated, but {@code least} at least. */
    static int scaled(int count, int least) {
        return Math.max(least, (int) (count * SCALE));
    }

    static byte[] random(int length, long salt) {
        byte[] bytes = new byte[length];
        new Random(SEED + salt).nextBytes(bytes);
        return bytes;
    }

    Path path(String name) {
        return directory.resolve(name);
    }

    ChainFile source(byte[] content) throws IOException {
        return open(Files.write(path("source"), content), ChainFile.Mode.READ);
    }

    ChainFile target() {
        return open(path("target"), ChainFile.Mode.CREATE);
    }

    ChainFile open(Path path, ChainFile.Mode mode) {
        return runtime.open(path, mode, ChainFile.Access.BUFFERED);
    }

    byte[] targetBytes() throws IOException {
        return Files.readAllBytes(path("target"));
    }

    void put(int offset, byte[] bytes) {
        MemorySegment.copy(bytes, 0, region.segment(), ValueLayout.JAVA_BYTE, offset, bytes.length);
    }

    void putLong(int offset, long value) {
        region.segment().set(ValueLayout.JAVA_LONG, offset, value);
    }

    byte[] bytes(int offset, int length) {
        return region.segment().asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
    }

    long getLong(int offset) {
        return region.segment().get(ValueLayout.JAVA_LONG, offset);
    }

    static long hash(byte[] bytes, int offset, int length, long seed) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(Math.max(1, length));
            MemorySegment.copy(bytes, offset, copy, ValueLayout.JAVA_BYTE, 0, length);
            return Xxh64.hash(copy, 0, length, seed);
        }
    }

    /** Runs the chain, which must succeed with {@code steps} steps done. */
    ChainResult succeeds(int steps) {
        return succeeds(chain, steps);
    }

    static ChainResult succeeds(Chain chain, int steps) {
        ChainResult result = chain.run();
        if (result.result() != 0) {
            throw new AssertionError("step " + result.failedStep() + " failed: " + Errno.text(-result.result()));
        }
        Check.equal(steps, result.completedSteps(), "steps done");
        return result;
    }

    /** Runs the chain, which must fail with {@code errno} at step {@code failed} after {@code steps} steps were done. */
    ChainResult fails(int errno, int failed, int steps) {
        ChainResult result = chain.run();
        Check.equal(-errno, result.result(), "result");
        Check.equal(failed, result.failedStep(), "failed step");
        Check.equal(steps, result.completedSteps(), "steps done");
        return result;
    }

    static int issued(ChainResult result) {
        return result.issuedByProgram() + result.issuedByUser();
    }

    /** Between rows: nothing of the last one may be left. */
    void checkLeftovers() {
        Long bytes = runtime.memoryInUse().get("row");
        Check.that(bytes == null, "the row left " + bytes + " bytes of chain memory");
    }

    @Override
    public void close() {
        chain.close();
        lane.close();
        region.close();
        runtime.close();
    }
}
