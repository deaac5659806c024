package dev.catena.compare.chains;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Appends to a log of records of 128 bytes, each durable when it returns, from so many threads: see {@link GroupLog}. */
final class LogCase extends ChainCase {
    private static final int FILE_BYTES = 8 << 20;

    private final int producers;
    private final int appends;
    private Path path = Path.of("");

    /** @param appends of each producer */
    LogCase(String name, int producers, int appends) {
        super(
                name,
                "durable appends of " + GroupLog.RECORD + " B from " + producers
                        + (producers == 1 ? " thread" : " threads"));
        this.producers = producers;
        this.appends = appends;
    }

    @Override
    public void prepare(Path directory) throws IOException {
        path = directory.resolve("log");
        ByteBuffer zeros = ByteBuffer.allocate(FILE_BYTES);
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            while (zeros.hasRemaining()) {
                channel.write(zeros);
            }
            channel.force(true);
        }
    }

    @Override
    public Pass open(Setting setting) {
        return new LogPass(setting);
    }

    private final class LogPass implements Pass {
        private final GroupLog log;
        private final ExecutorService threads = Executors.newFixedThreadPool(producers);

        LogPass(Setting setting) {
            log = setting.isResident() ? new ResidentLog(setting, path) : new LedLog(setting, path);
        }

        @Override
        public Figures run() throws IOException {
            List<Future<Stopwatch>> running = new ArrayList<>();
            long began = System.nanoTime();
            for (int producer = 0; producer < producers; producer++) {
                int number = producer;
                running.add(threads.submit(() -> produce(number)));
            }
            Stopwatch all = new Stopwatch();
            for (Future<Stopwatch> one : running) {
                try {
                    all.add(one.get());
                } catch (ExecutionException e) {
                    throw new IllegalStateException(e.getCause());
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new IllegalStateException("interrupted", e);
                }
            }
            return all.figures((long) producers * appends * GroupLog.RECORD, System.nanoTime() - began);
        }

        private Stopwatch produce(int producer) {
            Stopwatch watch = new Stopwatch();
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment record = arena.allocate(GroupLog.RECORD, 8);
                for (int i = 0; i < appends; i++) {
                    record.set(ValueLayout.JAVA_INT, 0, producer + 1);
                    record.set(ValueLayout.JAVA_INT, 4, i);
                    watch.start();
                    log.append(record);
                    watch.stop(1);
                }
            }
            return watch;
        }

        @Override
        public Map<String, Long> counters() {
            return log.runtime().counters();
        }

        @Override
        public void close() {
            threads.close();
            log.close();
        }
    }
}
