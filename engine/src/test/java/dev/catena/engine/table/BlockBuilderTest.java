package dev.catena.engine.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.entry.EntryChecksum;
import dev.catena.engine.entry.KeyOrder;
import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Memory;
import dev.catena.io.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BlockBuilderTest {
    private static void fill(BlockBuilder block) {
        block.checkEntries(Path.of("store"), "a block");
        MemorySegment entry = NativeMemory.allocate(64, "test");
        try {
            for (int i = 0; i < 9; i++) {
                byte[] text = ("common" + i + "value of it").getBytes(StandardCharsets.UTF_8);
                MemorySegment.copy(text, 0, entry, ValueLayout.JAVA_BYTE, 0, text.length);
                long key = entry.address();
                long trailer = Keys.trailer(100 + i, Keys.PUT);
                int checksum = EntryChecksum.ofEntry(trailer, key, 7, key + 7, text.length - 7);
                block.add(key, 7, trailer, key + 7, text.length - 7, checksum);
            }
        } finally {
            NativeMemory.free(entry);
        }
    }

    @Test
    void everyBitThatFlipsInTheFullBlockIsTold() {
        int bytes;
        try (BlockBuilder block = new BlockBuilder(4096, KeyOrder.BYTES)) {
            fill(block);
            bytes = block.finish();
            assertTrue(bytes > 200);
        }
        int whole = 0;
        int unfinished = Block.HEADER + 9 * (2 + 7 + 8 + 11);
        for (int bit = 8 * Block.HEADER; bit < 8 * unfinished; bit++) {
            try (BlockBuilder block = new BlockBuilder(4096, KeyOrder.BYTES)) {
                fill(block);
                long address = block.payload() + bit / 8;
                int inEntry = (bit / 8 - Block.HEADER) % (2 + 7 + 8 + 11);
                if (inEntry < 2) {
                    continue; // lengths, by which the block is changed in place before it is compared
                }
                Memory.putByte(address, (byte) (Memory.getByte(address) ^ 1 << bit % 8));
                if (inEntry < 2 + 6) { // what all keys begin with is kept apart
                    assertEquals(bytes, block.finish());
                    whole++;
                } else {
                    assertThrows(CorruptionException.class, block::finish, "bit " + bit);
                }
            }
        }
        assertEquals(9 * 6 * 8, whole);
    }
}
