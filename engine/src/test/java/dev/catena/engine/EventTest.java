package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a store tells about itself: to a listener, to Java Flight Recorder, in LOG. */
@Timeout(120)
class EventTest {
    @TempDir
    Path directory;

    /** Keeps what it hears. */
    private static final class Kept implements StoreListener {
        final List<StoreEvent> began = Collections.synchronizedList(new ArrayList<>());
        final List<StoreEvent> ended = Collections.synchronizedList(new ArrayList<>());

        @Override
        public void began(StoreEvent event) {
            began.add(event);
        }

        @Override
        public void ended(StoreEvent event) {
            ended.add(event);
        }

        <T> List<T> ended(Class<T> kind) {
            return ended.stream().filter(kind::isInstance).map(kind::cast).toList();
        }
    }

    private static Options small() {
        return Options.defaults()
                .withCompression(Compression.NONE)
                .withMemtableBytes(128 << 10)
                .withTableBytes(64 << 10)
                .withLevelOneBytes(256 << 10)
                .withLevelZeroTrigger(2);
    }

    private static byte[] key(long i) {
        return ByteBuffer.allocate(8).putLong(i).array();
    }

    private static void write(Db db, int count) {
        for (int i = 0; i < count; i++) {
            db.put(key(i * 7919L % count), new byte[100]);
        }
    }

    private String log() throws IOException {
        return Files.readString(directory.resolve("LOG"));
    }

