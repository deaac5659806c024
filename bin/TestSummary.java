// The end of bin/test: the skipped tests with their reasons, the failed ones by name, what the conformance suite came to on each
// kernel, and the sum of all as the last line. Reads the XML reports and the conformance suite's lines (its class Conformance says
// what they are) in the directories named as arguments; exits with 1 if a test failed or none was run.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;

static final int REASON_LENGTH = 300;

/** What the rows of one kernel, backend and placement came to. */
static final class Way {
    int passed;
    int failed;
    int skipped;
    final Map<String, Integer> reasons = new TreeMap<>();
}

int passed;
int rowsInReports;
int rowsOfHost;
final List<String> failed = new ArrayList<>();
final List<String> skipped = new ArrayList<>();
int skippedRows;
final Map<String, Way> ways = new TreeMap<>();

void main(String[] directories) throws Exception {
    for (String directory : directories) {
        Path path = Path.of(directory);
        if (Files.isDirectory(path)) {
            try (var reports = Files.newDirectoryStream(path, "TEST-*.xml")) {
                for (Path report : reports) {
                    read(report);
                }
            }
            try (var lines = Files.newDirectoryStream(path, "*.lines")) {
                for (Path file : lines) {
                    for (String line : Files.readAllLines(file)) {
                        row(file.getFileName().toString().replace(".lines", ""), line);
                    }
                }
            }
        }
    }
    if (rowsInReports != rowsOfHost) {
        failed.add("the conformance suite ran %d rows here, but %d are recorded".formatted(rowsInReports, rowsOfHost));
    }
    print("skipped", skipped);
    print("failed", failed);
    printWays();
    IO.println("%d passed, %d failed, %d skipped".formatted(passed, failed.size(), skipped.size() + skippedRows));
    System.exit(failed.isEmpty() && passed > 0 ? 0 : 1);
}

void read(Path report) throws Exception {
    var document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(report.toFile());
    var cases = document.getElementsByTagName("testcase");
    for (int i = 0; i < cases.getLength(); i++) {
        Element test = (Element) cases.item(i);
        String className = test.getAttribute("classname");
        String name = className.substring(className.lastIndexOf('.') + 1) + "." + test.getAttribute("name");
        if (name.startsWith("ConformanceTest.rows()[")) {
            rowsInReports++; // they have their lines
        } else if (test.getElementsByTagName("skipped").item(0) instanceof Element skip) {
            skipped.add(name + ": " + reason(skip));
        } else if (test.getElementsByTagName("failure").getLength() > 0
                || test.getElementsByTagName("error").getLength() > 0) {
            failed.add(name);
        } else {
            passed++;
        }
    }
}

/** A disabled test's reason is an attribute, an assumption's the message of the exception whose stack trace is the text. */
String reason(Element skip) {
    String message = skip.getAttribute("message");
    if (message.isBlank()) {
        message = skip.getTextContent().replaceFirst("(?s)\\R\\s+at .*", "").replaceFirst("^[\\w.]+Exception: ", "");
    }
    return message.isBlank() ? "no reason given" : message.strip();
}

/** conformance KERNEL BACKEND PLACEMENT ROW passed|failed|skipped [REASON] */
void row(String where, String line) {
    String[] words = line.split(" ", 7);
    String reason = words.length < 7 ? "no reason given" : words[6];
    reason = reason.substring(0, Math.min(REASON_LENGTH, reason.length()));
    String name = "%-10s %-28s %s %s".formatted(where, words[1], words[2], words[3]);
    Way way = ways.computeIfAbsent(name, _ -> new Way());
    rowsOfHost += where.equals("host") ? 1 : 0;
    switch (words[5]) {
        case "passed" -> {
            way.passed++;
            passed++;
        }
        case "skipped" -> {
            way.skipped++;
            way.reasons.merge(reason, 1, Integer::sum);
            skippedRows++;
        }
        default -> {
            way.failed++;
            failed.add("%s, %s %s, %s: %s".formatted(where, words[2], words[3], words[4], reason));
        }
    }
}

void printWays() {
    if (!ways.isEmpty()) {
        IO.println("conformance of chains, rows:");
        IO.println("  %-63s %6s %6s %7s".formatted("kernel, backend, placement", "passed", "failed", "skipped"));
    }
    ways.forEach((name, way) -> {
        IO.println("  %-63s %6d %6d %7d".formatted(name, way.passed, way.failed, way.skipped));
        way.reasons.forEach((reason, count) -> IO.println("    %d skipped: %s".formatted(count, reason)));
    });
}

void print(String what, List<String> lines) {
    if (!lines.isEmpty()) {
        IO.println(what + ":");
        lines.stream().sorted().forEach(line -> IO.println("  " + line.replaceAll("\\s*\\R\\s*", " ")));
    }
}
