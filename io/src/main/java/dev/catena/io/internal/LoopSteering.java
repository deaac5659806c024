package dev.catena.io.internal;

import dev.catena.bpf.BpfException;
import dev.catena.bpf.BpfLink;
import dev.catena.bpf.BpfMap;
import dev.catena.bpf.BpfObject;
import dev.catena.bpf.Btf;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The steering program of the {@code kernel-loop} backend. It is attached to each ring by itself, in one of a few slots:
 * struct_ops maps of the object, each of which names its ring by a descriptor that is fixed when the object is loaded.
 * So a descriptor number a slot is reserved, and stands for a ring just while the program is attached to that.
 *
 * <p>The program tells rings by the kernel's addresses. It learns an address when the ring is entered first, in {@link
 * #bind}, as that of the one ring which the map {@code owners} announces and whose address is not known yet.
 */
final class LoopSteering extends Steering {
    /** As in {@code loop.bpf.c}. */
    private static final int SLOTS = 16;
    /** {@code struct io_uring_bpf_ops} as the program declares it. */
    private static final int OPS_BYTES = 16;

    private static final int OPS_RING_FD = 8;
    private static final int OWNER_BYTES = 16;
    private static final int OWNER_NUMBER = 8;

    private final BpfMap owners;
    private final int placeholder;
    private final int[] reserved;
    private final @Nullable BpfLink[] links = new BpfLink[SLOTS];
    private final int[] numbers = new int[SLOTS];

    private LoopSteering(BpfObject object, int placeholder, int[] reserved) {
        super(object);
        this.placeholder = placeholder;
        this.reserved = reserved;
        owners = object.map("owners");
    }

    /**
     * Loads the program.
     *
     * @throws UnsupportedOperationException if something is missing: the program, libbpf, a kernel feature
     * @throws BpfException if the kernel refuses it
     */
    static LoopSteering open() {
        try (Btf kernel = Btf.ofKernel()) {
            kernel.structFields("io_uring_bpf_ops");
        } catch (IllegalArgumentException e) {
            throw new UnsupportedOperationException(
                    "needs Linux 7.1 or newer with CONFIG_IO_URING_BPF_OPS (struct_ops io_uring_bpf_ops), here is "
                            + System.getProperty("os.version"),
                    e);
        }
        BpfObject object = BpfObject.open("loop");
        int placeholder = Posix.open(Path.of("/dev/null"), Posix.O_RDWR);
        int[] reserved = new int[SLOTS];
        try {
            for (int slot = 0; slot < SLOTS; slot++) {
                reserved[slot] = Posix.duplicate(placeholder);
                object.map(mapName(slot)).memory(OPS_BYTES).set(ValueLayout.JAVA_INT, OPS_RING_FD, reserved[slot]);
            }
            object.load();
            return new LoopSteering(object, placeholder, reserved);
        } catch (RuntimeException e) {
            object.close();
            closeAll(placeholder, reserved);
            throw e;
        }
    }

    private static String mapName(int slot) {
        return "loop_" + slot;
    }

    private static void closeAll(int placeholder, int[] reserved) {
        for (int descriptor : reserved) {
            Posix.close(descriptor);
        }
        Posix.close(placeholder);
    }

    @Override
    int setupFlags(boolean resident) {
        return Ring.SETUP_SINGLE_ISSUER | Ring.SETUP_DEFER_TASKRUN;
    }

    @Override
    boolean actsInEnter() {
        return true;
    }

    /** Whether one more ring can be steered. */
    synchronized boolean hasSlot() {
        return freeSlot() >= 0;
    }

    private int freeSlot() {
        for (int slot = 0; slot < SLOTS; slot++) {
            if (links[slot] == null) {
                return slot;
            }
        }
        return -1;
    }

    /** One ring at a time: the address that the program does not know yet is this ring's. */
    @Override
    synchronized void bind(Ring ring, int number, boolean resident) {
        int slot = freeSlot();
        if (slot < 0) {
            throw new IllegalStateException("more than " + SLOTS + " rings to steer");
        }
        long entry = memory.ring(number);
        setOwner(slot, number + 1);
        memory.setInt(entry + ChainLayout.Ring.WAITING, 0);
        memory.setInt(entry + ChainLayout.Ring.STEERING, 1);
        try {
            attach(ring, number, slot);
            int result = ring.enter(0, 0);
            if (result < 0) {
                throw new RingException("the first io_uring_enter of a steered ring", -result);
            }
            if (memory.getIntAcquire(entry + ChainLayout.Ring.REGISTERED) == 0) {
                throw new UnsupportedOperationException("the steering program was not called for its ring");
            }
        } catch (RuntimeException e) {
            release(number);
            setOwner(slot, 0);
            throw e;
        }
        memory.setInt(entry + ChainLayout.Ring.WAITING, resident ? ChainLayout.WAITING_ALWAYS : 0);
    }

    private void attach(Ring ring, int number, int slot) {
        Posix.replace(ring.descriptor(), reserved[slot]);
        try {
            links[slot] = object.attachMap(mapName(slot));
            numbers[slot] = number;
        } finally {
            Posix.replace(placeholder, reserved[slot]);
        }
    }

    @Override
    synchronized void release(int number) {
        for (int slot = 0; slot < SLOTS; slot++) {
            BpfLink link = links[slot];
            if (link != null && numbers[slot] == number) {
                link.close();
                links[slot] = null;
                setOwner(slot, 0);
            }
        }
    }

    private void setOwner(int slot, int number) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment key = arena.allocateFrom(ValueLayout.JAVA_INT, slot);
            MemorySegment value = arena.allocate(OWNER_BYTES, 8);
            value.set(ValueLayout.JAVA_INT, OWNER_NUMBER, number);
            owners.update(key, value);
        }
    }

    @Override
    synchronized void detach() {
        for (BpfLink link : links) {
            if (link != null) {
                link.close();
            }
        }
    }

    @Override
    public void close() {
        super.close();
        closeAll(placeholder, reserved);
    }
}
