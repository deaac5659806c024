package dev.catena.io.chain;

import static org.junit.jupiter.api.Assertions.*;

import dev.catena.io.memory.Xxh64;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * One contract for every backend and both placements: the same chains give the same results, the same files and the
 * same accumulated values. A backend that does not work on this machine is skipped, with its reason.
 */
class ChainContractTest {
    @Nested
    class KernelHookResident extends Contract {
        KernelHookResident() {
            super("kernel-hook", Placement.RESIDENT);
        }
    }

    @Nested
    class KernelHookInContext extends Contract {
        KernelHookInContext() {
            super("kernel-hook", Placement.IN_CONTEXT);
        }
    }

    @Nested
    class User extends Contract {
        User() {
            super("user", Placement.IN_CONTEXT);
        }
    }

    @Nested
    class Portable extends Contract {
        Portable() {
            super("portable", Placement.IN_CONTEXT);
        }
    }

    abstract static class Contract {
        private static final long SEED = Long.getLong("catena.seed", 20_26);

        private final String backend;
        private final Placement placement;
        private ChainRuntime runtime;
        private Lane lane;
        private Chain chain;
        private Region region;

        @TempDir
        Path directory;

        Contract(String backend, Placement placement) {
            this.backend = backend;
            this.placement = placement;
        }

        @BeforeEach
        void open() {
            try {
                runtime = ChainRuntime.acquire(backend);
            } catch (UnsupportedOperationException e) {
                Assumptions.abort(backend + " is not available: " + e.getMessage());
            }
            lane = runtime.lane(placement);
            chain = lane.chain(64);
            region = runtime.allocate(1 << 20, "test");
        }

        @AfterEach
        void close() {
            if (runtime != null) {
                chain.close();
                lane.close();
                region.close();
                assertEquals(null, runtime.memoryInUse().get("test"), "a region leaked");
                runtime.close();
            }
        }

        private Path file(String name, byte[] content) throws IOException {
            return Files.write(directory.resolve(name), content);
        }

        private byte[] random(int length, long salt) {
            byte[] bytes = new byte[length];
            new Random(SEED + salt).nextBytes(bytes);
            return bytes;
        }

        private ChainFile open(Path path, ChainFile.Mode mode) {
            return runtime.open(path, mode, ChainFile.Access.BUFFERED);
        }

        private void put(int offset, byte[] bytes) {
            MemorySegment.copy(bytes, 0, region.segment(), ValueLayout.JAVA_BYTE, offset, bytes.length);
        }

        private byte[] get(int offset, int length) {
            return region.segment().asSlice(offset, length).toArray(ValueLayout.JAVA_BYTE);
        }

        private static long hash(byte[] bytes, int offset, int length, long seed) {
            MemorySegment copy = java.lang.foreign.Arena.ofAuto().allocate(Math.max(1, length));
            MemorySegment.copy(bytes, offset, copy, ValueLayout.JAVA_BYTE, 0, length);
            return Xxh64.hash(copy, 0, length, seed);
        }

        @Test
        void emptyChainEndsAtOnce() {
            ChainResult result = chain.begin().run();
            assertEquals(0, result.result());
            assertEquals(0, result.completedSteps());
        }
    }
}
