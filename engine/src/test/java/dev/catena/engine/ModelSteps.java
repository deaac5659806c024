package dev.catena.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Random operations of the whole API on a store and on sorted maps, which must agree at every step.
 *
 * <p>Which operations come depends on the random numbers and on the maps only, never on the store: without a store the same steps
 * change the maps in the same way. So who knows what was in a store, and how many steps a process did before it was killed, knows what
 * may be in it now.
 */
final class ModelSteps {
    /** What a store holds: at a sequence number, and what each family holds. */
    record Contents(long sequence, List<String> names, PersistentMap[] maps) {
        /** What a family holds; nothing when there is none. */
        PersistentMap of(String name) {
            int index = names.indexOf(name);
            return index < 0 ? PersistentMap.empty(order(name)) : maps[index];
        }
    }

    /** An iterator that stays open, and what it must show. */
    private record Walk(String family, @Nullable DbIterator iterator, PersistentMap expected) {}

    /** A snapshot, and what it must show. */
    private record Moment(@Nullable Snapshot snapshot, Contents contents) {}

    /** Hears that everything up to a sequence number is acknowledged to be durable. */
    interface Acknowledgements {
        void durable(long sequence);
    }

    private final SplittableRandom random;
    private final @Nullable Db db;
    private final Path directory;
    private final String familyPrefix;
    private final boolean leavesSomeUnlogged;
    private final Acknowledgements acknowledgements;
    private final List<Walk> walks = new ArrayList<>();
    private final List<Moment> moments = new ArrayList<>();
    private final List<ColumnFamily> handles = new ArrayList<>();

    /** Writes that nobody has waited for, and the sequence number by which they are durable. */
    private @Nullable CompletableFuture<@Nullable Void> pending;

    private long pendingSequence;
    private int familiesMade;
    private Contents now;

    /** All contents since the one that was acknowledged last, which is the first. */
    private final List<Contents> history = new ArrayList<>();

    private String doing = "nothing";

    /**
     * @param db null to change the maps only
     * @param directory where checkpoints are made
     * @param familyPrefix of the names of families that are made
     * @param leavesSomeUnlogged whether some writes are not logged: what a crash leaves is not what is said here then
     */
    ModelSteps(
            SplittableRandom random,
            @Nullable Db db,
            Contents now,
            Path directory,
            String familyPrefix,
            boolean leavesSomeUnlogged,
            Acknowledgements acknowledgements) {
        this.random = random;
        this.db = db;
        this.now = now;
        this.directory = directory;
        this.familyPrefix = familyPrefix;
        this.leavesSomeUnlogged = leavesSomeUnlogged;
        this.acknowledgements = acknowledgements;
        history.add(now);
        if (db != null) {
            now.names.forEach(name -> handles.add(family(db, name)));
        }
    }

    Contents now() {
        return now;
    }

    /** What the step is about, for a message. */
    String doing() {
        return doing;
    }

    /** All contents that a killed process may have left, if no more was acknowledged than this. */
    List<Contents> historyFrom(long acknowledged) {
        return history.stream()
                .filter(contents -> contents.sequence >= acknowledged)
                .toList();
    }

    // ---- Orders: a family's name says which it has.

    private static final String REVERSE = " reverse";
    private static final String SIGNED = " signed";

    /** A comparator of one's own: bytes are numbers from -128 to 127. */
    private static final KeyComparator SIGNED_BYTES = new KeyComparator() {
        @Override
        public String name() {
            return "signed";
        }

        @Override
        public int compare(MemorySegment a, MemorySegment b) {
            long at = a.mismatch(b);
            return at < 0 || at == Math.min(a.byteSize(), b.byteSize())
                    ? Long.compare(a.byteSize(), b.byteSize())
                    : Byte.compare(a.get(ValueLayout.JAVA_BYTE, at), b.get(ValueLayout.JAVA_BYTE, at));
        }
    };

