package dev.catena.compare;

import java.io.PrintStream;
import java.util.Locale;

/**
 * Says how far a long command has come: on a terminal one line that is drawn again, elsewhere a line now and then. Time left is
 * planned time left, scaled by how planned and real time have compared so far. Used by one thread.
 */
final class ProgressBar {
    /** A bar over work without a plan. */
    static final double NO_PLAN = 0;

    private static final int BAR_CELLS = 20;
    private static final double TRUSTED_SHARE = 0.1;
    private static final long REDRAW_NANOS = 200_000_000L;
    private static final long LINE_NANOS = 10_000_000_000L;
    private static final String CLEAR_LINE = "\r\u001b[K";

    private final PrintStream out;
    private final boolean terminal;
    private final double plannedTotal;
    private final long began = System.nanoTime();

    private String what = "";
    private double plannedBefore;
    private double plannedHere;
    private long hereSince = began;
    private long measuringSince;
    private long shownAt;
    private boolean drawn;

    /** A bar over work that is planned to take so many seconds, or {@link #NO_PLAN}. */
    ProgressBar(PrintStream out, boolean terminal, double plannedSeconds) {
        this.out = out;
        this.terminal = terminal;
        this.plannedTotal = plannedSeconds;
        // A terminal shows it at once.
        this.shownAt = terminal ? began - REDRAW_NANOS - 1 : began;
    }

    /** Begins a part that is planned to take so many seconds. */
    void begin(String part, double plannedSeconds) {
        what = part;
        plannedHere = plannedSeconds;
        hereSince = System.nanoTime();
        measuringSince = 0;
        show("", terminal);
    }

    /** So many units are done in this part. */
    void update(long done, String unit) {
        long now = System.nanoTime();
        if (measuringSince == 0) {
            measuringSince = now;
        }
        double seconds = (now - measuringSince) / 1e9;
        String rate = seconds > 0.05 ? String.format(Locale.ROOT, "  %,.0f %s/s", done / seconds, unit) : "";
        show(rate, isDue());
    }

    /** This part is over; a line stays that says how it went. */
    void end(String line) {
        plannedBefore += plannedHere;
        plannedHere = 0;
        line(line);
    }

    /** All is over: the line drawn last goes away. */
    void clear() {
        if (drawn) {
            out.print(CLEAR_LINE);
            out.flush();
            drawn = false;
        }
    }

    /** Work planned to take so many seconds is not done after all. */
    void skip(double plannedSeconds) {
        plannedBefore += plannedSeconds;
    }

    /** Prints a line that stays. */
    void line(String line) {
        clear();
        out.println(line);
        out.flush();
        shownAt = System.nanoTime();
    }

    /** A share of all is done, of work whose progress is known without a plan. */
    void at(double share, String doing, String rate) {
        what = doing;
        if (isDue()) {
            draw(share, rate);
        }
    }

    private boolean isDue() {
        return System.nanoTime() - shownAt > (terminal ? REDRAW_NANOS : LINE_NANOS);
    }

    private void show(String rate, boolean due) {
        if (due) {
            double here = Math.min(plannedHere, (System.nanoTime() - hereSince) / 1e9);
            draw(Math.min(1, (plannedBefore + here) / plannedTotal), rate);
        }
    }

    private void draw(double share, String rate) {
        shownAt = System.nanoTime();
        String text = String.format(
                Locale.ROOT, "[%s] %3.0f%%  %s%s  %s left", bar(share), share * 100, what, rate, timeLeft(share));
        if (terminal) {
            out.print(CLEAR_LINE + text);
            drawn = true;
        } else {
            out.println(text);
        }
        out.flush();
    }

    private String timeLeft(double share) {
        double elapsed = (shownAt - began) / 1e9;
        if (share >= TRUSTED_SHARE) {
            return clock(elapsed / share * (1 - share));
        }
        // Until then the plan is the better guess, if there is one.
        return plannedTotal > 0 ? clock(plannedTotal * (1 - share)) : "?";
    }

    private static String bar(double share) {
        int full = (int) Math.round(share * BAR_CELLS);
        return "#".repeat(full) + ".".repeat(BAR_CELLS - full);
    }

    /** Minutes and seconds, like 2:07. */
    static String clock(double seconds) {
        long whole = Math.round(seconds);
        return String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60);
    }
}
