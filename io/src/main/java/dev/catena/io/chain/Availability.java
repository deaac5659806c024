package dev.catena.io.chain;

/**
 * Whether a backend works on this machine, and why not.
 *
 * @param name the backend's name, as {@code CATENA_BACKEND} takes it
 * @param available whether it was tried and works
 * @param reason why not, and what would help; "works" if it does
 */
public record Availability(String name, boolean available, String reason) {}
