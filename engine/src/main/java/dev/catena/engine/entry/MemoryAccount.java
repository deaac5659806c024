package dev.catena.engine.entry;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Bytes outside the Java heap that a store holds beside the blocks in its cache, by owner. What is taken from the cache's capacity is
 * told to the cache at once, which gives up as many: so one budget holds for all. Owners charge what they allocate, in large pieces,
 * never per operation.
 *
 * <p>Thread safe.
 */
public final class MemoryAccount {
    /** What the bytes are for. */
    public enum Owner {
        /** Entries not written to tables yet, and what finds them. */
        MEMTABLES,
        /** Of open tables, what is always in memory: their roots. */
        TABLES,
        /** What iterators read ahead and unpack. */
        ITERATORS,
        /** What lookups of many keys read at once. */
        LOOKUPS,
        /** Buffers of flushes and compactions. */
        COMPACTION,
        /** The log's ring. */
        LOG
    }

    private static final Owner[] OWNERS = Owner.values();

    private final boolean shared;
    private final AtomicLongArray bytes = new AtomicLongArray(OWNERS.length);
    private volatile Runnable taker = () -> {};

    /** @param shared whether all owners take from the cache's capacity, or only open tables */
    public MemoryAccount(boolean shared) {
        this.shared = shared;
    }

    /** Adds bytes to what an owner holds; they come back with a negative number. */
    public void charge(Owner owner, long count) {
        bytes.getAndAdd(owner.ordinal(), count);
        if (count > 0 && takes(owner)) {
            taker.run();
        }
    }

    /** Bytes that the cache cannot have. */
    public long taken() {
        long sum = 0;
        for (Owner owner : OWNERS) {
            sum += takes(owner) ? bytes.get(owner.ordinal()) : 0;
        }
        return sum;
    }

    /** Bytes by owner. */
    public Map<Owner, Long> byOwner() {
        Map<Owner, Long> map = new EnumMap<>(Owner.class);
        for (Owner owner : OWNERS) {
            map.put(owner, bytes.get(owner.ordinal()));
        }
        return map;
    }

    /** Says what to call when more is taken from the cache. */
    public void onTake(Runnable call) {
        taker = call;
    }

    private boolean takes(Owner owner) {
        return shared || owner == Owner.TABLES;
    }
}
