package dev.catena.engine;

import dev.catena.engine.version.StoreDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Which process has a store open, and where its chain memory is: what the file {@code LOCK} says. Its lines are the process id and,
 * once the store is open, the address in hexadecimal. The file of a store that nobody has open is empty; that of a process that was
 * killed still names it.
 *
 * @param directory of the store
 * @param pid of the process
 * @param chains address of the chain memory in that process
 */
public record StoreProcess(Path directory, long pid, long chains) {
    /**
     * Reads a store's lock file.
     *
     * @throws StoreIoException if the store is open in no process, or the file cannot be read
     */
    public static StoreProcess of(Path directory) {
        return find(directory)
                .orElseThrow(
                        () -> new StoreIoException("the store " + directory + " is not open in any process", null));
    }

    private static Optional<StoreProcess> find(Path directory) {
        Path file = directory.resolve(StoreDirectory.LOCK);
        try {
            List<String> lines = Files.readAllLines(file);
            if (lines.size() < 2) {
                return Optional.empty();
            }
            long pid = Long.parseLong(lines.get(0).strip());
            long chains = Long.parseUnsignedLong(lines.get(1).strip(), 16);
            return ProcessHandle.of(pid)
                    .filter(ProcessHandle::isAlive)
                    .map(_ -> new StoreProcess(directory, pid, chains));
        } catch (NoSuchFileException e) {
            throw new StoreIoException("there is no store in " + directory + ": no file LOCK", e);
        } catch (IOException | NumberFormatException e) {
            throw new StoreIoException("cannot read " + file + ": " + e, e);
        }
    }

    /** The text of the lock file. */
    static String text(long... numbers) {
        StringBuilder text = new StringBuilder().append(numbers[0]).append('\n');
        Arrays.stream(numbers)
                .skip(1)
                .forEach(address -> text.append(Long.toHexString(address)).append('\n'));
        return text.toString();
    }

    /** Whether the same process still has it open. */
    public boolean isOpen() {
        return find(directory).equals(Optional.of(this));
    }
}
