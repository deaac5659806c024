// The end of bin/test: the skipped tests with their reasons, the failed ones by name, and the sum of all as the last line.
// Reads the XML reports of the directories named as arguments; exits with 1 if a test failed or none was run.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;

int passed;
final List<String> failed = new ArrayList<>();
final List<String> skipped = new ArrayList<>();

void main(String[] directories) throws Exception {
    for (String directory : directories) {
        Path path = Path.of(directory);
        if (Files.isDirectory(path)) {
            try (var reports = Files.newDirectoryStream(path, "TEST-*.xml")) {
                for (Path report : reports) {
                    read(report);
                }
            }
        }
    }
    print("skipped", skipped);
    print("failed", failed);
    IO.println("%d passed, %d failed, %d skipped".formatted(passed, failed.size(), skipped.size()));
    System.exit(failed.isEmpty() && passed > 0 ? 0 : 1);
}

void read(Path report) throws Exception {
    var document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(report.toFile());
    var cases = document.getElementsByTagName("testcase");
    for (int i = 0; i < cases.getLength(); i++) {
        Element test = (Element) cases.item(i);
        String className = test.getAttribute("classname");
        String name = className.substring(className.lastIndexOf('.') + 1) + "." + test.getAttribute("name");
        if (test.getElementsByTagName("skipped").item(0) instanceof Element skip) {
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

void print(String what, List<String> lines) {
    if (!lines.isEmpty()) {
        IO.println(what + ":");
        lines.stream().sorted().forEach(line -> IO.println("  " + line.replaceAll("\\s*\\R\\s*", " ")));
    }
}
