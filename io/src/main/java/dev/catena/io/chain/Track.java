package dev.catena.io.chain;

import dev.catena.io.internal.Driver;
import dev.catena.io.internal.SharedMemory;
import java.util.HashMap;
import java.util.Map;

/** What a lane runs on, and gives back when it is closed: a driver, and an account for each kind of chain. One user at a time. */
record Track(int number, Placement placement, Driver driver, Map<String, Integer> accounts) {
    Track(int number, Placement placement, Driver driver) {
        this(number, placement, driver, new HashMap<>());
    }

    /** Number of the account for chains of {@code kind}. */
    int account(SharedMemory memory, String kind) {
        return accounts.computeIfAbsent(
                kind, name -> memory.allocateAccount(number, name, placement == Placement.RESIDENT));
    }
}
