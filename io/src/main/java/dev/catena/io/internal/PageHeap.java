package dev.catena.io.internal;

import java.util.Map;
import java.util.TreeMap;

/** Which pages of a run are in use and by whom: first fit, by whole pages, as offsets. Not thread safe. */
final class PageHeap {
    private record Allocation(long bytes, String owner) {}

    private final TreeMap<Long, Long> free = new TreeMap<>();
    private final TreeMap<Long, Allocation> live = new TreeMap<>();

    /** Over the bytes from {@code start} to {@code end}, both whole pages. */
    PageHeap(long start, long end) {
        free.put(start, end - start);
    }

    /**
     * The offset of {@code bytes} free bytes, whole pages.
     *
     * @throws OutOfMemoryError if there is no run of free pages as long as that
     */
    long allocate(long bytes, String owner) {
        for (Map.Entry<Long, Long> run : free.entrySet()) {
            long bytesFree = run.getValue(); // now: removing from a TreeMap may change the entry in hand
            if (bytesFree >= bytes) {
                long offset = run.getKey();
                free.remove(offset);
                if (bytesFree > bytes) {
                    free.put(offset + bytes, bytesFree - bytes);
                }
                live.put(offset, new Allocation(bytes, owner));
                return offset;
            }
        }
        throw new OutOfMemoryError("no chain memory: " + bytes + " bytes for " + owner + "; in use: " + inUse());
    }

    /** Gives pages back, if {@code offset} is the start of a live allocation; whether it is. */
    boolean free(long offset) {
        Allocation allocation = live.remove(offset);
        if (allocation == null) {
            return false;
        }
        long start = offset;
        long bytes = allocation.bytes;
        Map.Entry<Long, Long> before = free.lowerEntry(offset);
        if (before != null && before.getKey() + before.getValue() == start) {
            start = before.getKey();
            bytes += before.getValue();
            free.remove(start);
        }
        Long after = free.remove(offset + allocation.bytes);
        free.put(start, bytes + (after == null ? 0 : after));
        return true;
    }

    /** Bytes in use, by owner. */
    Map<String, Long> inUse() {
        Map<String, Long> byOwner = new TreeMap<>();
        live.values().forEach(allocation -> byOwner.merge(allocation.owner, allocation.bytes, Long::sum));
        return byOwner;
    }
}
