package dev.catena.compare;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** What {@code doctor} and the report say about the machine. */
final class Machine {
    private Machine() {}

    /** The kernel's release. */
    static String kernel() {
        return System.getProperty("os.name") + " " + System.getProperty("os.version") + " "
                + System.getProperty("os.arch");
    }

    /** The running JDK. */
    static String jdk() {
        return Runtime.version() + ", " + System.getProperty("java.vendor") + ", " + System.getProperty("java.home");
    }

    /** The processor's name and how many CPUs this process may use. */
    static String cpu() {
        String model = "CPU";
        try {
            for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
                if (line.startsWith("model name")) {
                    model = line.substring(line.indexOf(':') + 1).strip();
                    break;
                }
            }
        } catch (IOException e) {
            model = "unknown CPU";
        }
        return Runtime.getRuntime().availableProcessors() + " × " + model;
    }

    /**
     * Where a directory's files lie.
     *
     * @param directory the directory asked for
     * @param fileSystem the file system's kind
     * @param device what is mounted
     * @param freeBytes bytes that this user may still write
     * @param mountOptions options of the mount and the file system, "unknown" where /proc does not tell
     */
    record Disk(Path directory, String fileSystem, String device, long freeBytes, String mountOptions) {
        JsonObject toJson() {
            JsonObject json = new JsonObject();
            json.addProperty("directory", directory.toString());
            json.addProperty("file_system", fileSystem);
            json.addProperty("device", device);
            json.addProperty("free_bytes", freeBytes);
            json.addProperty("mount_options", mountOptions);
            return json;
        }

        /** One line for people. */
        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%s on %s, %.1f GiB free, %s",
                    fileSystem,
                    device,
                    freeBytes / (double) (1L << 30),
                    mountOptions);
        }
    }

    /** The disk under a directory that exists. */
    static Disk disk(Path directory) throws IOException {
        FileStore store = Files.getFileStore(directory);
        return new Disk(
                directory.toAbsolutePath().normalize(),
                store.type(),
                store.name(),
                store.getUsableSpace(),
                mountOptions(directory));
    }

    /**
     * Options of the longest mount point above a directory, from /proc/self/mountinfo: fields are split by spaces, [4] is the
     * mount point, [5] the mount's options, and after a lone "-" come type, device and the file system's options.
     */
    private static String mountOptions(Path directory) throws IOException {
        Path real = directory.toRealPath();
        Path mountInfo = Path.of("/proc/self/mountinfo");
        String options = "unknown";
        if (!Files.isReadable(mountInfo)) {
            return options;
        }
        int longest = -1;
        for (String line : Files.readAllLines(mountInfo)) {
            List<String> fields = List.of(line.split(" "));
            int dash = fields.indexOf("-");
            Path point = Path.of(fields.get(4).replace("\\040", " "));
            if (real.startsWith(point) && point.getNameCount() >= longest && dash > 0 && fields.size() > dash + 3) {
                longest = point.getNameCount();
                options = fields.get(5) + " (" + fields.get(dash + 3) + ")";
            }
        }
        return options;
    }
}
