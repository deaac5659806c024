package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Sixteen threads, platform and virtual ones, do everything to one store at once, while it flushes and compacts, families come and go,
 * checkpoints are made, and it is closed under them and opened again. What must hold:
 *
 * <ul>
 *   <li>registers: each key by itself is linearizable ({@link Register}), by lookups, iterators and snapshots;
 *   <li>counters: no operand is lost or applied twice;
 *   <li>pairs: a batch writes a number to one family, its negative to another and to another key of the first, or deletes all three:
 *       whoever reads through a snapshot, or an iterator, or a checkpoint sees all of it or nothing.
 * </ul>
 */
class OracleTest {
    private static final int REGISTERS = 128;
    private static final int COUNTERS = 16;
    private static final int PAIRS = 64;
    private static final int ROUND_SECONDS = 2;

    @TempDir
    Path directory;

    private final long seed = Long.getLong("catena.seed", System.nanoTime());
    private final long seconds = Long.getLong("catena.seconds", Boolean.getBoolean("catena.long") ? 60 : 4);
    private final Register[] registers = new Register[REGISTERS];
    private final AtomicLong[] added = new AtomicLong[COUNTERS];
    private final AtomicLong[] adding = new AtomicLong[COUNTERS];
    private final AtomicLong operations = new AtomicLong();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean stopped;
    private int families;

    /** A round's store. */
    private record Round(Db db, ColumnFamily counters, ColumnFamily pairs) {}

    private interface Work {
        void once(Round round, SplittableRandom random);
    }

    private static Options options() {
        return Options.defaults()
                .withMemtableBytes(128 << 10)
                .withWriteBufferBytes(512 << 10)
                .withTableBytes(64 << 10)
                .withLevelOneBytes(256 << 10)
                .withCacheBytes(1 << 20)
                .withBlockBytes(1024)
                .withMergeOperator(MergeOperators.counter());
    }

