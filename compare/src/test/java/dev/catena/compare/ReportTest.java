package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.StringReader;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.xml.sax.InputSource;

/** What becomes of runs: JSON lines, medians and ratios, the table, the HTML report. */
final class ReportTest {
    private static final Summary SUMMARY = new Summary(Runs.some());

    @Test
    void jsonHasEveryFieldInOrder() {
        JsonObject json = JsonParser.parseString(Runs.some().get(0).toJson()).getAsJsonObject();
        assertEquals(
                List.of(
                        "workload",
                        "engine",
                        "round",
                        "threads",
                        "sync",
                        "ops",
                        "seconds",
                        "ops_per_s",
                        "p50_us",
                        "p99_us",
                        "p999_us",
                        "io_syscalls",
                        "syscalls",
                        "switches",
                        "cpu_s",
                        "rss_mb",
                        "backend"),
                List.copyOf(json.keySet()));
        assertEquals(
                "{\"workload\":\"fillsync16\",\"engine\":\"catena\",\"round\":1,\"threads\":16,\"sync\":true,\"ops\":1000,"
                        + "\"seconds\":0.025,\"ops_per_s\":40000.0,\"p50_us\":25.0,\"p99_us\":50.0,\"p999_us\":123.456,"
                        + "\"io_syscalls\":150,\"syscalls\":1000,\"switches\":2000,\"cpu_s\":0.12,\"rss_mb\":100.0,"
                        + "\"backend\":\"made up\"}",
                Runs.some().get(0).toJson());
    }

    @Test
    void jsonSaysNullWhereNothingWasCounted() {
        String json = Runs.some().get(6).toJson();
        assertTrue(json.contains("\"io_syscalls\":null,\"syscalls\":null,\"switches\":null"), json);
    }

    @Test
    void ratioIsOfRunsInTheSameRound() {
        assertEquals(new Summary.Ratio(2.0, 1.5, 5.0), SUMMARY.ratio("fillsync16"));
        assertNull(SUMMARY.ratio("readseq"));
    }

    @Test
    void tableShowsMediansPerOperation() {
        assertEquals("""
                workload    engine       ops/s  p50 µs  p99 µs  p99.9 µs  I/O calls/op  calls/op  switches/op  Catena/RocksDB (min–max)
                fillsync16  catena      40,000    25.0    50.0       123        0.0700      1.00         2.00          2.00 (1.50–5.00)
                            rocksdb     20,000    50.0     100       123          1.20      5.00         3.00
                readseq     catena           -       -       -         -             -         -            -                         -
                            rocksdb  3,000,000     0.3     0.7       123             -         -            -
                """, ResultTable.text(SUMMARY));
    }

    @Test
    void reportIsWholeAndNeedsNothingElse() throws Exception {
        String page = HtmlReport.page(SUMMARY, Runs.some(), List.of("disk: a < b & c"), List.of("it <broke>"));
        assertTrue(page.contains("disk: a &lt; b &amp; c"));
        assertTrue(page.contains("it &lt;broke&gt;"));
        assertTrue(page.contains("2.00 (1.50–5.00)"));
        assertFalse(page.contains("http:") || page.contains("https:") || page.contains("src="), "refers to elsewhere");
        Matcher charts = Pattern.compile("<svg.*?</svg>", Pattern.DOTALL).matcher(page);
        int count = 0;
        while (charts.find()) {
            DocumentBuilderFactory.newInstance()
                    .newDocumentBuilder()
                    .parse(new InputSource(new StringReader(charts.group())));
            count++;
        }
        assertEquals(5, count, "charts");
    }
}
