package dev.catena.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.Function;

/**
 * The report: one HTML file that needs no other. Charts are SVG written by hand, so that no fonts and no window system are needed
 * where it is made; colours follow the reader's light or dark mode.
 */
final class HtmlReport {
    private static final String STYLE = """
            :root{color-scheme:light dark;--catena:#1b7f5c;--rocksdb:#c2772b;--faint:#8885;--text:light-dark(#222,#ddd)}
            body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:var(--text);\
            background:light-dark(#fff,#16181a)}
            table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}
            th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid var(--faint)}
            th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}
            .scroll{overflow-x:auto}.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(30rem,1fr));gap:1rem}
            svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--text)}
            .catena{fill:var(--catena);stroke:var(--catena)}.rocksdb{fill:var(--rocksdb)}.axis{stroke:var(--faint)}
            .key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}
            .failed{color:#c33}li{margin:.1rem 0}
            """;

    private static final int WIDTH = 620;
    private static final int LABEL_WIDTH = 90;
    private static final int VALUE_WIDTH = 130;
    private static final int BAR_HEIGHT = 13;
    private static final int GROUP_GAP = 10;
    private static final int GROUP_HEIGHT = 2 * BAR_HEIGHT + GROUP_GAP;
    private static final int TOP = 28;

    private HtmlReport() {}

