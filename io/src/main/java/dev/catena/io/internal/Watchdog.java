package dev.catena.io.internal;

import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** Counts what had to be done because the steering program did not: nothing, unless something is wrong. Thread safe. */
final class Watchdog {
    /** Rings that Java took over from the program. */
    final AtomicLong handOvers = new AtomicLong();
    /** Submission threads that slept though there was work. */
    final AtomicLong wakeUps = new AtomicLong();
    /** What a thread waited for, for long, and was there though nobody woke it. */
    final AtomicLong lostWakes = new AtomicLong();

    void addTo(Map<String, Long> counters) {
        counters.put("watchdog.hand-overs", handOvers.get());
        counters.put("watchdog.wake-ups", wakeUps.get());
        counters.put("watchdog.lost-wakes", lostWakes.get());
    }
}
