package dev.catena.bpf;

/** libbpf or the kernel refused something; the message has what libbpf said of it. */
public final class BpfException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int errno;

    BpfException(String what, int errno, String log) {
        super(what + ": errno " + errno + (log.isBlank() ? "" : "; " + lastLines(log)));
        this.errno = errno;
    }

    /** The error number, positive. */
    public int errno() {
        return errno;
    }

    private static String lastLines(String log) {
        String[] lines = log.strip().split("\n");
        StringBuilder text = new StringBuilder();
        for (int i = Math.max(0, lines.length - 8); i < lines.length; i++) {
            text.append(text.isEmpty() ? "" : " | ").append(lines[i].strip());
        }
        return text.toString();
    }
}
