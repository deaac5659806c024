package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Redrawn on a terminal; elsewhere only lines that stay. */
final class ProgressBarTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    private String shown() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void drawsAndClearsOnATerminal() {
        ProgressBar bar = new ProgressBar(out, true, 100);
        bar.begin("first part", 50);
        assertTrue(shown().contains("[....................]   0%  first part  1:40 left"), shown());
        bar.end("first done");
        bar.begin("second part", 50);
        assertTrue(shown().contains("\r\u001b[Kfirst done\n"), shown());
        assertTrue(shown().contains("[##########..........]  50%  second part"), shown());
        bar.end("second done");
        assertTrue(shown().endsWith("\r\u001b[Ksecond done\n"), shown());
    }

    @Test
    void printsOnlyLinesElsewhere() {
        ProgressBar bar = new ProgressBar(out, false, 100);
        bar.begin("part", 50);
        bar.update(1, "ops");
        bar.end("part done");
        assertEquals("part done\n", shown());
    }

    @Test
    void knowsNoTimeLeftWithoutAPlanAtFirst() {
        ProgressBar bar = new ProgressBar(out, true, ProgressBar.NO_PLAN);
        bar.at(0.01, "verify", "");
        assertTrue(shown().contains("  1%  verify  ? left"), shown());
    }

    @Test
    void clock() {
        assertEquals("0:07", ProgressBar.clock(7.4));
        assertEquals("62:05", ProgressBar.clock(62 * 60 + 5));
    }
}
