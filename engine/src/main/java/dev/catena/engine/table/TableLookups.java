package dev.catena.engine.table;

import dev.catena.engine.entry.Keys;
import dev.catena.engine.entry.Lookup;
import dev.catena.engine.entry.Memory;
import dev.catena.engine.entry.MultiLookup;
import dev.catena.engine.entry.ValueSink;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Lookups of ascending keys in one table. Index and block of one key stay pinned until the next one needs others, so what several keys
 * need is read once, even if the cache has no room for it. Frames that are not in the cache are noted, and the key is to be asked for
 * again when they were read. Not thread safe.
 */
public final class TableLookups implements MultiLookup.Source, AutoCloseable {
    private final TableReader table;
    private final TableIterator entries;
    private final MissingFrames missing;

    TableLookups(TableReader table, MissingFrames missing) {
        this.table = table;
        this.missing = missing;
        entries = table.tableIterator(0);
    }

    @Override
    public @Nullable Lookup find(
            MemorySegment key, long keyOffset, int keyLength, long snapshotSequence, long floor, ValueSink sink) {
        long address = Memory.address(key, keyOffset, keyLength);
        Boolean may = table.mayContain(address, keyLength, missing);
        if (may == null) {
            return null;
        }
        if (!may) {
            return Lookup.ABSENT;
        }
        if (!entries.seek(address, keyLength, Keys.seekTrailer(snapshotSequence), missing)) {
            return null;
        }
        while (entries.isValid() && Keys.compare(entries.keyAddress(), entries.keyLength(), address, keyLength) == 0) {
            Lookup found = Lookup.of(entries.trailer(), floor, sink, entries.valueAddress(), entries.valueLength());
            if (found != Lookup.ABSENT) {
                return found;
            }
            entries.next();
        }
        return Lookup.ABSENT;
    }

    @Override
    public void close() {
        entries.close();
    }
}
