package dev.catena.io.chain;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * The end of a file that was just written, as it was read back.
 *
 * @param from where in the file it begins
 */
record WrittenEnd(Path path, MemorySegment bytes, long from) implements FileBytes {
    @Override
    public long size() {
        return from + bytes.byteSize();
    }

    @Override
    public long read(MemorySegment target, long offset, long length, long position) {
        if (position < from) {
            throw new AssertionError(
                    "what is at " + position + " was not read back, only from " + from + " on: " + path);
        }
        long part = Math.clamp(size() - position, 0, length);
        MemorySegment.copy(bytes, position - from, target, offset, part);
        return part;
    }
}