    @Test
    void flushesAndCompactionsAreToldWithReasonAndFigures() throws IOException {
        Kept kept = new Kept();
        Stats stats;
        try (Db db = Db.open(directory, small().withListener(kept))) {
            write(db, 20_000);
            db.flush();
            while (db.stats().levels().stream().anyMatch(level -> level.level() < 6 && level.fill() >= 1)) {
                LockSupport.parkNanos(1_000_000); // until compaction has nothing to do
            }
            db.compact();
            stats = db.stats();
        }
        List<StoreEvent.Flush> flushes = kept.ended(StoreEvent.Flush.class);
        assertEquals(stats.compaction().flushes(), flushes.size());
        assertEquals(
                stats.compaction().flushedBytes(),
                flushes.stream().mapToLong(StoreEvent.Flush::bytes).sum());
        assertEquals(
                20_000, flushes.stream().mapToLong(StoreEvent.Flush::entries).sum());
        assertTrue(flushes.stream().allMatch(flush -> flush.nanos() > 0 && flush.memoryBytes() > 0));
        assertEquals("the memtable is full", flushes.getFirst().reason());
        assertEquals("flush asked for", flushes.getLast().reason());
        List<StoreEvent.Compaction> compactions = kept.ended(StoreEvent.Compaction.class);
        List<StoreEvent.Compaction> merges =
                compactions.stream().filter(each -> !each.move()).toList();
        assertEquals(stats.compaction().compactions(), merges.size());
        assertEquals(
                stats.compaction().writtenBytes(),
                merges.stream().mapToLong(StoreEvent.Compaction::bytes).sum());
        assertEquals(
                stats.compaction().readBytes(),
                merges.stream().mapToLong(StoreEvent.Compaction::inputBytes).sum());
        assertTrue(compactions.stream()
                .anyMatch(each -> each.level() == 0
                        && each.output() == 6
                        && each.reason().matches("level 0 has \\d+ tables, and is compacted from 2 on")));
        assertTrue(compactions.stream()
                .anyMatch(each -> each.level() == 5
                        && each.reason().matches("level 5 has \\d+ bytes, and is compacted from 262144 on")));
        assertTrue(compactions.stream()
                .anyMatch(each -> each.level() == -1 && each.reason().equals("compact asked for")));
        assertEquals(kept.began.size(), kept.ended.size());
        String log = log();
        for (StoreEvent event : kept.began) {
            assertTrue(log.contains(" begins: " + event.reason() + "\n"), event + " is not in LOG");
        }
        for (String line : log.lines().toList()) {
            assertTrue(line.matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z .+"), line);
        }
        assertTrue(log.lines().findFirst().orElseThrow().contains("opened with operations up to 0, backend "), log);
        assertTrue(log.endsWith(" closed with operations up to 20000\n"), log);
    }

    @Test
    void slowDownsAreTold() {
        Kept kept = new Kept();
        Stats stats;
        try (Db db = Db.open(directory, small().withListener(kept))) {
            write(db, 60_000); // more than two memtables, so that writers wait for flushes
            db.compact();
            db.put(key(1), key(1)); // nothing holds it back
            stats = db.stats();
        }
        List<StoreEvent.SlowDown> slow = kept.ended(StoreEvent.SlowDown.class);
        assertTrue(stats.stalls() > 0, "no write was held back");
        assertEquals(
                stats.stalls(),
                slow.stream().mapToLong(StoreEvent.SlowDown::writes).sum());
        assertEquals(
                stats.stallNanos(),
                slow.stream().mapToLong(StoreEvent.SlowDown::heldNanos).sum());
        assertTrue(slow.stream()
                .allMatch(each -> each.nanos() > 0 && !each.reason().isEmpty()));
    }

    @Test
    void flightRecorderHasThem() throws IOException {
        Path file = directory.resolve("recording.jfr");
        try (Recording recording = new Recording()) {
            recording.enable("dev.catena.Flush").withoutThreshold();
            recording.enable("dev.catena.Compaction").withoutThreshold();
            recording.start();
            try (Db db = Db.open(directory.resolve("store"), small())) {
                write(db, 5000);
                db.compact();
            }
            recording.stop();
            recording.dump(file);
        }
        List<RecordedEvent> events = RecordingFile.readAllEvents(file);
        RecordedEvent flush = events.stream()
                .filter(event -> event.getEventType().getName().equals("dev.catena.Flush"))
                .findFirst()
                .orElseThrow();
        assertEquals("the memtable is full", flush.getString("reason"));
        assertTrue(flush.getLong("bytes") > 0 && flush.getDuration().toNanos() > 0);
        assertEquals("catena-flush", flush.getThread().getJavaName());
        assertTrue(events.stream()
                .anyMatch(event -> event.getEventType().getName().equals("dev.catena.Compaction")
                        && event.getString("reason").matches("compact asked for|level 0 has .*")));
    }

    @Test
    void aListenerThatThrowsDoesNoHarm() throws IOException {
        StoreListener bad = new StoreListener() {
            @Override
            public void began(StoreEvent event) {
                throw new IllegalStateException("a bad listener");
            }
        };
        try (Db db = Db.open(directory, small().withListener(bad))) {
            write(db, 5000);
            db.compact();
        }
        assertTrue(log().contains("the listener failed: java.lang.IllegalStateException: a bad listener\n"));
    }

    @Test
    void aListenerMayUseAndCloseTheStore() throws Exception {
        CompletableFuture<Db> opened = new CompletableFuture<>();
        CompletableFuture<String> heard = new CompletableFuture<>();
        Db db = Db.open(directory, small().withListener(new StoreListener() {
            @Override
            public void ended(StoreEvent event) {
                Db mine = opened.join();
                mine.close();
                heard.complete(event.reason());
            }
        }));
        opened.complete(db);
        db.put(key(1), key(2));
        try {
            db.flush();
        } catch (StoreClosedException e) {
            // by the listener
        }
        assertEquals("flush asked for", heard.get(60, TimeUnit.SECONDS));
        db.close();
        try (Db again = Db.open(directory, small())) {
            assertArrayEquals(key(2), again.get(key(1)));
        }
    }

    @Test
    void aLogThatCannotBeWrittenDoesNoHarm() throws IOException {
        Files.createDirectory(directory.resolve("LOG"));
        Files.writeString(directory.resolve("LOG").resolve("in the way"), "");
        Kept kept = new Kept();
        try (Db db = Db.open(directory, small().withListener(kept))) {
            write(db, 5000);
            db.compact();
            assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
        }
        assertFalse(kept.ended.isEmpty());
    }

    /** Writes until the log can grow no more. */
    static final class Failing {
        private Failing() {}

        public static void main(String[] arguments) {
            StoreListener listener = new StoreListener() {
                @Override
                public void failed(Throwable cause) {
                    System.out.println("heard: " + cause);
                }
            };
            Db db = Db.open(Path.of(arguments[0]), Options.defaults().withListener(listener));
            try {
                for (long i = 0; i < 100_000; i++) {
                    db.put(key(i), new byte[2000], Durability.SYNCED);
                }
            } catch (StoreReadOnlyException e) {
                db.close();
            }
        }
    }

    @Test
    void aFailureIsTold() throws Exception {
        Process writer = ChildJvm.start(
                List.of("/bin/sh", "-c", "ulimit -f 24000; exec \"$@\"", "sh"), // 12 MB in blocks of 512 bytes
                List.of("-Xmx128m", "-XX:-UsePerfData"),
                Failing.class,
                directory.toString());
        String output = new String(writer.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, writer.waitFor(), output);
        assertEquals(1, output.lines().count(), output);
        assertTrue(output.startsWith("heard: ") && output.contains(".log"), output);
        assertTrue(log().contains(" failure: the store is read-only: "), log());
    }
}
