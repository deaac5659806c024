package dev.catena.io.chain;

import dev.catena.io.internal.ChainLayout;
import dev.catena.io.internal.SharedMemory;

/** What a chain came to. One object per chain, a view of the shared memory: valid until the chain begins anew. */
public final class ChainResult {
    private final SharedMemory memory;
    private final long chain;

    ChainResult(SharedMemory memory, long chain) {
        this.memory = memory;
        this.chain = chain;
    }

    void clear() {
        memory.setInt(chain + ChainLayout.Chain.RESULT, 0);
    }

    /** 0, or the negative error number of the first failure. */
    public int result() {
        return memory.getInt(chain + ChainLayout.Chain.RESULT);
    }

    /** Index of the step that failed, if {@link #result} is negative. */
    public int failedStep() {
        return memory.getInt(chain + ChainLayout.Chain.FAILED_STEP);
    }

    /** Sum of the hashes of the accumulating steps, modulo 2^64. */
    public long sum() {
        return memory.getLong(chain + ChainLayout.Chain.SUM);
    }

    /** Bytes read and written. */
    public long bytes() {
        return memory.getLong(chain + ChainLayout.Chain.BYTES_MOVED);
    }

    /** Steps done. */
    public int completedSteps() {
        return memory.getInt(chain + ChainLayout.Chain.COMPLETED);
    }

    /** Requests that completed short. */
    public int shortIos() {
        return memory.getInt(chain + ChainLayout.Chain.SHORT_IOS);
    }

    /** Requests issued again after an error. */
    public int retries() {
        return memory.getInt(chain + ChainLayout.Chain.RETRIES);
    }

    /** Requests that the kernel's program issued. */
    public int issuedByProgram() {
        return memory.getInt(chain + ChainLayout.Chain.ISSUED_BY_PROGRAM);
    }

    /** Requests that Java issued. */
    public int issuedByUser() {
        return memory.getInt(chain + ChainLayout.Chain.ISSUED_BY_USER);
    }

    /** Throws a {@link ChainIoException} that names the failed step, if there is one. */
    public ChainResult throwIfFailed() {
        if (result() < 0) {
            throw new ChainIoException("step " + failedStep() + " of a chain", -result());
        }
        return this;
    }

    /** As {@link #throwIfFailed()}, naming what was done to which file. */
    public ChainResult throwIfFailed(String operation, java.nio.file.Path path, long offset) {
        if (result() < 0) {
            throw new ChainIoException(operation, path, offset, -result());
        }
        return this;
    }
}
