package dev.catena.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** A quick comparison keeps its time on a slow machine, by leaving out rounds. */
final class ScaleTest {
    private static final Scale SCALE = new Scale(3, 1_000, 1, 1, 100);

    @Test
    void allRoundsWhileThereIsTime() {
        assertEquals(3, SCALE.affordableRounds(0, 0, 90));
        assertEquals(3, SCALE.affordableRounds(10, 10, 80));
        assertEquals(3, SCALE.affordableRounds(50, 90, 10));
    }

    @Test
    void fewerWhenThePaceIsSlow() {
        assertEquals(2, SCALE.affordableRounds(20, 15, 75)); // 80 left, 100 needed
        assertEquals(1, SCALE.affordableRounds(40, 20, 70)); // 60 left, 140 needed
        assertEquals(1, SCALE.affordableRounds(120, 80, 20)); // too late already
    }

    @Test
    void noLimitNeverLeavesOut() {
        assertEquals(5, Scale.FULL.affordableRounds(1e6, 1, 1e6));
    }
}
