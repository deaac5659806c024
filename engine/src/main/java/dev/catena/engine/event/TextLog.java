package dev.catena.engine.event;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.time.format.DateTimeFormatterBuilder;
import org.jspecify.annotations.Nullable;

/**
 * The file {@code LOG}: a line for each thing that happens, with its time, added to what is there. A file that would become larger than
 * {@link #BYTES_MAX} is renamed to {@code LOG.old} first, replacing the one before. The first failure ends the writing, silently: it
 * must not harm the store. Not synced. Used by one thread.
 */
public final class TextLog {
    /** How large the file gets, in bytes. */
    static final long BYTES_MAX = 8 << 20;

    private final @Nullable Path path;
    private final @Nullable Path old;
    private final long bytesMax;
    private @Nullable FileOutputStream file;
    private long bytes;
    private boolean ended;

    /**
     * @param path of the file; null to write nothing
     * @param old what it is renamed to
     */
    public TextLog(@Nullable Path path, @Nullable Path old) {
        this(path, old, BYTES_MAX);
    }

    TextLog(@Nullable Path path, @Nullable Path old, long bytesMax) {
        this.path = path;
        this.old = old;
        this.bytesMax = bytesMax;
        ended = path == null;
    }

    /** Adds a line. */
    void line(Instant when, String text) {
        if (path == null || old == null || ended) {
            return;
        }
        String time =
                new DateTimeFormatterBuilder().appendInstant(3).toFormatter().format(when);
        byte[] line = (time + " " + text.replaceAll("\\R", " ") + "\n").getBytes(StandardCharsets.UTF_8);
        try {
            FileOutputStream out = file;
            if (out != null && bytes + line.length > bytesMax) {
                out.close();
                out = null;
            }
            if (out == null) {
                bytes = Files.exists(path) ? Files.size(path) : 0;
                if (bytes > 0 && bytes + line.length > bytesMax) {
                    Files.move(path, old, StandardCopyOption.ATOMIC_MOVE);
                    bytes = 0;
                }
                out = new FileOutputStream(path.toFile(), true);
                file = out;
            }
            out.write(line);
            bytes += line.length;
        } catch (IOException e) {
            close();
        }
    }

    /** Ends the writing. */
    void close() {
        ended = true;
        try (FileOutputStream _ = file) {
            file = null;
        } catch (IOException e) {
            // What could be written was.
        }
    }
}