    @Test
    @Timeout(300)
    void sixteenThreads() throws InterruptedException {
        System.out.println("OracleTest seed " + seed + ", " + seconds + " s");
        Arrays.setAll(registers, Register::new);
        Arrays.setAll(added, i -> new AtomicLong());
        Arrays.setAll(adding, i -> new AtomicLong());
        try (Db db = Db.open(directory.resolve("store"), options())) {
            ColumnFamily unused = db.createColumnFamily("counters", options());
            unused = db.createColumnFamily("pairs", options());
        }
        List<Work> works = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            works.add(this::useRegister);
        }
        works.addAll(
                List.of(this::useRegister, this::deleteRegisters, this::count, this::count, this::pair, this::pair));
        works.addAll(List.of(this::readThroughSnapshot, this::walk, this::tidy, this::changeFamilies));
        assertEquals(16, works.size());
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        for (int round = 0; System.nanoTime() < end && failure.get() == null; round++) {
            round(round, works, Math.min(end, System.nanoTime() + TimeUnit.SECONDS.toNanos(ROUND_SECONDS)));
        }
        System.out.println("OracleTest: " + operations + " operations");
        if (failure.get() != null) {
            throw new AssertionError("seed " + seed + ": " + failure.get(), failure.get());
        }
    }

    @SuppressWarnings("try") // closed under its users, too
    private void round(int number, List<Work> works, long end) throws InterruptedException {
        stopped = false;
        try (Db db = Db.open(directory.resolve("store"), options())) {
            Round round = new Round(db, family(db, "counters"), family(db, "pairs"));
            readThroughSnapshot(round, new SplittableRandom(seed));
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < works.size(); i++) {
                Work work = works.get(i);
                SplittableRandom random = new SplittableRandom(seed + 31L * number + i);
                Runnable runnable = () -> run(work, round, random);
                threads.add(
                        i % 3 == 0
                                ? Thread.ofVirtual().unstarted(runnable)
                                : Thread.ofPlatform().unstarted(runnable));
            }
            threads.forEach(Thread::start);
            while (System.nanoTime() < end && failure.get() == null) {
                LockSupport.parkNanos(1_000_000);
            }
            if (number % 2 == 0) {
                db.close(); // under them
            }
            stopped = true;
            for (Thread thread : threads) {
                thread.join();
            }
            if (number % 2 == 1 && failure.get() == null) {
                assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
            }
        } catch (RuntimeException | AssertionError e) {
            fail(e);
        }
    }

    private static ColumnFamily family(Db db, String name) {
        ColumnFamily family = db.columnFamily(name);
        assertNotNull(family, name);
        return family;
    }

    private void run(Work work, Round round, SplittableRandom random) {
        try {
            while (!stopped && failure.get() == null) {
                work.once(round, random);
                operations.getAndIncrement();
            }
        } catch (StoreClosedException e) {
            // As it should be, once it is closed.
        } catch (CompletionException e) {
            if (!(e.getCause() instanceof StoreClosedException)) {
                fail(e);
            }
        } catch (Throwable e) {
            fail(e);
        }
    }

    private void fail(Throwable e) {
        failure.compareAndSet(null, e);
    }

    private static void expect(@Nullable String wrong) {
        if (wrong != null) {
            throw new AssertionError(wrong);
        }
    }

    private static Durability durability(SplittableRandom random) {
        int kind = random.nextInt(50);
        return kind == 0 ? Durability.SYNCED : kind < 5 ? Durability.UNLOGGED : Durability.BUFFERED;
    }

    // ---- Registers.

    private void useRegister(Round round, SplittableRandom random) {
        Register register = registers[random.nextInt(random.nextInt(REGISTERS) + 1)];
        int kind = random.nextInt(100);
        if (kind < 45) {
            long version = register.beginPut();
            byte[] value = register.value(version);
            if (kind == 0) {
                round.db
                        .writeAsync(new Batch().put(register.key(), value), durability(random))
                        .join();
            } else {
                round.db.put(register.key(), value, durability(random));
            }
            register.endPut(version);
        } else if (kind < 48) {
            long began = register.beginDelete();
            round.db.delete(register.key(), durability(random));
            register.endDelete(began);
        } else if (kind < 50) {
            multiGet(round, random);
        } else {
            long known = register.beginRead();
            expect(register.check(known, Long.MAX_VALUE, get(round.db, register.key(), kind)));
        }
    }

    private static byte @Nullable [] get(Db db, byte[] key, int kind) {
        if (kind == 50) {
            return db.getAsync(key).join();
        }
        if (kind < 60) {
            try (ValueView view = db.getView(MemorySegment.ofArray(key))) {
                return view == null ? null : view.segment().toArray(ValueLayout.JAVA_BYTE);
            }
        }
        return db.get(key);
    }

    private void multiGet(Round round, SplittableRandom random) {
        int first = random.nextInt(REGISTERS - 10);
        long[] known = known();
        List<byte[]> keys = new ArrayList<>();
        for (int i = first; i < first + 10; i++) {
            keys.add(registers[i].key());
        }
        List<byte @Nullable []> values = round.db.multiGet(keys);
        for (int i = 0; i < values.size(); i++) {
            expect(registers[first + i].check(known[first + i], Long.MAX_VALUE, values.get(i)));
        }
    }

    private void deleteRegisters(Round round, SplittableRandom random) {
        int first = random.nextInt(REGISTERS);
        int end = Math.min(REGISTERS, first + 1 + random.nextInt(10));
        long[] began = new long[REGISTERS];
        for (int i = first; i < end; i++) {
            began[i] = registers[i].beginDelete();
        }
        round.db.deleteRange(Register.key(first), Register.key(end), durability(random));
        for (int i = first; i < end; i++) {
            registers[i].endDelete(began[i]);
        }
        LockSupport.parkNanos(random.nextInt(5_000_000));
    }

    private long[] known() {
        return Arrays.stream(registers).mapToLong(Register::beginRead).toArray();
    }

    private void walk(Round round, SplittableRandom random) {
        long[] known = known();
        @Nullable Snapshot snapshot = random.nextBoolean() ? round.db.snapshot() : null;
        long until = snapshot == null ? Long.MAX_VALUE : Register.time();
        IteratorOptions options = IteratorOptions.defaults();
        try (snapshot;
                DbIterator iterator = round.db.iterator(snapshot == null ? options : options.withSnapshot(snapshot))) {
            long made = Math.min(until, Register.time());
            boolean up = random.nextBoolean();
            byte[][] values = new byte[REGISTERS][];
            if (up) {
                iterator.seekToFirst();
            } else {
                iterator.seekToLast();
            }
            int before = up ? -1 : REGISTERS;
            while (iterator.isValid()) {
                int number = ByteBuffer.wrap(iterator.key()).getInt();
                assertTrue(up ? number > before : number < before, number + " after " + before);
                values[number] = iterator.value();
                before = number;
                if (up) {
                    iterator.next();
                } else {
                    iterator.prev();
                }
            }
            for (int i = 0; i < REGISTERS; i++) {
                expect(registers[i].check(known[i], made, values[i]));
                if (snapshot != null) {
                    assertTrue(
                            Arrays.equals(values[i], round.db.get(registers[i].key(), snapshot)),
                            "a lookup through the snapshot gave something else for register " + i);
                }
            }
        }
    }

    // ---- Counters.

    private void count(Round round, SplittableRandom random) {
        int number = random.nextInt(COUNTERS);
        byte[] key = {(byte) number};
        if (random.nextInt(3) > 0) {
            long by = random.nextInt(1000);
            adding[number].addAndGet(by);
            byte[] operand = ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(by)
                    .array();
            round.counters.merge(key, operand, durability(random));
            added[number].addAndGet(by);
        } else {
            long least = added[number].get();
            byte[] value = round.counters.get(key);
            long most = adding[number].get();
            long found = value == null
                    ? 0
                    : ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).getLong();
            assertTrue(
                    least <= found && found <= most,
                    "counter " + number + " is " + found + ", not " + least + " to " + most);
        }
    }

    // ---- Pairs.

    private void pair(Round round, SplittableRandom random) {
        int number = random.nextInt(PAIRS);
        byte[] key = Register.key(number);
        byte[] negative = Register.key(PAIRS + number);
        byte[] secondEnd = Register.key(number + 1);
        Batch batch = new Batch();
        int kind = random.nextInt(20);
        if (kind == 0) {
            batch.deleteRange(round.pairs, key, secondEnd)
                    .delete(round.pairs, negative)
                    .delete(round.counters, negative);
        } else {
            long amount = random.nextLong();
            batch.put(round.pairs, key, bytes(amount))
                    .put(round.pairs, negative, bytes(-amount))
                    .put(round.counters, negative, bytes(-amount));
        }
        Durability durability = kind == 1 ? Durability.SYNCED : Durability.BUFFERED;
        if (kind == 2) {
            CompletableFuture<@Nullable Void> written = round.db.writeAsync(batch, durability);
            written.join();
        } else {
            round.db.write(batch, durability);
        }
    }

    private static byte[] bytes(long number) {
        return ByteBuffer.allocate(Long.BYTES).putLong(number).array();
    }

    private static long number(byte @Nullable [] value) {
        return value == null ? 0 : ByteBuffer.wrap(value).getLong();
    }

    private void readThroughSnapshot(Round round, SplittableRandom random) {
        try (Snapshot snapshot = round.db.snapshot()) {
            checkPairs(round.pairs, round.counters, snapshot);
        }
        // And without one: an iterator is as of one moment itself.
        long sum = 0;
        try (DbIterator iterator = round.pairs.iterator()) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                sum += number(iterator.value());
            }
        }
        assertEquals(0, sum, "an iterator saw a part of a batch");
    }

    private static void checkPairs(ColumnFamily pairs, ColumnFamily counters, Snapshot snapshot) {
        for (int i = 0; i < PAIRS; i++) {
            byte[] negativeKey = Register.key(PAIRS + i);
            long amount = number(pairs.get(Register.key(i), snapshot));
            long negative = number(pairs.get(negativeKey, snapshot));
            long other = number(counters.get(negativeKey, snapshot));
            assertTrue(
                    amount == -negative && negative == other,
                    "pair " + i + ": a part of a batch: " + amount + ", " + negative + ", " + other);
        }
    }

    // ---- The rest.

    private void tidy(Round round, SplittableRandom random) {
        ColumnFamily family = List.of(round.db, round.counters, round.pairs).get(random.nextInt(3));
        switch (random.nextInt(6)) {
            case 0 -> family.flush();
            case 1 -> family.compact();
            case 2 -> {
                CompletableFuture<@Nullable Void> compaction = family.compact(null, Register.key(random.nextInt(64)));
                if (random.nextBoolean()) {
                    compaction.cancel(true);
                } else {
                    compaction.join();
                }
            }
            default -> LockSupport.parkNanos(random.nextInt(20_000_000));
        }
        assertTrue(round.db.stats().lastSequence() > 0);
    }

    private void changeFamilies(Round round, SplittableRandom random) {
        int number = families++;
        ColumnFamily made = round.db.createColumnFamily("family " + number, options());
        for (int i = random.nextInt(2000); i >= 0; i--) {
            made.put(Register.key(i), new byte[100]);
        }
        if (random.nextInt(4) == 0) {
            Path copy = directory.resolve("checkpoint " + number);
            round.db.checkpoint(copy);
            try (Db opened = Db.openReadOnly(copy, options());
                    Snapshot snapshot = opened.snapshot()) {
                checkPairs(family(opened, "pairs"), family(opened, "counters"), snapshot);
            }
            Db.destroy(copy);
        }
        try (DbIterator iterator = made.iterator()) {
            iterator.seekToFirst();
            assertTrue(iterator.isValid());
            round.db.dropColumnFamily(made);
            try {
                iterator.seekToFirst();
                throw new AssertionError("an iterator over a dropped family moved");
            } catch (ColumnFamilyDroppedException e) {
                // As it should be.
            }
        }
    }
}
