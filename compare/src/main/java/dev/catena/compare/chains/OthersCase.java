package dev.catena.compare.chains;

import dev.catena.io.chain.ChainRuntime;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a backend that is open costs those who do not use it: another process lets no-ops complete on its own ring, while here each
 * backend of the kernel is open in turn, and then none. The difference of the medians is the cost of a completion.
 */
final class OthersCase extends ChainCase {
    private static final Setting NONE = new Setting("none", null);

    private final int batches;
    private @Nullable Process process;
    private @Nullable BufferedReader answers;

    OthersCase(String name, int batches) {
        super(name, "no-ops of another process, while a backend is open here");
        this.batches = batches;
    }

    @Override
    public List<Setting> settings(List<Setting> available) {
        List<Setting> settings = new ArrayList<>(List.of(NONE));
        available.stream()
                .filter(Setting::isKernel)
                .map(setting -> new Setting(setting.backend(), null))
                .distinct()
                .forEach(settings::add);
        return settings;
    }

    @Override
    public void prepare(Path directory) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        for (String argument : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
            if (argument.startsWith("--enable-native-access") || argument.startsWith("-Dcatena.")) {
                command.add(argument);
            }
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), NopProcess.class.getName()));
        Process started = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        process = started;
        answers = new BufferedReader(new InputStreamReader(started.getInputStream(), StandardCharsets.US_ASCII));
    }

    @Override
    public long process() {
        return process == null ? super.process() : process.pid();
    }

    @Override
    public void close() {
        if (process != null) {
            process.destroyForcibly();
        }
    }

    @Override
    public Pass open(Setting setting) {
        ChainRuntime runtime = setting.equals(NONE) ? null : setting.runtime();
        return new Pass() {
            @Override
            public Figures run() throws IOException {
                Stopwatch watch = new Stopwatch();
                for (String nanos : ask().split(" ")) {
                    watch.add(Long.parseLong(nanos), NopProcess.BATCH);
                }
                return watch.figures(0);
            }

            @Override
            public void close() {
                if (runtime != null) {
                    runtime.close();
                }
            }
        };
    }

    private String ask() throws IOException {
        if (process == null || answers == null) {
            throw new IllegalStateException("not prepared");
        }
        process.getOutputStream().write((batches + "\n").getBytes(StandardCharsets.US_ASCII));
        process.getOutputStream().flush();
        String answer = answers.readLine();
        if (answer == null) {
            throw new IOException("the other process ended");
        }
        return answer;
    }
}
