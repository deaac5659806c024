package dev.catena.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Checks that are the same wherever a store has what was written to it. */
final class Everywhere {
    private Everywhere() {}

    /**
     * Checks a store with what it has in memtables, in tables, in a copy, and in the last level.
     *
     * @param directory for the copy
     */
    static void check(Db db, Path directory, Consumer<Db> check) {
        check.accept(db);
        db.flush();
        check.accept(db);
        Path copy = directory.resolve("copy" + System.nanoTime());
        db.checkpoint(copy);
        try (Db other = Db.open(copy, db.options())) {
            check.accept(other);
        }
        db.compact();
        check.accept(db);
        assertEquals(List.of(), db.verify(VerifyListener.NONE).damages());
    }
}
