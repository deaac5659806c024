package dev.catena.io.internal;

/**
 * Runs the chains of one lane. One thread at a time calls it (the lane's owner); chains are named by number and live in
 * the shared memory. A driver does not return from {@link #await} before the chain has finished, nothing of it is in
 * flight and its one completion was taken.
 */
public interface Driver extends AutoCloseable {
    /** Begins to run an idle chain: what is published, in order. Sets the chain's {@code ring}. */
    void start(int chain);

    /** More steps were published, or the chain was sealed. */
    void publish(int chain);

    /** Returns when the chain has finished. */
    void await(int chain);

    /** Returns when step {@code index} is done or the chain has finished. */
    void awaitStep(int chain, int index);

    /** Closes rings. No chain is running. */
    @Override
    void close();
}
