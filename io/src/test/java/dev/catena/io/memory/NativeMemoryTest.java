package dev.catena.io.memory;

import static org.junit.jupiter.api.Assertions.*;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class NativeMemoryTest {
    @Test
    void countsByOwnerAndForgetsWhatIsFreed() {
        MemorySegment memory = NativeMemory.allocate(1000, "a test's own");
        assertEquals(1000, NativeMemory.allocatedByOwner().get("a test's own"));
        NativeMemory.free(memory);
        assertNull(NativeMemory.allocatedByOwner().get("a test's own"));
    }

    @Test
    void aSecondFreeIsFound() {
        MemorySegment memory = NativeMemory.allocateZeroed(64, "test");
        assertEquals(0, memory.get(ValueLayout.JAVA_LONG, 56));
        NativeMemory.free(memory);
        assertThrows(AssertionError.class, () -> NativeMemory.free(memory));
        assertThrows(AssertionError.class, () -> NativeMemory.free(MemorySegment.ofAddress(4096)));
    }

    @Test
    void xxh64HasThePublishedValues() {
        MemorySegment memory = NativeMemory.allocate(128, "test");
        memory.fill((byte) 0);
        memory.setString(0, "abc");
        assertEquals(0xEF46DB3751D8E999L, Xxh64.hash(memory, 0, 0, 0));
        assertEquals(0x44BC2CF5AD770999L, Xxh64.hash(memory, 0, 3, 0));
        memory.setString(0, "Nobody inspects the spammish repetition");
        assertEquals(0xFBCEA83C8A378BF1L, Xxh64.hash(memory, 0, 39, 0));
        NativeMemory.free(memory);
    }
}
