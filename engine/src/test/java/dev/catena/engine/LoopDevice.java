package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * An ext4 file system on a loop device that a test can have stand still or fail. The device is an image in a tmpfs; blocks that were never written take no
 * memory there, so when the tmpfs is full, writes to those are errors of the device.
 */
final class LoopDevice implements AutoCloseable {
    private final Path memory;
    private final Path mounted;

    /** Mounts it below a directory, with so many bytes of which the device takes that many at most; the test is skipped where that cannot be had. */
    LoopDevice(Path directory, long bytes, long bytesTaken) throws IOException {
        memory = Files.createDirectory(directory.resolve("memory"));
        mounted = Files.createDirectory(directory.resolve("mounted"));
        assumeTrue(
                succeeds("mount", "-t", "tmpfs", "-o", "size=" + bytesTaken, "none", memory.toString()),
                "a tmpfs cannot be mounted here (needs root)");
        boolean made = false;
        try {
            try (RandomAccessFile image = new RandomAccessFile(image(), "rw")) {
                image.setLength(bytes);
            }
            // With nothing left for the kernel to write later, by itself.
            String finished = "lazy_itable_init=0,lazy_journal_init=0";
            made = succeeds("mkfs.ext4", "-q", "-F", "-N", "4096", "-J", "size=4", "-E", finished, image()) && mount();
        } finally {
            if (!made) {
                succeeds("umount", memory.toString());
            }
        }
        assumeTrue(made, "a file system cannot be mounted here (needs mkfs.ext4 and a loop device)");
    }

    private String image() {
        return memory.resolve("image").toString();
    }

    private boolean mount() {
        return succeeds("mount", "-o", "loop", image(), mounted.toString());
    }

    /** Where it is mounted. */
    Path path() {
        return mounted;
    }

    /** Has it take so many bytes, and mounts it anew, as after a repair. Nothing on it may be open. */
    void repair(long bytesTaken) {
        assertTrue(succeeds("mount", "-o", "remount,size=" + bytesTaken, memory.toString()), "more room");
        assertTrue(succeeds("umount", mounted.toString()), "unmounted");
        assertTrue(mount(), "mounted again");
    }

    /** Has the file system lose what it knows of where a file of it is, and mounts it anew. Nothing on it may be open. */
    void lose(Path file) {
        assertTrue(succeeds("umount", mounted.toString()), "unmounted");
        String change = "set_inode_field /" + mounted.relativize(file) + " block[0] 0x12345678";
        boolean changed = succeeds("debugfs", "-w", "-R", change, image());
        assertTrue(mount(), "mounted again");
        assumeTrue(changed, "a file system cannot be changed here (needs debugfs)");
    }

    /** Has it stand still for a while, from now on; over when the process has ended. */
    Process standStill(double seconds) throws IOException {
        Process process = new ProcessBuilder(
                        "sh",
                        "-c",
                        "fsfreeze -f \"$0\" && echo && sleep $1; fsfreeze -u \"$0\"",
                        mounted.toString(),
                        String.valueOf(seconds))
                .start();
        assumeTrue(process.getInputStream().read() == '\n', "a file system cannot be frozen here (needs fsfreeze)");
        return process;
    }

    @Override
    public void close() {
        boolean unmounted = succeeds("umount", mounted.toString());
        if (!unmounted) {
            succeeds("umount", "-l", mounted.toString());
        }
        succeeds("umount", "-l", memory.toString());
        assertTrue(unmounted, "nothing on it is open any more");
    }

    private static boolean succeeds(String... command) {
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
}
