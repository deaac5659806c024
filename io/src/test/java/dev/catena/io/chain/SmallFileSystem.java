package dev.catena.io.chain;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A file system of 16 MiB, to be filled: ext4 in a loop-mounted image, or where that cannot be had a tmpfs. */
final class SmallFileSystem implements AutoCloseable {
    private final Path path;

    private SmallFileSystem(Path path) {
        this.path = path;
    }

    /** Mounts it below {@code directory}; {@link Skipped} where neither can be mounted. */
    static SmallFileSystem mount(Path directory) throws IOException {
        Path image = directory.resolve("small.image");
        Path path = Files.createDirectory(directory.resolve("small"));
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(16 << 20);
        }
        boolean mounted = run("mkfs.ext4", "-q", "-F", image.toString())
                && run("mount", "-o", "loop", image.toString(), path.toString());
        if (!mounted && !run("mount", "-t", "tmpfs", "-o", "size=16m", "none", path.toString())) {
            throw new Skipped("a small file system cannot be mounted here (needs root)");
        }
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
