package dev.catena.engine.log;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.engine.CorruptionException;
import dev.catena.engine.Db;
import dev.catena.engine.Options;
import dev.catena.engine.log.LogAhead.Source;
import dev.catena.io.memory.NativeMemory;
import dev.catena.io.memory.Xxh64;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who takes logs that are read ahead hears what he would of the reader itself, however small the chunks are. */
@Timeout(60)
class LogAheadTest {
    private static final int CHUNK_BYTES = 4 << 10;
    private static final int CHUNKS_MAX = 3;

    @TempDir
    private Path directory;

    private final long seed = System.nanoTime();
    private final List<Source> logs = new ArrayList<>();

    /** Logs of many chunks, of one, and of records larger than a chunk, which nobody reads meanwhile. */
    @BeforeEach
    void writeLogs() throws IOException {
        System.out.println("LogAheadTest seed " + seed);
        Random random = new Random(seed);
        for (int puts : new int[] {2000, 3, 500, 0}) {
            try (Db db = Db.open(directory, Options.defaults())) {
                for (int i = 0; i < puts; i++) {
                    byte[] value = new byte[random.nextInt(i % 50 == 0 ? 20_000 : 300)];
                    random.nextBytes(value);
                    db.put(new byte[] {(byte) random.nextInt(), (byte) i}, value);
                }
            }
        }
        try (Stream<Path> files = Files.list(directory)) {
            files.filter(file -> file.toString().endsWith(".log"))
                    .sorted()
                    .map(file -> new Source(
                            Long.parseLong(file.getFileName().toString().replace(".log", "")),
                            file,
                            LogReader.UNKNOWN_END))
                    .forEach(logs::add);
        }
        assertEquals(4, logs.size()); // the last one without operations
    }

    /** What was heard of a log, and how it ended. */
    private static final class Heard implements LogReader.Visitor {
        final List<String> all = new ArrayList<>();

        @Override
        public void started(long sequence) {
            all.add("started " + sequence);
        }

        @Override
        public void record(long sequence, int count, MemorySegment bytes, long offset, long length) {
            all.add(sequence + " " + count + " " + length + " " + Xxh64.hash(bytes, offset, length, 0));
        }
    }

    private static List<String> direct(Source log) {
        Heard heard = new Heard();
        try (LogReader reader = new LogReader(log.path(), log.number())) {
            heard.all.add(reader.read(log.exactEnd(), false, heard).toString());
        } catch (CorruptionException e) {
            heard.all.add(String.valueOf(e.getMessage()));
        }
        return heard.all;
    }

    private static List<String> taken(LogAhead ahead, Source log) {
        Heard heard = new Heard();
        try {
            heard.all.add(ahead.read(log, heard).toString());
        } catch (CorruptionException e) {
            heard.all.add(String.valueOf(e.getMessage()));
        }
        return heard.all;
    }

    @Test
    void isHeardOfAsReadDirectly() {
        long allocated = NativeMemory.allocatedBytes();
        try (LogAhead small = new LogAhead(logs, CHUNK_BYTES, CHUNKS_MAX);
                LogAhead usual = new LogAhead(logs)) {
            for (Source log : logs) {
                List<String> expected = direct(log);
                assertTrue(expected.size() >= 2);
                assertEquals(expected, taken(small, log));
                assertEquals(expected, taken(usual, log));
            }
        }
        assertEquals(allocated, NativeMemory.allocatedBytes());
    }

    @Test
    void damageIsReportedAfterWhatIsBeforeIt() throws IOException {
        Source first = logs.getFirst();
        long bytes = Files.size(first.path());
        try (RandomAccessFile file = new RandomAccessFile(first.path().toFile(), "rw")) {
            file.seek(bytes / 2);
            int there = file.read();
            file.seek(bytes / 2);
            file.write(~there);
        }
        Source known = new Source(first.number(), first.path(), bytes);
        List<String> expected = direct(known);
        assertTrue(expected.size() > 100 && expected.getLast().contains("damaged"), expected::getLast);
        try (LogAhead ahead = new LogAhead(List.of(known, logs.get(1)), CHUNK_BYTES, CHUNKS_MAX)) {
            assertEquals(expected, taken(ahead, known));
        }
    }

    @Test
    void endsWhereverItIs() {
        long allocated = NativeMemory.allocatedBytes();
        new LogAhead(logs, CHUNK_BYTES, CHUNKS_MAX).close();
        LogAhead waiting = new LogAhead(logs, CHUNK_BYTES, CHUNKS_MAX);
        Source first = logs.getFirst();
        RuntimeException thrown = assertThrows(
                IllegalStateException.class,
                () -> waiting.read(first, (sequence, count, bytes, offset, length) -> {
                    throw new IllegalStateException("enough");
                }));
        assertNotNull(thrown);
        waiting.close();
        waiting.close();
        assertFalse(Thread.getAllStackTraces().keySet().stream()
                .anyMatch(thread -> thread.getName().equals("catena-replay")));
        assertEquals(allocated, NativeMemory.allocatedBytes());
    }

    @Test
    void takingAnotherLogThanTheNextIsRefused() {
        try (LogAhead ahead = new LogAhead(logs)) {
            assertThrows(AssertionError.class, () -> ahead.read(logs.get(1), new Heard()));
        }
    }
}
