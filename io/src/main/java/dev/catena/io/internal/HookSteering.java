package dev.catena.io.internal;

import dev.catena.bpf.BpfException;
import dev.catena.bpf.BpfLink;
import dev.catena.bpf.BpfMap;
import dev.catena.bpf.BpfObject;
import dev.catena.bpf.Btf;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.concurrent.locks.LockSupport;

/**
 * The steering program of the {@code kernel-hook} backend, attached to a tracepoint for as long as this is open.
 *
 * <p>{@link #bind} makes the program recognise a ring: a nonce is put into a map that only the loader writes, and a
 * no-op with that nonce completes on the ring; the program then knows the kernel's address of the ring and listens to
 * no other under that number.
 */
final class HookSteering extends Steering {
    private static final int OWNER_BYTES = 16;
    /** How long a busy machine may leave a submission thread without a processor. */
    private static final long PATIENCE_NANOS = 10_000_000_000L;

    private static final long SPIN_NANOS = 100_000;

    private final BpfMap owners;
    private final BpfLink link;
    private final SecureRandom random = new SecureRandom();

    private HookSteering(BpfObject object, String program) {
        super(object);
        owners = object.map("owners");
        link = object.attach(program);
    }

    /**
     * Loads and attaches the program.
     *
     * @throws UnsupportedOperationException if something is missing: the program, libbpf, a kernel feature
     * @throws BpfException if the kernel refuses it
     */
    static HookSteering open() {
        int arguments;
        try (Btf kernel = Btf.ofKernel()) {
            arguments = kernel.tracepointArguments("io_uring_complete");
        } catch (IllegalArgumentException e) {
            throw new UnsupportedOperationException("this kernel has no tracepoint io_uring_complete", e);
        }
        BpfObject object = BpfObject.open("hook");
        try {
            object.skip(arguments <= 3 ? "hook_fields" : "hook_cqe");
            object.load();
            return new HookSteering(object, arguments <= 3 ? "hook_cqe" : "hook_fields");
        } catch (RuntimeException e) {
            object.close();
            throw e;
        }
    }

    @Override
    int setupFlags(boolean resident) {
        return resident ? Ring.SETUP_SQPOLL : Ring.SETUP_COOP_TASKRUN;
    }

    @Override
    boolean actsInEnter() {
        return false;
    }

    @Override
    void bind(Ring ring, int number, boolean resident) {
        int nonce = random.nextInt(1, 1 << 28);
        setOwner(number, nonce);
        long entry = memory.ring(number);
        memory.setInt(entry + ChainLayout.Ring.STEERING, 1);
        ring.issue(
                ChainLayout.NOP,
                0,
                0,
                0,
                0,
                0,
                ChainLayout.userData(ChainLayout.KIND_REGISTER, number, 0, 0, 0) | nonce);
        if (resident) {
            ring.wake();
            long began = System.nanoTime();
            for (long waited = 0;
                    memory.getIntAcquire(entry + ChainLayout.Ring.REGISTERED) == 0 && waited < PATIENCE_NANOS;
                    waited = System.nanoTime() - began) {
                if (waited < SPIN_NANOS) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.parkNanos(SPIN_NANOS); // the submission thread may want this processor
                    ring.wake();
                }
            }
        } else {
            ring.enter(1, 1);
            ring.takeCompletion();
        }
        if (memory.getIntAcquire(entry + ChainLayout.Ring.REGISTERED) == 0) {
            throw new UnsupportedOperationException("the steering program did not see the ring's first completion");
        }
    }

    @Override
    void release(int number) {
        setOwner(number, 0);
    }

    private void setOwner(int number, long nonce) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment key = arena.allocateFrom(ValueLayout.JAVA_INT, number);
            MemorySegment value = arena.allocate(OWNER_BYTES, 8);
            value.set(ValueLayout.JAVA_LONG, 8, nonce);
            owners.update(key, value);
        }
    }

    @Override
    void detach() {
        link.close();
    }
}
