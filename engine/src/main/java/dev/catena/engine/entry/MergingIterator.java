package dev.catena.engine.entry;

import java.util.List;

/**
 * Several sorted inputs as one, both ways. No two of their entries compare equal.
 *
 * <p>The input that holds the smallest entry (the largest while it goes backward, when all comparisons are turned round) is kept apart from the others, which form a binary heap. After a move it is compared
 * with the heap's top first: while one input has a run of entries (one newer source over one older, the common case), an entry
 * costs one comparison. Keys' positions and 8-byte prefixes are kept in arrays beside the heap, so most comparisons touch neither
 * an input nor its key.
 *
 * <p>All inputs stand on or beyond the current entry, as seen in the direction of the walk. Turning round seeks the others anew.
 *
 * <p>When an input fails, the iterator stands nowhere until the next seek. Not thread safe.
 */
public final class MergingIterator implements InternalIterator {
    private final KeyOrder order;
    private final InternalIterator[] inputs;
    private final long[] prefixes;
    private final long[] keys;
    private final int[] lengths;
    private final long[] trailers;

    /** Inputs but the current that stand on an entry; the next in the direction of the walk is first. */
    private final int[] heap;

    private int heapSize;

    /** The input that stands on the current entry, -1 for none. */
    private int current = -1;

    private boolean backward;

    private MergingIterator(KeyOrder order, List<? extends InternalIterator> inputs) {
        this.order = order;
        this.inputs = inputs.toArray(InternalIterator[]::new);
        int count = this.inputs.length;
        prefixes = new long[count];
        keys = new long[count];
        lengths = new int[count];
        trailers = new long[count];
        heap = new int[count];
    }

    /**
     * An iterator over all entries of the inputs, in order. Owns the inputs: closing it closes them. Of one input it is that input
     * itself.
     */
    public static InternalIterator of(KeyOrder order, List<? extends InternalIterator> inputs) {
        return inputs.size() == 1 ? inputs.get(0) : new MergingIterator(order, inputs);
    }

    @Override
    public void seekToFirst() {
        current = -1;
        backward = false;
        for (InternalIterator input : inputs) {
            input.seekToFirst();
        }
        buildHeap();
    }

    @Override
    public void seek(long key, int length, long trailer) {
        current = -1;
        backward = false;
        for (InternalIterator input : inputs) {
            input.seek(key, length, trailer);
        }
        buildHeap();
    }

    @Override
    public void seekToLast() {
        current = -1;
        backward = true;
        for (InternalIterator input : inputs) {
            input.seekToLast();
        }
        buildHeap();
    }

    @Override
    public void seekBefore(long key, int length, long trailer) {
        current = -1;
        backward = true;
        for (InternalIterator input : inputs) {
            input.seekBefore(key, length, trailer);
        }
        buildHeap();
    }

    @Override
    public void next() {
        if (backward) {
            turn();
        }
        int moved = current;
        current = -1;
        InternalIterator input = inputs[moved];
        input.next();
        follow(moved, input);
    }

    @Override
    public void prev() {
        if (!backward) {
            turn();
        }
        int moved = current;
        current = -1;
        InternalIterator input = inputs[moved];
        input.prev();
        follow(moved, input);
    }

    /** Makes the input that comes next the current one, after the current one has moved. */
    private void follow(int from, InternalIterator input) {
        int moved = from;
        if (input.isValid()) {
            load(moved, input);
            if (heapSize > 0 && isBefore(heap[0], moved)) {
                int smallest = heap[0];
                siftDown(moved);
                moved = smallest;
            }
            current = moved;
        } else if (heapSize > 0) {
            int smallest = heap[0];
            int last = heap[--heapSize];
            if (heapSize > 0) {
                siftDown(last);
            }
            current = smallest;
        }
    }

    @Override
    public boolean isValid() {
        return current >= 0;
    }

    @Override
    public long keyAddress() {
        return keys[current];
    }

    @Override
    public int keyLength() {
        return lengths[current];
    }

    @Override
    public long trailer() {
        return trailers[current];
    }

    @Override
    public long valueAddress() {
        return inputs[current].valueAddress();
    }

    @Override
    public int valueLength() {
        return inputs[current].valueLength();
    }

    @Override
    public void close() {
        current = -1;
        RuntimeException failure = null;
        for (InternalIterator input : inputs) {
            try {
                input.close();
            } catch (RuntimeException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** Turns round at the current entry, whose key stays where it is while the other inputs move. */
    private void turn() {
        int at = current;
        current = -1;
        backward = !backward;
        for (int i = 0; i < inputs.length; i++) {
            if (i != at && backward) {
                inputs[i].seekBefore(keys[at], lengths[at], trailers[at]);
            } else if (i != at) {
                inputs[i].seek(keys[at], lengths[at], trailers[at]);
            }
        }
        buildHeap();
    }

    private void buildHeap() {
        heapSize = 0;
        for (int i = 0; i < inputs.length; i++) {
            if (inputs[i].isValid()) {
                load(i, inputs[i]);
                siftUp(i);
            }
        }
        if (heapSize > 0) {
            int smallest = heap[0];
            int last = heap[--heapSize];
            if (heapSize > 0) {
                siftDown(last);
            }
            current = smallest;
        }
    }

    private void load(int i, InternalIterator input) {
        long key = input.keyAddress();
        int length = input.keyLength();
        keys[i] = key;
        lengths[i] = length;
        trailers[i] = input.trailer();
        prefixes[i] = order.prefix(key, length);
    }

    /** Whether one input's entry comes before another's in the direction of the walk. */
    private boolean isBefore(int a, int b) {
        long x = prefixes[a];
        long y = prefixes[b];
        if (x != y) {
            return Long.compareUnsigned(x, y) < 0 != backward;
        }
        int compared = order.compareAfterPrefix(keys[a], lengths[a], keys[b], lengths[b]);
        if (compared == 0) {
            compared = Long.compareUnsigned(trailers[b], trailers[a]);
        }
        return compared < 0 != backward;
    }

    /** Adds an input at the heap's end and moves it up. */
    private void siftUp(int input) {
        int at = heapSize++;
        while (at > 0) {
            int parent = (at - 1) >>> 1;
            if (!isBefore(input, heap[parent])) {
                break;
            }
            heap[at] = heap[parent];
            at = parent;
        }
        heap[at] = input;
    }

    /** Puts an input in the place of the heap's top and moves it down. */
    private void siftDown(int input) {
        int at = 0;
        while (true) {
            int child = 2 * at + 1;
            if (child >= heapSize) {
                break;
            }
            if (child + 1 < heapSize && isBefore(heap[child + 1], heap[child])) {
                child++;
            }
            if (!isBefore(heap[child], input)) {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = input;
    }
}
