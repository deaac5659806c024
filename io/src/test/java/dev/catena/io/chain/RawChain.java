package dev.catena.io.chain;

import dev.catena.io.internal.ChainLayout;
import dev.catena.io.internal.SharedMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The fixture's chain as whoever steers sees it: to be written past Java's checks. */
final class RawChain {
    private static final int MARK = 0x2F3C4D5E;

    final Fixture on;
    final SharedMemory memory;
    final int number;
    final long chain;

    RawChain(Fixture on) {
        this.on = on;
        memory = on.runtime.memory();
        on.chain.begin().budget(MARK);
        int found = 0;
        while (memory.getInt(memory.chain(found) + ChainLayout.Chain.BUDGET) != MARK) {
            found++;
        }
        number = found;
        chain = memory.chain(found);
        on.chain.begin();
    }

    long step(int index) {
        return memory.step(chain, index);
    }

    /** Writes the low {@code width} bytes of {@code value}. */
    void poke(long at, int width, long value) {
        MemorySegment bytes = memory.segment(at, width);
        switch (width) {
            case 1 -> bytes.set(ValueLayout.JAVA_BYTE, 0, (byte) value);
            case 2 -> bytes.set(ValueLayout.JAVA_SHORT, 0, (short) value);
            case 4 -> bytes.set(ValueLayout.JAVA_INT, 0, (int) value);
            default -> throw new AssertionError(width);
        }
    }

    /** Runs what is there, without a look at it. {@code meanwhile}: between start and wait, where the caller's wait runs it. */
    ChainResult run(Runnable meanwhile) {
        memory.setLong(chain + ChainLayout.Chain.STARTED_AT, System.nanoTime());
        memory.setInt(chain + ChainLayout.Chain.SEALED, 1);
        memory.setIntVolatile(chain + ChainLayout.Chain.PUBLISHED, on.chain.size());
        boolean inContext = on.isKernel() && on.placement == Placement.IN_CONTEXT;
        if (!inContext) {
            meanwhile.run();
        }
        on.lane.driver().start(number);
        if (inContext) {
            meanwhile.run();
        }
        on.lane.driver().await(number);
        return on.chain.await();
    }

    /** Makes the program ignore what completes on the chain's ring. */
    void stopSteering() {
        stopSteering(memory.getInt(chain + ChainLayout.Chain.RING));
    }

    /** Makes the program ignore what completes on all others. */
    void stopSteeringOthers() {
        int own = memory.getInt(chain + ChainLayout.Chain.RING);
        for (int ring = 0; ring < ChainLayout.MAX_RINGS; ring++) {
            if (ring != own) {
                stopSteering(ring);
            }
        }
    }

    private void stopSteering(int ring) {
        memory.rings().set(ValueLayout.JAVA_INT, (long) ring * ChainLayout.Ring.BYTES + ChainLayout.Ring.STEERING, 0);
    }
}