    /** Writes the report; makes its directory. */
    static void write(Path file, Summary summary, List<RunRecord> runs, List<String> settings, List<String> failures)
            throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.writeString(file, page(summary, runs, settings, failures));
    }

    static String page(Summary summary, List<RunRecord> runs, List<String> settings, List<String> failures) {
        StringBuilder page = new StringBuilder();
        page.append(
                        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Catena and RocksDB</title>")
                .append("<meta name=\"viewport\" content=\"width=device-width\"><style>\n")
                .append(STYLE)
                .append("</style></head><body>\n<h1>Catena and RocksDB, side by side</h1>\n<ul>");
        settings.forEach(line -> page.append("<li>").append(escape(line)).append("</li>\n"));
        page.append("</ul>\n");
        failures.forEach(line ->
                page.append("<p class=\"failed\">Failed: ").append(escape(line)).append("</p>\n"));
        page.append("<div class=\"scroll\">");
        table(page, ResultTable.HEADINGS, ResultTable.rows(summary));
        page.append("</div>\n<p>").append(escape(Descriptions.LEGEND)).append("</p>\n");
        page.append("<p class=\"key\"><span style=\"background:var(--catena)\"></span>Catena")
                .append(
                        "<span style=\"background:var(--rocksdb)\"></span>RocksDB; each pair of bars has a scale of its own</p>\n")
                .append("<div class=\"charts\">\n");
        page.append(ratios(summary));
        page.append(bars(
                summary,
                "Operations a second (more is better)",
                pair -> summary.median(pair.workload, pair.engine, RunRecord::opsPerSecond),
                ResultTable::rate));
        page.append(bars(
                summary,
                "99th percentile, µs (less is better)",
                pair -> summary.median(pair.workload, pair.engine, RunRecord::p99Micros),
                ResultTable::micros));
        page.append(bars(
                summary,
                "I/O system calls an operation (less is better)",
                pair -> summary.perOperation(pair.workload, pair.engine, SyscallCounter.Counts::ioSyscalls),
                ResultTable::count));
        page.append(bars(
                summary,
                "Voluntary context switches an operation (less is better)",
                pair -> summary.perOperation(pair.workload, pair.engine, SyscallCounter.Counts::switches),
                ResultTable::count));
        page.append("</div>\n<h2>All runs</h2>\n<pre class=\"scroll\">");
        runs.forEach(run -> page.append(escape(run.toJson())).append('\n'));
        return page.append("</pre></body></html>\n").toString();
    }

    private record Pair(String workload, Engine engine) {}

    private static void table(StringBuilder page, List<String> headings, List<List<String>> rows) {
        page.append("<table><tr>");
        headings.forEach(cell -> page.append("<th>").append(escape(cell)).append("</th>"));
        page.append("</tr>\n");
        for (List<String> row : rows) {
            page.append("<tr>");
            row.forEach(cell -> page.append("<td>").append(escape(cell)).append("</td>"));
            page.append("</tr>\n");
        }
        page.append("</table>");
    }

    /** A pair of bars a workload, the longer one as wide as there is room. */
    private static String bars(
            Summary summary,
            String title,
            Function<Pair, OptionalDouble> figure,
            Function<OptionalDouble, String> format) {
        List<String> workloads = summary.workloads();
        StringBuilder svg = open(title, TOP + workloads.size() * GROUP_HEIGHT);
        int y = TOP;
        for (String workload : workloads) {
            double longest = 0;
            for (Engine engine : Engine.values()) {
                longest = Math.max(
                        longest, figure.apply(new Pair(workload, engine)).orElse(0));
            }
            text(svg, 0, y + BAR_HEIGHT + 4, workload);
            for (Engine engine : Engine.values()) {
                OptionalDouble value = figure.apply(new Pair(workload, engine));
                double width = longest == 0 ? 0 : value.orElse(0) / longest * (WIDTH - LABEL_WIDTH - VALUE_WIDTH);
                svg.append(String.format(
                        Locale.ROOT,
                        "<rect class=\"%s\" stroke=\"none\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>",
                        engine.label(),
                        LABEL_WIDTH,
                        y,
                        width,
                        BAR_HEIGHT - 1));
                text(svg, LABEL_WIDTH + width + 6, y + BAR_HEIGHT - 2, format.apply(value));
                y += BAR_HEIGHT;
            }
            y += GROUP_GAP;
        }
        return svg.append("</svg>\n").toString();
    }

    /** A dot at each workload's median ratio and a line from its smallest to its largest, on a logarithmic scale around 1. */
    private static String ratios(Summary summary) {
        List<String> workloads = summary.workloads();
        double reach = 2;
        for (String workload : workloads) {
            Summary.Ratio ratio = summary.ratio(workload);
            if (ratio != null && ratio.min() > 0) {
                reach = Math.max(reach, Math.max(ratio.max(), 1 / ratio.min()));
            }
        }
        double scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / 2.0 / Math.log(reach);
        double one = LABEL_WIDTH + (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / 2.0;
        int bottom = TOP + workloads.size() * GROUP_HEIGHT;
        StringBuilder svg =
                open("Catena's operations a second over RocksDB's (right of the line: Catena is faster)", bottom);
        svg.append(String.format(
                Locale.ROOT, "<path class=\"axis\" d=\"M%.1f %dV%d\"/>", one, TOP - 8, bottom - GROUP_GAP));
        int y = TOP + BAR_HEIGHT;
        for (String workload : workloads) {
            text(svg, 0, y + 4, workload);
            Summary.Ratio ratio = summary.ratio(workload);
            if (ratio != null && ratio.min() > 0) {
                svg.append(String.format(
                        Locale.ROOT,
                        "<path class=\"catena\" stroke-width=\"2\" d=\"M%.1f %dH%.1f\"/><circle class=\"catena\" cx=\"%.1f\" cy=\"%d\" r=\"5\"/>",
                        one + Math.log(ratio.min()) * scale,
                        y,
                        one + Math.log(ratio.max()) * scale,
                        one + Math.log(ratio.median()) * scale,
                        y));
            }
            text(svg, WIDTH - VALUE_WIDTH + 12.0, y + 4, ResultTable.ratio(ratio));
            y += GROUP_HEIGHT;
        }
        return svg.append("</svg>\n").toString();
    }

    private static StringBuilder open(String title, int height) {
        StringBuilder svg = new StringBuilder(String.format(
                Locale.ROOT,
                "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">",
                WIDTH,
                height,
                escape(title)));
        text(svg, 0, 14, title);
        return svg;
    }

    private static void text(StringBuilder svg, double x, int y, String text) {
        svg.append(String.format(Locale.ROOT, "<text x=\"%.1f\" y=\"%d\">%s</text>", x, y, escape(text)));
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
