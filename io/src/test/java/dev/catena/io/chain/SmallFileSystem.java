package dev.catena.io.chain;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/** An ext4 of 16 MiB in a loop-mounted image, to be filled. Skips the test where it cannot be had. */
final class SmallFileSystem implements AutoCloseable {
    private final Path path;

    private SmallFileSystem(Path path) {
        this.path = path;
    }

    static SmallFileSystem mount(Path directory) throws IOException {
        Path image = directory.resolve("small.image");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(16 << 20);
        }
        Path path = Files.createDirectory(directory.resolve("small"));
        Assumptions.assumeTrue(
                run("mkfs.ext4", "-q", "-F", image.toString()), "mkfs.ext4 is not to be had (package e2fsprogs)");
        Assumptions.assumeTrue(
                run("mount", "-o", "loop", image.toString(), path.toString()),
                "an image cannot be loop-mounted here (needs root and a free loop device)");
        return new SmallFileSystem(path);
    }

    Path path() {
        return path;
    }

    private static boolean run(String... command) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException | InterruptedException e) {
            return false;
        }
    }

    @Override
    public void close() {
        if (!run("umount", path.toString())) {
            run("umount", "-l", path.toString());
        }
    }
}