    static Comparator<byte[]> order(String family) {
        Comparator<byte[]> bytes = Arrays::compareUnsigned;
        return family.endsWith(SIGNED) ? Arrays::compare : family.endsWith(REVERSE) ? bytes.reversed() : bytes;
    }

    private static Options inOrder(Options options, String family) {
        return family.endsWith(SIGNED)
                ? options.withKeyComparator(SIGNED_BYTES)
                : family.endsWith(REVERSE) ? options.withKeyComparator(KeyComparators.reverseUnsignedBytes()) : options;
    }

    /** Options of a store that may have these families. */
    static Options inOrders(Options options, Collection<String> families) {
        Options all = options;
        for (String family : families) {
            all = all.withColumnFamily(family, inOrder(options, family));
        }
        return all;
    }

    static ColumnFamily family(Db db, String name) {
        ColumnFamily found = db.columnFamily(name);
        expect(found != null, "no family " + name);
        return Objects.requireNonNull(found);
    }

    static void expect(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** Waits, not for ever: who is forgotten is a failure, too. */
    private static <T extends @Nullable Object> T await(CompletableFuture<T> future) {
        return future.orTimeout(2, TimeUnit.MINUTES).join();
    }

    private static void same(byte @Nullable [] expected, byte @Nullable [] found, String what) {
        if (!Arrays.equals(expected, found)) {
            throw new AssertionError(what + ": " + text(expected) + " expected, " + text(found) + " found");
        }
    }

    private static String text(byte @Nullable [] bytes) {
        return bytes == null
                ? "nothing"
                : bytes.length + " bytes " + Arrays.toString(Arrays.copyOf(bytes, Math.min(20, bytes.length)));
    }

    // ---- What changes the maps.

    private void durable(Durability durability) {
        if (durability == Durability.SYNCED) {
            durable();
        }
    }

    private void durable() {
        durable(now.sequence);
    }

    private void durable(long sequence) {
        history.removeIf(contents -> contents.sequence < sequence);
        acknowledgements.durable(history.getFirst().sequence);
    }

    /** What was written to a family is durable, and what was written before that. */
    private void flushed(int family) {
        int last = history.size() - 1;
        String name = now.names.get(family);
        while (last > 0 && history.get(last - 1).of(name) == now.maps[family]) {
            last--;
        }
        durable(history.get(last).sequence);
    }

    private void changed(int family, PersistentMap map, int operations) {
        PersistentMap[] maps = now.maps.clone();
        maps[family] = map;
        changed(maps, operations);
    }

    private void changed(PersistentMap[] maps, int operations) {
        now = new Contents(now.sequence + operations, now.names, maps);
        history.add(now);
    }

    private static PersistentMap merged(PersistentMap map, byte[] key, byte[] operand) {
        byte[] value = map.get(key);
        if (value == null) {
            return map.put(key, operand);
        }
        byte[] appended = Arrays.copyOf(value, value.length + operand.length);
        System.arraycopy(operand, 0, appended, value.length, operand.length);
        return map.put(key, appended);
    }

    // ---- Random keys, values and ranges.

    private Durability durability() {
        int kind = random.nextInt(100);
        return kind == 0
                ? Durability.SYNCED
                : kind < 20 && leavesSomeUnlogged ? Durability.UNLOGGED : Durability.BUFFERED;
    }

    private byte[] key() {
        byte[] key = new byte[random.nextInt(50) == 0 ? random.nextInt(3) : 2 + random.nextInt(5)];
        for (int i = 0; i < key.length; i++) {
            key[i] = (byte) (i == 1 ? random.nextInt(256) : i == 0 ? random.nextInt(4) : random.nextInt(2) * 255);
        }
        int kind = random.nextInt(1000);
        if (kind < 50 && key.length > 0) {
            key[0] = (byte) random.nextInt(256);
        } else if (kind == 50) {
            key = Arrays.copyOf(key, 1 + random.nextInt(3000));
        }
        return key;
    }

    /** A key that is there if possible, mostly. */
    private byte[] keyIn(PersistentMap map) {
        byte[] key = key();
        PersistentMap.Entry found = random.nextInt(4) == 0 ? null : map.above(key, true);
        return found == null ? key : found.key;
    }

    private byte[] value() {
        int kind = random.nextInt(2000);
        byte[] value =
                new byte[kind == 0 ? random.nextInt(40_000) : kind < 40 ? random.nextInt(3000) : random.nextInt(60)];
        if (random.nextBoolean()) {
            random.nextBytes(value);
        }
        return value;
    }

    /** Begin and end of a range in a family's order; sometimes its begin is not before its end. */
    private byte[][] range(int family) {
        byte[] begin = key();
        byte[] end = endOf(begin);
        boolean swap = order(now.names.get(family)).compare(begin, end) > 0 && random.nextInt(4) > 0;
        return swap ? new byte[][] {end, begin} : new byte[][] {begin, end};
    }

    /** A key a little after another one, or anywhere, before it as well. */
    private byte[] endOf(byte[] begin) {
        if (random.nextInt(50) == 0 || begin.length < 2) {
            return key();
        }
        byte[] end = Arrays.copyOf(begin, 2 + random.nextInt(2));
        int second = (end[1] & 0xff) + random.nextInt(12);
        end[0] += (byte) (second >> 8);
        end[1] = (byte) second;
        return end;
    }

    private static MemorySegment copy(Arena arena, byte[] bytes) {
        // One byte more, and not at its begin: the caller's memory may lie anyhow.
        MemorySegment copy = arena.allocate(bytes.length + 2L).asSlice(1, bytes.length);
        return copy.copyFrom(MemorySegment.ofArray(bytes));
    }

    // ---- Steps.

    /** One step. */
    void step() {
        int at = random.nextInt(now.names.size());
        ColumnFamily family = db == null ? null : handles.get(at);
        int choice = random.nextInt(100_000);
        if (choice < 25_000) {
            put(at, family);
        } else if (choice < 31_000) {
            delete(at, family);
        } else if (choice < 35_000) {
            merge(at, family);
        } else if (choice < 37_000) {
            batch();
        } else if (choice < 37_200) {
            deleteRange(at, family);
        } else if (choice < 37_300) {
            hotKey(at, family);
        } else if (choice < 91_000) {
            get(family, now.maps[at], null);
        } else if (choice < 93_000) {
            Moment moment = moments.isEmpty() ? null : moments.get(random.nextInt(moments.size()));
            if (moment != null) {
                get(family, moment.contents.of(now.names.get(at)), moment.snapshot);
            }
        } else if (choice < 93_400) {
            multiGet(at, family);
        } else if (choice < 93_600) {
            getAsync(at, family);
        } else if (choice < 98_500) {
            seek(at, family);
        } else if (choice < 98_900) {
            walk(at, family);
        } else if (choice < 99_100) {
            keepIterators(at, family);
        } else if (choice < 99_300) {
            keepSnapshots(at, family);
        } else if (choice < 99_900) {
            pending();
        } else if (choice < 99_960) {
            doing = "flush";
            if (family != null) {
                family.flush();
            }
            flushed(at);
        } else if (choice < 99_980) {
            compactRange(family);
        } else if (choice < 99_982) {
            doing = "compact";
            if (family != null) {
                family.compact();
            }
            flushed(at);
        } else if (choice < 99_997) {
            changeFamilies(at);
        } else if (choice < 99_999) {
            checkpoint();
        } else {
            doing = "verify";
            verify();
        }
    }

    private void put(int at, @Nullable ColumnFamily family) {
        doing = "put";
        byte[] key = key();
        byte[] value = value();
        Durability durability = durability();
        boolean segments = random.nextBoolean();
        if (family != null) {
            if (segments) {
                try (Arena arena = Arena.ofConfined()) {
                    family.put(copy(arena, key), copy(arena, value), durability);
                }
            } else if (durability == Durability.SYNCED) {
                family.put(key, value, durability);
            } else {
                family.put(key, value);
            }
        }
        changed(at, now.maps[at].put(key, value), 1);
        durable(durability);
    }

    private void delete(int at, @Nullable ColumnFamily family) {
        doing = "delete";
        byte[] key = keyIn(now.maps[at]);
        Durability durability = durability();
        boolean segments = random.nextBoolean();
        if (family != null) {
            if (segments) {
                try (Arena arena = Arena.ofConfined()) {
                    family.delete(copy(arena, key), durability);
                }
            } else {
                family.delete(key, durability);
            }
        }
        changed(at, now.maps[at].remove(key), 1);
        durable(durability);
    }

    private void merge(int at, @Nullable ColumnFamily family) {
        doing = "merge";
        byte[] key = keyIn(now.maps[at]);
        byte[] operand = value();
        Durability durability = durability();
        if (family != null) {
            family.merge(key, operand, durability);
        }
        changed(at, merged(now.maps[at], key, operand), 1);
        durable(durability);
    }

    private void deleteRange(int at, @Nullable ColumnFamily family) {
        doing = "deleteRange";
        byte[][] range = range(at);
        byte[] begin = range[0];
        byte[] end = range[1];
        Durability durability = durability();
        if (family != null) {
            family.deleteRange(begin, end, durability);
        }
        changed(at, now.maps[at].removeRange(begin, end), 1);
        durable(durability);
    }

    /** Many versions or operands of one key. */
    private void hotKey(int at, @Nullable ColumnFamily family) {
        doing = "one key again and again";
        byte[] key = key();
        boolean merges = random.nextBoolean();
        for (int i = random.nextInt(merges ? 150 : 40); i >= 0; i--) {
            byte[] value = new byte[random.nextInt(20)];
            random.nextBytes(value);
            if (family != null && merges) {
                family.merge(key, value);
            } else if (family != null) {
                family.put(key, value);
            }
            changed(at, merges ? merged(now.maps[at], key, value) : now.maps[at].put(key, value), 1);
        }
    }

    private void batch() {
        doing = "a batch";
        Batch batch = new Batch();
        int[] some = {random.nextInt(now.names.size()), random.nextInt(now.names.size())};
        PersistentMap[] maps = now.maps.clone();
        int operations = random.nextInt(20);
        for (int i = 0; i < operations; i++) {
            int at = some[random.nextInt(2)];
            ColumnFamily family = db == null ? null : handles.get(at);
            int kind = random.nextInt(100);
            byte[] key = keyIn(maps[at]);
            if (kind < 25) {
                if (family != null) {
                    batch.delete(family, key);
                }
                maps[at] = maps[at].remove(key);
            } else if (kind == 25) {
                byte[][] range = range(at);
                if (family != null) {
                    batch.deleteRange(family, range[0], range[1]);
                }
                maps[at] = maps[at].removeRange(range[0], range[1]);
            } else if (kind < 45) {
                byte[] operand = value();
                if (family != null) {
                    batch.merge(family, key, operand);
                }
                maps[at] = merged(maps[at], key, operand);
            } else {
                byte[] value = value();
                if (family != null && at == 0 && kind < 60) {
                    batch.put(key, value);
                } else if (family != null) {
                    batch.put(family, key, value);
                }
                maps[at] = maps[at].put(key, value);
            }
        }
        int way = random.nextInt(50);
        Durability durability = way == 0 || way == 1
                ? Durability.SYNCED
                : way < 10 && leavesSomeUnlogged ? Durability.UNLOGGED : Durability.BUFFERED;
        if (way == 1 || way == 2) {
            pending();
            if (db != null) {
                pending = db.writeAsync(batch, durability);
            }
            changed(maps, operations);
            pendingSequence = durability == Durability.SYNCED ? now.sequence : pendingSequence;
        } else {
            if (db != null) {
                db.write(batch, durability);
            }
            changed(maps, operations);
            durable(durability);
        }
    }

    /** Waits for writes that nobody has waited for. */
    private void pending() {
        doing = "waiting for writes";
        CompletableFuture<@Nullable Void> written = pending;
        if (written != null) {
            await(written);
            pending = null;
        }
        durable(pendingSequence);
    }

    private void get(@Nullable ColumnFamily family, PersistentMap map, @Nullable Snapshot snapshot) {
        doing = "get";
        byte[] key = keyIn(map);
        int way = random.nextInt(8);
        if (family == null) {
            return;
        }
        byte[] expected = map.get(key);
        if (way < 4) {
            same(expected, snapshot == null ? family.get(key) : family.get(key, snapshot), "get");
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment from = copy(arena, key);
            if (way < 7) {
                MemorySegment into = arena.allocate(50);
                long length = snapshot == null ? family.get(from, into) : family.get(from, into, snapshot);
                expect(length == (expected == null ? -1 : expected.length), "get gave " + length + " bytes");
                if (expected != null) {
                    int copied = Math.min(50, expected.length);
                    same(
                            Arrays.copyOf(expected, copied),
                            into.asSlice(0, copied).toArray(ValueLayout.JAVA_BYTE),
                            "get into a segment");
                }
            } else {
                try (ValueView view = snapshot == null ? family.getView(from) : family.getView(from, snapshot)) {
                    same(expected, view == null ? null : view.segment().toArray(ValueLayout.JAVA_BYTE), "getView");
                }
            }
        }
    }

    private void getAsync(int at, @Nullable ColumnFamily family) {
        doing = "getAsync";
        byte[] key = keyIn(now.maps[at]);
        if (family != null) {
            same(now.maps[at].get(key), await(family.getAsync(key)), "getAsync");
        }
    }

    private void multiGet(int at, @Nullable ColumnFamily family) {
        doing = "multiGet";
        Moment moment = moments.isEmpty() || random.nextBoolean() ? null : moments.get(random.nextInt(moments.size()));
        PersistentMap map = moment == null ? now.maps[at] : moment.contents.of(now.names.get(at));
        List<byte[]> keys = new ArrayList<>();
        for (int i = random.nextInt(random.nextInt(5) == 0 ? 200 : 40); i > 0; i--) {
            boolean again = !keys.isEmpty() && random.nextInt(10) == 0;
            keys.add(again ? keys.get(random.nextInt(keys.size())) : keyIn(map));
        }
        if (family != null) {
            List<byte @Nullable []> values = moment == null || moment.snapshot == null
                    ? family.multiGet(keys)
                    : family.multiGet(keys, moment.snapshot);
            expect(values.size() == keys.size(), "multiGet gave " + values.size() + " values");
            for (int i = 0; i < keys.size(); i++) {
                same(map.get(keys.get(i)), values.get(i), "multiGet");
            }
        }
    }

    private void seek(int at, @Nullable ColumnFamily family) {
        doing = "seek";
        byte[] from = key();
        int steps = random.nextInt(10);
        if (family == null) {
            return;
        }
        try (DbIterator iterator = family.iterator()) {
            iterator.seek(from);
            PersistentMap.Entry expected = now.maps[at].above(from, true);
            for (int i = 0; i < steps; i++) {
                sameEntry(expected, iterator);
                if (expected == null) {
                    return;
                }
                iterator.next();
                expected = now.maps[at].above(expected.key, false);
            }
            sameEntry(expected, iterator);
        }
    }

    private static void sameEntry(PersistentMap.@Nullable Entry expected, DbIterator iterator) {
        if (iterator.isValid() != (expected != null)) {
            throw new AssertionError(
                    expected == null
                            ? "an entry too many: " + text(iterator.key())
                            : "an entry is missing: " + text(expected.key));
        }
        if (expected != null) {
            same(expected.key, iterator.key(), "key");
            same(expected.value, iterator.value(), "value");
        }
    }

    /** An iterator with random bounds, now or at a snapshot, moved at random. */
    private void walk(int at, @Nullable ColumnFamily family) {
        doing = "walk";
        IteratorOptions options = IteratorOptions.defaults();
        PersistentMap shown = now.maps[at];
        if (!moments.isEmpty() && random.nextBoolean()) {
            Moment moment = moments.get(random.nextInt(moments.size()));
            shown = moment.contents.of(now.names.get(at));
            if (moment.snapshot != null) {
                options = options.withSnapshot(moment.snapshot);
            }
        }
        if (random.nextInt(3) == 0) {
            byte[] bound = key();
            options = options.withLowerBound(bound);
            shown = shown.from(bound);
        }
        if (random.nextInt(3) == 0) {
            byte[] bound = key();
            options = options.withUpperBound(bound);
            shown = shown.below(bound);
        }
        String name = now.names.get(at);
        if (random.nextInt(3) == 0 && !name.endsWith(SIGNED) && !name.endsWith(REVERSE)) {
            byte[] key = key();
            byte[] prefix = Arrays.copyOf(key, Math.min(key.length, random.nextInt(3)));
            options = options.withPrefix(prefix);
            shown = withPrefix(shown, prefix);
        }
        if (family == null) {
            move(null, shown);
        } else {
            try (DbIterator iterator = family.iterator(options)) {
                move(iterator, shown);
            }
        }
    }

    private static PersistentMap withPrefix(PersistentMap map, byte[] prefix) {
        PersistentMap from = map.from(prefix);
        for (int last = prefix.length - 1; last >= 0; last--) {
            if (prefix[last] != -1) {
                byte[] after = Arrays.copyOf(prefix, last + 1);
                after[last]++;
                return from.below(after);
            }
        }
        return from;
    }

    /** Moves an iterator up and down. */
    private void move(@Nullable DbIterator iterator, PersistentMap shown) {
        PersistentMap.Entry at = null;
        boolean up = true;
        for (int i = random.nextInt(60); i >= 0; i--) {
            up ^= random.nextInt(5) == 0;
            int kind = at == null || random.nextInt(20) == 0 ? random.nextInt(4) : 4;
            byte[] to = kind == 2 || kind == 3 ? key() : new byte[0];
            at = switch (kind) {
                case 0 -> shown.first();
                case 1 -> shown.last();
                case 2 -> shown.above(to, true);
                case 3 -> shown.under(to, true);
                default -> at == null ? null : up ? shown.above(at.key, false) : shown.under(at.key, false);
            };
            if (iterator != null) {
                switch (kind) {
                    case 0 -> iterator.seekToFirst();
                    case 1 -> iterator.seekToLast();
                    case 2 -> iterator.seek(to);
                    case 3 -> iterator.seekForPrev(to);
                    default -> {
                        if (up) {
                            iterator.next();
                        } else {
                            iterator.prev();
                        }
                    }
                }
                sameEntry(at, iterator);
            }
        }
    }

    private void keepIterators(int at, @Nullable ColumnFamily family) {
        if (walks.size() < 5) {
            doing = "opening an iterator";
            walks.add(new Walk(now.names.get(at), family == null ? null : family.iterator(), now.maps[at]));
            return;
        }
        Walk walk = walks.get(random.nextInt(5));
        doing = "an iterator opened before";
        move(walk.iterator, walk.expected);
        int next = random.nextInt(8);
        if (next < 2) {
            walks.remove(walk);
            if (walk.iterator != null) {
                if (next == 0) {
                    compareAll(walk.iterator, walk.expected);
                }
                walk.iterator.close();
            }
        }
    }

    private void keepSnapshots(int at, @Nullable ColumnFamily family) {
        doing = "snapshots";
        if (moments.size() < 5 && random.nextInt(3) == 0) {
            moments.add(new Moment(db == null ? null : db.snapshot(), now));
        } else if (!moments.isEmpty() && random.nextInt(3) == 0) {
            Moment moment = moments.remove(random.nextInt(moments.size()));
            if (family != null && moment.snapshot != null) {
                if (moment.contents.sequence % 4 == 0) {
                    try (DbIterator iterator = family.iterator(moment.snapshot)) {
                        compareAll(iterator, moment.contents.of(now.names.get(at)));
                    }
                }
                moment.snapshot.close();
            }
        }
    }

    /** A compaction of a range: waited for, cancelled, or left alone. */
    private void compactRange(@Nullable ColumnFamily family) {
        doing = "compact of a range";
        byte[] begin = random.nextInt(4) == 0 ? null : key();
        byte[] end = random.nextInt(4) == 0 ? null : key();
        int then = random.nextInt(3);
        if (family != null) {
            CompletableFuture<@Nullable Void> done = family.compact(begin, end);
            if (then == 0) {
                await(done);
            } else if (then == 1) {
                done.cancel(true);
            }
        }
    }

    /** Makes a family or drops one. */
    private void changeFamilies(int at) {
        boolean makes = now.names.size() < 4 || (now.names.size() < 6 && random.nextBoolean());
        List<String> names = new ArrayList<>(now.names);
        if (makes) {
            doing = "making a family";
            String name =
                    familyPrefix + familiesMade++ + List.of("", REVERSE, SIGNED).get(random.nextInt(3));
            Options options = Options.defaults()
                    .withMergeOperator(new Appending(random.nextBoolean()))
                    .withMemtableBytes((64L + random.nextInt(128)) << 10)
                    .withTableBytes(64 << 10)
                    .withLevelOneBytes(256 << 10)
                    .withBlockBytes(512 << random.nextInt(4))
                    .withFilterBitsPerKey(random.nextInt(11));
            if (db != null) {
                handles.add(db.createColumnFamily(name, inOrder(options, name)));
            }
            names.add(name);
            PersistentMap[] maps = Arrays.copyOf(now.maps, now.maps.length + 1);
            maps[now.maps.length] = PersistentMap.empty(order(name));
            now = new Contents(now.sequence, List.copyOf(names), maps);
        } else if (at > 0) {
            doing = "dropping a family";
            String name = names.remove(at);
            if (db != null) {
                ColumnFamily dropped = handles.remove(at);
                db.dropColumnFamily(dropped);
                try {
                    byte[] unexpected = dropped.get(new byte[1]);
                    throw new AssertionError("a dropped family gave " + text(unexpected));
                } catch (ColumnFamilyDroppedException e) {
                    // As it should be.
                }
            }
            for (Walk walk : List.copyOf(walks)) {
                if (walk.family.equals(name)) {
                    walks.remove(walk);
                    if (walk.iterator != null) {
                        try {
                            walk.iterator.seekToFirst();
                            throw new AssertionError("an iterator over a dropped family moved");
                        } catch (ColumnFamilyDroppedException e) {
                            // As it should be.
                        }
                    }
                }
            }
            PersistentMap[] maps = new PersistentMap[names.size()];
            for (int i = 0; i < maps.length; i++) {
                maps[i] = now.maps[i < at ? i : i + 1];
            }
            now = new Contents(now.sequence, List.copyOf(names), maps);
        }
    }

    private void checkpoint() {
        doing = "a checkpoint";
        boolean reading = random.nextBoolean();
        if (db != null) {
            Path copy = directory.resolve("checkpoint");
            db.checkpoint(copy);
            Options options = inOrders(db.options(), now.names);
            try (Db opened = reading ? Db.openReadOnly(copy, options) : Db.open(copy, options)) {
                compareFamilies(opened, now);
                expect(sequence(opened) >= now.sequence, "the checkpoint is at " + sequence(opened));
                if (!reading) {
                    opened.put(new byte[0], new byte[0]);
                    opened.compact();
                }
            }
            Db.destroy(copy);
            expect(!Files.exists(copy), "destroyed, and there");
        }
    }

    private void verify() {
        if (db != null) {
            expect(db.verify(VerifyListener.NONE).damages().isEmpty(), "damaged: " + db.damages());
        }
    }

    /** Compares everything: at the end. */
    void end() {
        pending();
        doing = "the end";
        if (db != null) {
            compareFamilies(db, now);
            expect(sequence(db) == now.sequence, "at " + sequence(db) + ", not at " + now.sequence);
            for (Walk walk : walks) {
                if (walk.iterator != null) {
                    compareAll(walk.iterator, walk.expected);
                }
            }
            for (Moment moment : moments) {
                int at = random.nextInt(handles.size());
                if (moment.snapshot != null) {
                    try (DbIterator iterator = handles.get(at).iterator(moment.snapshot)) {
                        compareAll(iterator, moment.contents.of(now.names.get(at)));
                    }
                }
            }
        }
    }

    // ---- Comparing all.

    /** The newest operation's number. */
    static long sequence(Db db) {
        try (Snapshot snapshot = db.snapshot()) {
            return snapshot.sequence();
        }
    }

    /** The families of a store must be these, and hold this. */
    static void compareFamilies(Db db, Contents contents) {
        List<String> names =
                db.columnFamilies().stream().map(ColumnFamily::name).toList();
        expect(names.equals(contents.names), "families " + names + ", not " + contents.names);
        for (String name : names) {
            try (DbIterator iterator = family(db, name).iterator()) {
                compareAll(iterator, contents.of(name));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("in family " + name + ": " + e.getMessage(), e);
            }
        }
    }

    private static void compareAll(DbIterator iterator, PersistentMap expected) {
        Iterator<PersistentMap.Entry> entries = expected.walk(true);
        for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
            sameEntry(entries.hasNext() ? entries.next() : null, iterator);
        }
        expect(!entries.hasNext(), "entries are missing");
        entries = expected.walk(false);
        for (iterator.seekToLast(); iterator.isValid(); iterator.prev()) {
            PersistentMap.Entry entry = entries.hasNext() ? entries.next() : null;
            expect(entry != null, "an entry too many, backwards");
            if (entry != null) {
                same(entry.key, iterator.keySegment().toArray(ValueLayout.JAVA_BYTE), "key, backwards");
                same(entry.value, iterator.valueSegment().toArray(ValueLayout.JAVA_BYTE), "value, backwards");
            }
        }
        expect(!entries.hasNext(), "entries are missing, backwards");
    }

    /** What a store holds, read from it. */
    static Contents read(Db db) {
        List<String> names =
                db.columnFamilies().stream().map(ColumnFamily::name).toList();
        PersistentMap[] maps = new PersistentMap[names.size()];
        for (int i = 0; i < maps.length; i++) {
            PersistentMap map = PersistentMap.empty(order(names.get(i)));
            try (DbIterator iterator = family(db, names.get(i)).iterator()) {
                for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                    map = map.put(iterator.key(), iterator.value());
                }
            }
            maps[i] = map;
        }
        return new Contents(sequence(db), names, maps);
    }

    /** Appends operands; some can combine them. */
    record Appending(boolean combines) implements MergeOperator {
        @Override
        public String name() {
            return "appending";
        }

        @Override
        public byte[] merge(byte[] key, byte @Nullable [] base, List<byte[]> operands) {
            return MergeOperators.append(new byte[0]).merge(key, base, operands);
        }

        @Override
        public byte @Nullable [] combine(byte[] key, List<byte[]> operands) {
            return combines ? merge(key, null, operands) : null;
        }
    }
}
