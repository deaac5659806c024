package dev.catena.bench;

/** Keeps the exported package non-empty; delete this file with the first real class. */
final class Placeholder {
    private Placeholder() {}
}
