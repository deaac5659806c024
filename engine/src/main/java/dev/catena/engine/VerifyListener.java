package dev.catena.engine;

import java.nio.file.Path;

/** Hears how far {@link Db#verify} has come. Called from the verifying thread. */
@FunctionalInterface
public interface VerifyListener {
    /** Hears nothing. */
    VerifyListener NONE = (file, bytesDone, bytesTotal) -> {};

    /**
     * @param file the file being read
     * @param bytesDone bytes read so far, over all files
     * @param bytesTotal bytes of all files
     */
    void progress(Path file, long bytesDone, long bytesTotal);
}
