package dev.catena.bench;

import dev.catena.bench.KeyValueStore.Cursor;
import dev.catena.bench.KeyValueStore.Session;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * One thread's stream of operations of a workload: a pure function of the plan's seed and the thread's number. Each checks what it
 * reads, as far as that costs next to nothing, and counts what is wrong. Nothing is allocated an operation but what a store's
 * cursor allocates.
 */
abstract class Operation implements AutoCloseable {
    /** A place in the value source for each thread to start from. */
    private static final long VALUE_SEED = 0x56414C5545L;

    final Session session;
    final long keys;
    final SplittableRandom random;
    /** Reads that did not find what must be there. */
    long wrong;

    private Operation(Session session, long keys, long seed) {
        this.session = session;
        this.keys = keys;
        this.random = new SplittableRandom(seed);
    }

    /** Runs the next one. */
    abstract void run();

    @Override
    public void close() {
        session.close();
    }

    /** The operations of a workload's thread. */
    static Operation of(Workload workload, Session session, long keys, long seed) {
        return switch (workload) {
            case FILLRANDOM, FILLSYNC, FILLSYNC16, OVERWRITE -> new Put(session, keys, seed, workload.synced());
            case READRANDOM -> new Get(session, keys, seed);
            case READSEQ -> new Walk(session, keys, seed);
            case SEEKRANDOM -> new Scan(session, keys, seed);
            case YCSB_A -> new Mixed(session, keys, seed, 50);
            case YCSB_B -> new Mixed(session, keys, seed, 95);
            case YCSB_C -> new Mixed(session, keys, seed, 100);
        };
    }

    /** Every key once in random order: how the store for reads is loaded. */
    static Operation load(Session session, long keys, long seed) {
        return new Load(session, keys, seed);
    }

    /** Gets of keys in order, so close together that every block of the tables is read. */
    static Operation touch(Session session, long keys) {
        return new Touch(session, keys);
    }

    private static final class Touch extends Operation {
        private long next;

        Touch(Session session, long keys) {
            super(session, keys, 0);
        }

        @Override
        void run() {
            KeyFormat.write(session.key(), next);
            if (session.get() != ValueSource.VALUE_BYTES) {
                wrong++;
            }
            next = (next + WorkloadRun.TOUCH_STRIDE) % keys;
        }
    }

    private static final class Load extends Operation {
        private final Permutation order;
        private final ValueSource values;
        private long index;

        Load(Session session, long keys, long seed) {
            super(session, keys, seed);
            order = new Permutation(keys, seed);
            values = new ValueSource(seed ^ VALUE_SEED);
        }

        @Override
        void run() {
            KeyFormat.write(session.key(), order.at(index++));
            values.next(session.value());
            session.put(false);
        }
    }

    private static final class Put extends Operation {
        private final boolean synced;
        private final ValueSource values;

        Put(Session session, long keys, long seed, boolean synced) {
            super(session, keys, seed);
            this.synced = synced;
            values = new ValueSource(seed ^ VALUE_SEED);
        }

        @Override
        void run() {
            KeyFormat.write(session.key(), random.nextLong(keys));
            values.next(session.value());
            session.put(synced);
        }
    }

    private static final class Get extends Operation {
        Get(Session session, long keys, long seed) {
            super(session, keys, seed);
        }

        @Override
        void run() {
            KeyFormat.write(session.key(), random.nextLong(keys));
            if (session.get() != ValueSource.VALUE_BYTES) {
                wrong++;
            }
        }
    }

    private static final class Mixed extends Operation {
        private final int readPercent;
        private final ScrambledZipfian zipfian;
        private final ValueSource values;

        Mixed(Session session, long keys, long seed, int readPercent) {
            super(session, keys, seed);
            this.readPercent = readPercent;
            zipfian = new ScrambledZipfian(keys, Mix.mix(seed));
            values = new ValueSource(seed ^ VALUE_SEED);
        }

        @Override
        void run() {
            KeyFormat.write(session.key(), zipfian.next());
            if (random.nextInt(100) < readPercent) {
                if (session.get() != ValueSource.VALUE_BYTES) {
                    wrong++;
                }
            } else {
                values.next(session.value());
                session.put(false);
            }
        }
    }

    private static final class Scan extends Operation {
        Scan(Session session, long keys, long seed) {
            super(session, keys, seed);
        }

        @Override
        void run() {
            long first = random.nextLong(keys);
            long expected = Math.min(Workload.SCAN_ENTRIES, keys - first);
            KeyFormat.write(session.key(), first);
            try (Cursor cursor = session.cursor()) {
                long entries = 0;
                for (boolean found = cursor.seek(); found; found = cursor.next()) {
                    if (++entries == Workload.SCAN_ENTRIES) {
                        break;
                    }
                }
                if (entries != expected || KeyFormat.read(session.key()) != first + expected - 1) {
                    wrong++;
                }
            }
        }
    }

    private static final class Walk extends Operation {
        private @Nullable Cursor cursor;
        private long expected;

        Walk(Session session, long keys, long seed) {
            super(session, keys, seed);
        }

        @Override
        void run() {
            Cursor open = cursor;
            if (open == null) {
                open = session.cursor();
                cursor = open;
                expected = 0;
                if (!open.first()) {
                    wrong++;
                }
            } else if (!open.next()) {
                wrong++;
            }
            if (KeyFormat.read(session.key()) != expected) {
                wrong++;
            }
            if (++expected == keys) {
                if (open.next()) {
                    wrong++;
                }
                open.close();
                cursor = null;
            }
        }

        @Override
        public void close() {
            if (cursor != null) {
                cursor.close();
            }
            super.close();
        }
    }
}
