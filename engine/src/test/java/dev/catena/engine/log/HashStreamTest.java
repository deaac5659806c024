package dev.catena.engine.log;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.io.memory.Xxh64;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Hashing in pieces gives what hashing at once gives. */
class HashStreamTest {
    @Test
    void piecesHashAsTheWhole() {
        Random random = new Random(3);
        try (Arena arena = Arena.ofConfined()) {
            HashStream stream =
                    new HashStream(arena.allocate(HashStream.SCRATCH_BYTES).address());
            for (int round = 0; round < 2000; round++) {
                int length = random.nextInt(300);
                byte[] bytes = new byte[length];
                random.nextBytes(bytes);
                MemorySegment whole = arena.allocate(Math.max(1, length));
                MemorySegment.copy(bytes, 0, whole, ValueLayout.JAVA_BYTE, 0, length);
                long seed = random.nextLong();
                stream.begin(seed);
                for (int at = 0; at < length; ) {
                    int piece = Math.min(length - at, random.nextInt(random.nextBoolean() ? 4 : 100));
                    stream.update(random.nextBoolean() ? whole : MemorySegment.ofArray(bytes), at, piece);
                    at += piece;
                }
                assertEquals(Xxh64.hash(whole, 0, length, seed), stream.end(), "length " + length);
            }
        }
    }
}
