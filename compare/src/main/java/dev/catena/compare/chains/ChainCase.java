package dev.catena.compare.chains;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Something to be measured: prepared once, then opened once for each pass, one pass at a time. Used by one thread.
 */
public abstract class ChainCase implements AutoCloseable {
    private final String name;
    private final String summary;

    ChainCase(String name, String summary) {
        this.name = name;
        this.summary = summary;
    }

    /** As on the command line. */
    public final String name() {
        return name;
    }

    /** What it does, in a line. */
    public final String summary() {
        return summary;
    }

    /** Whether the time of one operation is what matters, rather than how much is done in a time. */
    public boolean isLatency() {
        return false;
    }

    /** Where it can run, of what there is. */
    public List<Setting> settings(List<Setting> available) {
        return available;
    }

    /** Makes what all passes use, in a directory that is there and will be deleted. */
    public abstract void prepare(Path directory) throws IOException;

    /** Sets up a pass. */
    public abstract Pass open(Setting setting) throws IOException;

    /** The process whose system calls are counted. */
    public long process() {
        return ProcessHandle.current().pid();
    }

    /** Lets go of what {@link #prepare} made outside the directory. */
    @Override
    public void close() throws IOException {}
}
